"""Predictions that are singletons already: found valid, and written as they are."""

import sys
from typing import Any

import numpy as np

from lightly_assets.encoding.box_checks import check_far, check_point_shares, check_shares
from lightly_assets.encoding.task_settings import Encoded, Singletons, TaskSettings
from lightly_assets.format.boxes import EDGE_TOLERANCE, fits_as_xyxy, widen_flat_boxes
from lightly_assets.format.rules.prediction_rules import Expected, PredictionRules
from lightly_assets.format.rules.table import RULES
from lightly_assets.models.config import EncodeSettings
from lightly_assets.models.nms import suppress
from lightly_assets.models.results import Ready, ResultError


def encode_ready(result: Ready, settings: TaskSettings, width: int, height: int) -> Encoded:
    """Singletons as they are, once they are found valid; only boxes that leave the image are cut."""
    given = settings.encode
    singletons = [one for one in result.singletons if _score(one) >= given.score_threshold]
    if given.category_map is not None:
        singletons = _renamed(singletons, settings.class_map or {})
    rules = PredictionRules(settings.schema, Expected(None, width, height), None)
    clipped = dropped = 0
    as_corners = _count_as_corners(singletons, width, height)
    written: Singletons = []
    for index, one in enumerate(singletons):
        fitted = _fitted_bbox(one, settings, width, height, index)
        if fitted is None:
            dropped += 1
            continue
        clipped += fitted is not one
        for rule, pointer, message in rules.problems(fitted):
            if RULES[rule].severity == "error":
                raise ResultError(f"prediction {index}{pointer}: {message}")
        written.append(fitted)
    if dropped:
        given_boxes = np.array([box for one in singletons if (box := _bbox(one))], dtype=np.float64)
        given_boxes[:, 2:] += given_boxes[:, :2]
        check_shares(given_boxes, np.zeros(len(given_boxes)), width, height)
    if settings.schema.task_type == "keypoint-detection" and written:
        points = [np.array(one["keypoints"], dtype=np.float64).reshape(-1, 3) for one in written]
        check_point_shares(points, np.zeros(len(points)), width, height)
    return Encoded(_suppressed(written, given), clipped, dropped, as_corners=as_corners)


def _score(singleton: dict[str, Any]) -> float:
    """The score, as far as it is one; the rules say what is wrong with others."""
    score = singleton.get("score")
    return score if isinstance(score, int | float) else 1.0


def _renamed(singletons: Singletons, known: dict[int, int]) -> Singletons:
    """With the category map applied; predictions of other classes are left out."""
    pairs = [(one, one.get("category_id")) for one in singletons]
    return [one | {"category_id": known[old]} for one, old in pairs if isinstance(old, int) and old in known]


def _bbox(singleton: dict[str, Any]) -> list[float] | None:
    """The box, where there is one of four numbers; the rules say what is wrong with others."""
    bbox = singleton.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(type(one) in (int, float) for one in bbox):
        return None
    # No double holds an integer of hundreds of digits.
    return bbox if all(type(one) is float or abs(one) <= sys.float_info.max for one in bbox) else None


def _count_as_corners(singletons: Singletons, width: int, height: int) -> int:
    """How many boxes lie in the image when they are read as corners."""
    boxes = [box for one in singletons if (box := _bbox(one))]
    return int(fits_as_xyxy(np.array(boxes, dtype=np.float64), width, height).sum()) if boxes else 0


def _fitted_bbox(
    singleton: dict[str, Any], settings: TaskSettings, width: int, height: int, index: int
) -> dict[str, Any] | None:
    """The singleton itself where its box lies in the image; None where nothing of the box is left."""
    bbox = _bbox(singleton)
    if bbox is None:
        return singleton
    if settings.schema.task_type == "keypoint-detection":
        # A person whose keypoints lie on one line is no less a person.
        clip = settings.boxes == "clip"
        grown = widen_flat_boxes(np.array([bbox], dtype=np.float64), width, height, cut=clip)[0].tolist()
        if grown != bbox:
            bbox = grown
            singleton = singleton | {"bbox": grown}
    x, y, w, h = bbox
    inside = x >= 0 and y >= 0 and x + w <= width + EDGE_TOLERANCE and y + h <= height + EDGE_TOLERANCE
    if (inside and w >= 1 and h >= 1) or w < 0 or h < 0:
        return singleton
    check_far(np.array([[x, y, x + w, y + h]], dtype=np.float64), width, height)
    if settings.boxes == "strict":
        raise ResultError(
            f"prediction {index}: bbox is {bbox}, but x, y ≥ 0, w, h ≥ 1 and it must lie in the image of "
            f"{width}×{height} pixels; 'boxes: clip' would cut such boxes."
        )
    left, top = max(x, 0), max(y, 0)
    cut = [left, top, min(x + w, width) - left, min(y + h, height) - top]
    return singleton | {"bbox": cut} if cut[2] >= 1 and cut[3] >= 1 else None


def _suppressed(singletons: Singletons, settings: EncodeSettings) -> Singletons:
    most = settings.max_detections
    if settings.nms_iou is not None and all("bbox" in one and "score" in one for one in singletons):
        xywh = np.array([one["bbox"] for one in singletons], dtype=np.float64).reshape(-1, 4)
        boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
        scores = np.array([one["score"] for one in singletons], dtype=np.float64)
        classes = np.array([one["category_id"] for one in singletons], dtype=np.int64)
        groups = classes if settings.nms == "per-category" else None
        singletons = [singletons[place] for place in suppress(boxes, scores, groups, settings.nms_iou)]
    if most is None or len(singletons) <= most:
        return singletons
    by_score = sorted(range(len(singletons)), key=lambda place: -_score(singletons[place]))
    return [singletons[place] for place in sorted(by_score[:most])]
