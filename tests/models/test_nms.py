"""Suppression against its definition, box by box."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lightly_assets.models.nms import suppress


def by_definition(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], groups: list[int], iou: float
) -> list[int]:
    kept: list[int] = []
    for one in sorted(range(len(scores)), key=lambda index: -scores[index]):
        if all(groups[one] != groups[other] or overlap(boxes[one], boxes[other]) <= iou for other in kept):
            kept.append(one)
    return kept


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    shared = float(np.prod(np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)))
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return shared / (areas - shared) if areas > shared else 0.0


@pytest.mark.parametrize("count", [0, 1, 2, 30, 300])
@pytest.mark.parametrize("groups", [1, 3, 100])
def test_the_same_boxes_stay(count: int, groups: int) -> None:
    rng = np.random.default_rng(count + groups)
    low = rng.uniform(0, 100, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(0, 40, (count, 2))], axis=1)
    scores = rng.integers(0, 20, count) / 20
    of = rng.integers(0, groups, count)
    wanted = by_definition(boxes, scores, of.tolist(), 0.3)
    assert suppress(boxes, scores, of, 0.3).tolist() == wanted
    if groups == 1:
        assert suppress(boxes, scores, None, 0.3).tolist() == wanted
    assert len(wanted) < count or count < 30 or groups == 100


def test_boxes_without_area_do_not_suppress_each_other() -> None:
    boxes = np.array([[5.0, 5, 5, 5], [5, 5, 5, 5]])
    assert suppress(boxes, np.array([0.5, 0.5]), None, 0.5).tolist() == [0, 1]
