"""The examples' project files load, and say what to install where their packages are missing."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from lightly_assets.config import load_project
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.protocol import Model, ModelError, Source

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("folder", sorted(path.parent for path in EXAMPLES.glob("*/lightly.yaml")), ids=str)
def test_project_files(folder: Path) -> None:
    assert load_project(folder).tasks


def test_people_found_by_mediapipe_in_a_picture_without_any() -> None:
    """The whole callable runs where its packages are; elsewhere it says what to install."""
    project = load_project(EXAMPLES / "mediapipe")
    models = {
        task.name: load_model(
            task.model,
            task_type=task.task_type,
            categories=task.schema_.categories,
            base_dir=project.base_dir,
        )
        for task in project.tasks
    }
    assert len(models) == 4
    for model in models.values():
        if find_spec("mediapipe") is None:
            with pytest.raises(ModelError, match=r"grey.png: .* pip install --no-deps -r requirements.txt"):
                grey(model)
        else:
            grey(model)


def grey(model: Model) -> None:
    images = np.full((1, 120, 200, 3), 90, dtype=np.uint8)
    assert len(model.predict(images, [Source("grey.png", None, 200, 120)])) == 1
