"""COCO's keypoints: their third values are visibilities or scores."""

from typing import Any

from lightly_assets.errors import BadValue

# COCO's visibility: 0 not labelled, 1 hidden, 2 visible. A label is certain of what is visible.
VISIBILITY_SCORES = {0: 0.0, 1: 0.5, 2: 1.0}


def scored_keypoints(keypoints: list[Any], *, is_label: bool) -> list[Any]:
    """Third values of keypoints as scores: visibilities 0, 1, 2 are converted, what lies between is a score.

    Results have scores, unless a 2 shows that they were copied from labels. Labels have visibilities, and
    some (COCO-WholeBody's) have scores among them.

    Args:
        keypoints: a flat list of numbers, x, y and visibility or score of each point.
        is_label: whether the object has no score of its own.

    Raises:
        BadValue: a third value is neither.
    """
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
