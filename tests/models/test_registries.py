"""A layout or a kind of model is one new file: it is accepted, told in error messages, and documented."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.format.schema import Category
from lightly_assets.models import documentation
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import KINDS, encode_settings, parse_model
from lightly_assets.models.layouts.base import LAYOUTS
from lightly_assets.models.protocol import Source
from tests.models.onnx_files import constant_model

LAYOUT = '''
"""One box in the middle, whatever the model says: a layout for a test."""

import numpy as np
from pydantic import Field

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import Layout, LayoutOptions, layout
from lightly_assets.models.preprocess import Preprocess
from lightly_assets.models.results import Detections


class MiddleOptions(LayoutOptions):
    share: float = Field(0.5, gt=0, le=1, description="of the image that the box takes")


@layout
class Middle(Layout):
    name = "middle_box"
    tasks = (TaskType.OBJECT_DETECTION,)
    outputs = "anything"
    families = "tests"
    first_class = 1
    one_image = True
    suppression = "ours"
    defaults = Preprocess(resize="stretch", size=(64, 64))
    Options = MiddleOptions

    def results(self, outputs, views):
        share = self.settings.options.share
        return [
            Detections(
                np.array([[0, 0, view.width * share, view.height * share]]), np.ones(1), np.ones(1, dtype=int)
            )
            for view in views
        ]
'''
KIND = '''
"""Says nothing about any image: a kind of model for a test."""

from typing import Literal

from lightly_assets.models.config import KINDS, ModelSettings, EncodeSettings


class Silent:
    version, batch_size = "1", 4

    def predict(self, images, sources):
        return [[] for _ in sources]


@KINDS.register("silent")
class SilentModel(ModelSettings):
    """Says nothing."""

    kind: Literal["silent"]

    def encode_settings(self, task_type):
        return self._encode()

    def load(self, task_type, categories, base_dir):
        return Silent()
'''
CATEGORIES = [Category(id=0, name="a"), Category(id=1, name="b")]


def _load(settings: dict[str, Any], folder: Path) -> Any:
    return load_model(
        parse_model(settings), task_type="object-detection", categories=CATEGORIES, base_dir=folder
    )


def _predict(model: Any) -> Any:
    return model.predict(np.zeros((1, 32, 32, 3), dtype=np.uint8), [Source("a.png", None, 32, 32)])[0]


def test_a_layout_is_one_new_file(tmp_path: Path) -> None:
    model = constant_model(tmp_path / "m.onnx", np.zeros((1, 6, 5)), [64, 64])
    settings = {"kind": "onnx", "path": model.name, "layout": "middle_box", "share": 0.25}
    with pytest.raises(ValueError, match=r"layout is 'middle_box'; allowed are .*yolo"):
        parse_model(settings)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "of_a_test.py").write_text(LAYOUT)
    with LAYOUTS.trial(tmp_path / "new"):
        loaded = _load(settings, tmp_path)
        assert loaded.batch_size == 1
        np.testing.assert_allclose(_predict(loaded).boxes, [[0, 0, 8, 8]])
        encoded = encode_settings(parse_model(settings), "object-detection")
        assert (encoded.first_class, encoded.nms_iou) == (1, 0.7)
        with pytest.raises(ValueError, match=r"model.share is 2; it must be at most 1"):
            parse_model(settings | {"share": 2})
        with pytest.raises(ValueError, match=r"model.shar is not a known key \(did you mean share\?\)"):
            parse_model(settings | {"shar": 2})
        with pytest.raises(ValueError, match=r"layout is 'nothing'; allowed are .*middle_box"):
            parse_model(settings | {"layout": "nothing"})
        with pytest.raises(ValueError, match=r"layout is missing; .*middle_box"):
            parse_model({"kind": "onnx", "path": "m.onnx"})
        assert (
            "| `middle_box` | anything | tests | object-detection | ours |" in documentation.layouts_table()
        )
        assert "| `middle_box` | `share` | of the image that the box takes |" in documentation.options_table()
    with pytest.raises(ValueError, match="layout is 'middle_box'"):
        parse_model(settings)


def test_a_kind_of_model_is_one_new_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"kind is 'silent'; allowed are .*onnx"):
        parse_model({"kind": "silent"})
    (tmp_path / "of_a_test.py").write_text(KIND)
    with KINDS.trial(tmp_path):
        assert _predict(_load({"kind": "silent"}, tmp_path)).singletons == []
        with pytest.raises(ValueError, match=r"kind is 'loud'; allowed are .*silent"):
            parse_model({"kind": "loud"})
        assert "| `silent` | Says nothing |" in documentation.kinds_table()


def test_the_page_is_that_of_the_code() -> None:
    path = Path(__file__).parents[2] / "docs" / "models.md"
    assert path.read_text() == documentation.page(path.read_text()), (
        "run: python -m lightly_assets.models.documentation docs"
    )


def test_every_layout_and_kind_is_described() -> None:
    for kind in LAYOUTS.values():
        assert kind.outputs and kind.families and kind.__doc__, kind
        assert all(field.description for field in kind.Options.model_fields.values()), kind
    for settings in KINDS.values():
        assert settings.__doc__
