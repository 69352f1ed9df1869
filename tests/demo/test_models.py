"""The demo's models: what they take and give, and that they find what is there."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml

from benchmarks.demo.accuracy import Accuracy, measure
from lightly_assets.demo.footage import SEMANTIC_CLASSES, WEATHERS
from lightly_assets.demo.project import MODELS

PLACES = 48 * 80
SHAPES = {
    "objects": [(4 + 2, PLACES)],
    "people": [(4 + 1 + 5 * 3, PLACES)],
    "instances": [(4 + 2 + 16, PLACES), (16, 96, 160)],
    "semantic": [(6, 96, 160)],
    "weather": [(3,)],
}


@pytest.fixture(scope="module")
def accuracy() -> Accuracy:
    return measure(MODELS, scenes=15)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_have_the_promised_shapes(name: str, batch: int) -> None:
    session = onnxruntime.InferenceSession(MODELS / f"{name}.onnx", providers=["CPUExecutionProvider"])
    (image_input,) = session.get_inputs()
    assert image_input.shape[1:] == [3, 192, 320]
    rng = np.random.default_rng(4)
    pixels = rng.random((batch, 3, 192, 320), dtype=np.float32)
    outputs = session.run(None, {image_input.name: pixels})
    assert [one.shape for one in outputs] == [(batch, *shape) for shape in SHAPES[name]]
    assert all(one.dtype == np.float32 and np.isfinite(one).all() for one in outputs)
    if name in ("objects", "people", "instances"):
        scores = outputs[0][:, 4 : 4 + (1 if name == "people" else 2)]
        assert scores.min() >= 0
        assert scores.max() <= 1
    # An image's result does not depend on the others of its batch.
    alone = session.run(None, {image_input.name: pixels[:1]})
    for one, whole in zip(alone, outputs, strict=True):
        np.testing.assert_allclose(one[0], whole[0], rtol=1e-3, atol=1e-3)


def test_files_are_small() -> None:
    sizes = [path.stat().st_size for path in MODELS.glob("*.onnx")]
    assert len(sizes) == len(SHAPES)
    assert max(sizes) < 1_000_000
    assert sum(sizes) < 2_500_000


def test_the_project_names_every_model_and_the_classes_in_their_order() -> None:
    project: dict[str, Any] = yaml.safe_load((MODELS.parent / "lightly.yaml").read_text())
    tasks = {Path(task["model"]["path"]).stem: task for task in project["tasks"]}
    assert set(tasks) == set(SHAPES)

    def names(model: str) -> tuple[str, ...]:
        categories = tasks[model]["categories"]
        assert [one["id"] for one in categories] == list(range(len(categories)))
        return tuple(one["name"] for one in categories)

    assert names("weather") == WEATHERS
    assert names("semantic") == SEMANTIC_CLASSES
    assert names("objects") == names("instances") == ("person", "car")
    assert names("people") == ("person",)
    assert all(task["model"]["preprocess"]["size"] == [192, 320] for task in tasks.values())


def test_objects_are_found_on_unseen_streets(accuracy: Accuracy) -> None:
    assert accuracy.candidates.mean_average_precision > 0.93
    for found in (accuracy.objects, accuracy.instances, accuracy.people):
        assert found.hits > 100
        assert found.precision > 0.9
        assert found.recall > 0.9
        assert np.mean(found.ious) > 0.8


def test_masks_and_keypoints_fit(accuracy: Accuracy) -> None:
    assert np.mean(accuracy.mask_ious) > 0.7
    assert np.mean(np.array(accuracy.point_errors) < 0.1) > 0.85


def test_ground_sky_and_weather_are_told_apart(accuracy: Accuracy) -> None:
    assert accuracy.class_ious.mean() > 0.83
    assert accuracy.class_ious.min() > 0.6
    assert accuracy.weather >= 0.93 * accuracy.frames
