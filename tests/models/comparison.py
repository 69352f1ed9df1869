"""Compares what is written with what a package found: the same predictions, boxes, masks and keypoints."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format import rle
from lightly_assets.format.boxes import fit_boxes, widen_flat_boxes, xyxy_to_xywh

MIN_IOU = 0.98


def assert_same(
    singletons: list[dict[str, Any]], found: dict[str, NDArray[Any]], width: int, height: int
) -> int:
    """Every prediction has its counterpart, in any order; how many there are."""
    if "label_map" in found:
        return _assert_same_labels(singletons, found["label_map"])
    if "probabilities" in found:
        np.testing.assert_allclose(singletons[0]["probabilities"], found["probabilities"], atol=1e-6)
        assert singletons[0]["category_id"] == found["probabilities"].argmax()
        return 1
    given = xyxy_to_xywh(found["boxes"])
    if "keypoints" in found:
        given = widen_flat_boxes(given, width, height)
    fitted = fit_boxes(given, width, height)
    places = np.flatnonzero(fitted.kept)
    if "masks" in found:
        filled = found["masks"][places].any(axis=(1, 2))
        places, boxes = places[filled], fitted.xywh[filled]
    else:
        boxes = fitted.xywh
    assert len(singletons) == len(places), "another number of predictions"
    free = list(range(len(singletons)))
    for place, box in zip(places, boxes, strict=True):
        match = max(free, key=lambda one: _likeness(singletons[one], box, found, place))
        free.remove(match)
        _assert_one(singletons[match], box, found, place, (height, width))
    return len(singletons)


def _likeness(one: dict[str, Any], box: NDArray[Any], found: dict[str, NDArray[Any]], place: int) -> float:
    same = one["category_id"] == found["classes"][place]
    return same + iou(one["bbox"], box) - 10 * abs(one["score"] - float(found["scores"][place]))


def _assert_one(
    one: dict[str, Any], box: NDArray[Any], found: dict[str, NDArray[Any]], place: int, size: tuple[int, int]
) -> None:
    assert one["category_id"] == found["classes"][place]
    assert abs(one["score"] - found["scores"][place]) < 1e-5
    assert iou(one["bbox"], box) >= MIN_IOU, (one["bbox"], box)
    if "masks" in found:
        ours, theirs = rle.decode(one["segmentation"], *size) > 0, found["masks"][place] > 0
        shared, either = (ours & theirs).sum(), (ours | theirs).sum()
        # On a mask of a few pixels, a single one at the edge is more than two percent.
        assert shared / either >= MIN_IOU or either - shared <= 2, (shared, either)
    if "keypoints" in found:
        points = np.array(one["keypoints"]).reshape(-1, 3)[:, :2]
        theirs = np.clip(found["keypoints"][place][:, :2], 0, size[::-1])
        assert np.abs(points - theirs).max() < 1


def iou(one: Any, other: Any) -> float:
    """Of two boxes ``[x, y, w, h]``."""
    (x, y, w, h), (u, v, s, t) = one, other
    shared = max(0.0, min(x + w, u + s) - max(x, u)) * max(0.0, min(y + h, v + t) - max(y, v))
    return float(shared / (w * h + s * t - shared))


def _assert_same_labels(singletons: list[dict[str, Any]], labels: NDArray[Any]) -> int:
    assert [one["category_id"] for one in singletons] == np.unique(labels).tolist()
    for one in singletons:
        ours, theirs = rle.decode(one["segmentation"], *labels.shape) > 0, labels == one["category_id"]
        shared, either = (ours & theirs).sum(), (ours | theirs).sum()
        assert shared / either >= MIN_IOU or either - shared <= 2
    return len(singletons)
