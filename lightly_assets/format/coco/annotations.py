"""Annotations and results as COCO has them, as prediction singletons; their numbers stay as they are.

Source: the specification's "Create Object Detection Prediction Files from COCO" for boxes; the other task
types likewise. What is written is not validated here.
"""

from statistics import mean
from typing import Any

from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.coco.masks import from_coco
from lightly_assets.format.schema import TaskType

# COCO's visibility: 0 not labelled, 1 hidden, 2 visible. A label is certain of what is visible.
VISIBILITY_SCORES = {0: 0.0, 1: 0.5, 2: 1.0}

Singleton = dict[str, Any]


def is_image_id(value: Any) -> bool:
    """Whether an image can have this ``id``: a number, or the text that some tools write."""
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def annotation_singleton(
    annotation: dict[str, Any], task_type: TaskType, *, width: int, height: int, default_score: float = 1.0
) -> Singleton:
    """One annotation as a singleton, in the specification's order of keys.

    Crowds (``iscrowd``) are annotations like all others.

    Args:
        width, height: of the image in pixels, for masks.
        default_score: where the annotation has none.

    Raises:
        BadValue: one sentence about what the annotation lacks.
    """
    one: Singleton = {"category_id": annotation.get("category_id")}
    score = annotation.get("score", default_score)
    if task_type is TaskType.OBJECT_DETECTION:
        one |= {"bbox": _needed(annotation, "bbox", task_type), "score": score}
    elif task_type is TaskType.KEYPOINT_DETECTION:
        points = _needed(annotation, "keypoints", task_type)
        one |= {"keypoints": _scored(points, is_label="score" not in annotation), "score": score}
        one |= {"bbox": annotation["bbox"]} if "bbox" in annotation else {}
    elif task_type is TaskType.CLASSIFICATION:
        one["score"] = score
    else:
        counts = from_coco(_needed(annotation, "segmentation", task_type), height, width)
        one |= {"segmentation": counts, "score": score}
        if task_type is TaskType.INSTANCE_SEGMENTATION:
            # COCO's boxes may be smaller than their masks by parts of a pixel; the format's are not.
            one["bbox"] = rle.bounding_box(counts, width) or annotation.get("bbox")
    if "probabilities" in annotation:
        one["probabilities"] = annotation["probabilities"]
    return one


def image_singletons(
    found: list[Singleton], task_type: TaskType, *, width: int, height: int
) -> list[Singleton]:
    """The singletons of all annotations of an image as the format wants them.

    Objects stay as they are. A classification is the one with the highest score; of a semantic segmentation
    each category has one mask, the union of its annotations, with their mean score.

    Raises:
        BadValue: several classes have the highest score.
    """
    if task_type is TaskType.CLASSIFICATION:
        return _one_class(found)
    if task_type is TaskType.SEMANTIC_SEGMENTATION:
        return _by_category(found, width, height)
    return found


def _needed(annotation: dict[str, Any], key: str, task_type: TaskType) -> Any:
    if key not in annotation:
        raise BadValue(f"it has no {key}, which {task_type} needs.")
    return annotation[key]


def _scored(keypoints: Any, *, is_label: bool) -> Any:
    """Third values of keypoints as scores: visibilities 0, 1, 2 are converted, what lies between is a score.

    Results have scores, unless a 2 shows that they were copied from labels. Labels have visibilities, and
    some (COCO-WholeBody's) have scores among them.
    """
    if not isinstance(keypoints, list) or not all(type(value) in (int, float) for value in keypoints):
        return keypoints
    thirds = keypoints[2::3]
    for index, value in enumerate(thirds):
        if not (0 <= value <= 1 or value == 2):
            raise BadValue(
                f"keypoint {index} has the third value {value:g}; it must be a visibility (0, 1 or 2) or a "
                "score in [0, 1]; bring scores of another range into that one."
            )
    if 2 in thirds or (is_label and all(value in VISIBILITY_SCORES for value in thirds)):
        keypoints = list(keypoints)
        keypoints[2::3] = [VISIBILITY_SCORES.get(value, value) for value in thirds]
    return keypoints


def _one_class(found: list[Singleton]) -> list[Singleton]:
    if not found:
        return []
    top = max(one["score"] for one in found)
    best = [one for one in found if one["score"] == top]
    if len({one["category_id"] for one in best}) > 1:
        ids = ", ".join(str(one["category_id"]) for one in best)
        raise BadValue(f"the image has the categories {ids} with the same score; classification needs one.")
    return best[:1]


def _by_category(found: list[Singleton], width: int, height: int) -> list[Singleton]:
    groups: dict[int, list[Singleton]] = {}
    for one in found:
        groups.setdefault(one["category_id"], []).append(one)
    return [_union(groups[category], width, height) for category in sorted(groups)]


def _union(group: list[Singleton], width: int, height: int) -> Singleton:
    if len(group) == 1:
        return group[0]
    mask = rle.decode(group[0]["segmentation"], height, width)
    for one in group[1:]:
        mask |= rle.decode(one["segmentation"], height, width)
    # Exact, so that equal scores stay what they are.
    score = mean(one["score"] for one in group)
    return {"category_id": group[0]["category_id"], "segmentation": rle.encode(mask), "score": score}
