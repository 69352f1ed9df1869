"""Many images at once give what each gives alone, whatever they have in common and whatever is asked for."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightly_assets.encoding.encode import TaskSettings, encode, encode_batch
from lightly_assets.format.schema import Schema
from lightly_assets.models.config import EncodeSettings
from lightly_assets.models.results import Detections, Keypoints, Ready, Result, ResultError, RunLengths

SIZES = [(60, 40), (30, 50)]
SETTINGS = st.fixed_dictionaries(
    {
        "score_threshold": st.sampled_from([0.0, 0.3, 1.0]),
        "nms_iou": st.sampled_from([None, 0.0, 0.4]),
        "nms": st.sampled_from(["per-category", "all-categories"]),
        "max_detections": st.sampled_from([None, 1, 3]),
        "category_map": st.sampled_from([None, {0: 7, 1: 7}, {2: 3}]),
        "probabilities": st.booleans(),
    }
)


def settings(task_type: str, **given: Any) -> TaskSettings:
    categories = [{"id": one, "name": f"c{one}"} for one in (3, 5, 7)]
    schema = Schema.parse({"task_type": task_type, "categories": categories})
    boxes = given.pop("boxes", "clip")
    return TaskSettings(schema, EncodeSettings(by_position=True, **given), boxes)


def result(kind: str, rng: np.random.Generator, size: tuple[int, int]) -> Result:
    count, dtype = int(rng.integers(0, 5)), rng.choice([np.float32, np.float64])
    low = rng.uniform(-8, 50, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(0, 30, (count, 2))], axis=1).astype(dtype)
    scores = rng.uniform(0, 1, count).round(1).astype(dtype)
    ids = rng.integers(0, 3, count)
    shares = rng.dirichlet([1, 1, 1], count).astype(dtype) if rng.integers(2) else None
    if kind == "object-detection":
        return Detections(boxes, scores, ids, shares)
    if kind == "instance-segmentation":
        masks = rng.uniform(0, 1, (count, size[1], size[0])) > rng.choice([0.5, 1.0])
        runs = RunLengths.of(masks) if count else RunLengths((), size[1], size[0])
        return Detections(boxes, scores, ids, shares, masks if rng.integers(2) else runs)
    points: Any = rng.uniform(-5, 60, (count, 4, 3)) * [1, 1, 1 / 66] + [0, 0, 0.077]
    if rng.integers(2):
        points = [one[: 1 + index] for index, one in enumerate(points)]
    return Keypoints(points, scores, ids, boxes if rng.integers(2) else None, shares)


@pytest.mark.parametrize("task_type", ["object-detection", "instance-segmentation", "keypoint-detection"])
@given(st.integers(0, 10**6), SETTINGS, st.integers(0, 6))
def test_a_batch_gives_what_each_image_gives_alone(
    task_type: str, seed: int, given_settings: dict[str, Any], count: int
) -> None:
    rng = np.random.default_rng(seed)
    task = settings(task_type, **given_settings)
    sizes = [SIZES[int(rng.integers(2))] for _ in range(count)]
    results = [result(task_type, rng, size) for size in sizes]
    alone = [encode(one, task, *size) for one, size in zip(results, sizes, strict=True)]
    together = encode_batch(results, task, sizes)
    assert [one.singletons for one in together] == [one.singletons for one in alone]
    assert [(one.dropped, one.clipped, one.moved_keypoints) for one in together] == [
        (one.dropped, one.clipped, one.moved_keypoints) for one in alone
    ]


def test_an_error_names_the_image_and_its_prediction() -> None:
    good = Detections([[0, 0, 9, 9]], [0.5], [0])
    bad = Detections([[0, 0, 9, 9], [-5, 0, 9, 9]], [0.5, 0.5], [0, 0])
    with pytest.raises(ResultError, match=r"^prediction 1: bbox is .* 60×40") as caught:
        encode_batch([good, good, bad], settings("object-detection", boxes="strict"), [(60, 40)] * 3)
    assert caught.value.index == 2
    with pytest.raises(ResultError, match="has no bbox") as caught:
        encode_batch([good, Ready([{"category_id": 3}])], settings("object-detection"), [(60, 40)] * 2)
    assert caught.value.index == 1
