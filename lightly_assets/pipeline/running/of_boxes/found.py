"""The objects of a frame, from what is published of them."""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lightly_assets.format.boxes import keypoint_boxes
from lightly_assets.models.crops.objects import Objects


def parsed_objects(singletons: bytes) -> Objects:
    """Objects of the text of a list, as it is stored: what was made in this pass is read in the same way."""
    return objects_of(orjson.loads(singletons))


def objects_of(singletons: list[dict[str, Any]]) -> Objects:
    """Objects of a frame; of keypoints without a box, their box is the hull of them all."""
    boxes: NDArray[np.float64] = np.empty((len(singletons), 4))
    for number, one in enumerate(singletons):
        if "bbox" in one:
            boxes[number] = one["bbox"]
        else:
            boxes[number] = keypoint_boxes(np.array(one["keypoints"], dtype=np.float64).reshape(1, -1, 3))[0]
    scores = np.array([one["score"] for one in singletons], dtype=np.float64)
    ids = np.array([one["category_id"] for one in singletons], dtype=np.int64)
    return Objects(boxes, scores, ids)
