"""Whatever a user's model returns for an image, as one of the result types.

Objects of other packages are known by their attributes, so none of those packages is imported.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.arrays import as_numpy, plain_numbers
from lightly_assets.format.schema import TaskType
from lightly_assets.models.protocol import Source
from lightly_assets.models.resize import resize_plane
from lightly_assets.models.results import (
    Classification,
    Detections,
    Keypoints,
    Ready,
    Result,
    ResultError,
    RunLengths,
    SemanticScores,
    SemanticSegments,
)

_ACCEPTED: dict[TaskType, tuple[type, ...]] = {
    TaskType.CLASSIFICATION: (Classification,),
    TaskType.OBJECT_DETECTION: (Detections,),
    TaskType.KEYPOINT_DETECTION: (Keypoints,),
    TaskType.INSTANCE_SEGMENTATION: (Detections,),
    TaskType.SEMANTIC_SEGMENTATION: (SemanticScores, SemanticSegments),
}
_EXPECTED = {
    TaskType.CLASSIFICATION: "Classification",
    TaskType.OBJECT_DETECTION: "Detections",
    TaskType.KEYPOINT_DETECTION: "Keypoints",
    TaskType.INSTANCE_SEGMENTATION: "Detections with masks",
    TaskType.SEMANTIC_SEGMENTATION: "SemanticScores",
}


def as_result(obj: Any, source: Source, task_type: TaskType) -> Result:
    """What a model returned for one image, as a result that fits the task and the image.

    Args:
        obj: a result type; a list of ready singletons; supervision ``Detections``, ``KeyPoints`` or
            ``Classifications``; ultralytics ``Results``; a torchvision dict of boxes, labels and scores.
        source: the image, for its size.
        task_type: the task's type.

    Raises:
        ResultError: it is none of these, or not what the task needs, or a mask has another size.
    """
    result = _converted(obj, source, task_type)
    if isinstance(result, Ready):
        return result
    if isinstance(result, Detections) and task_type is TaskType.KEYPOINT_DETECTION:
        result = _keypoints_of(result)
    if not isinstance(result, _ACCEPTED[task_type]):
        raise ResultError(
            f"The model returned {type(result).__name__}; a task of type {task_type} needs "
            f"{_EXPECTED[task_type]} or a list of singletons."
        )
    _check_size(result, source, task_type)
    return result


def _converted(obj: Any, source: Source, task_type: TaskType) -> Result:
    if isinstance(obj, Classification | Detections | Keypoints | SemanticScores | SemanticSegments | Ready):
        return obj
    if obj is None:
        raise ResultError("The model returned None; for an image without predictions return an empty list.")
    if isinstance(obj, list | tuple):
        return _singletons(list(obj))
    if isinstance(obj, Mapping):
        return _from_torchvision(obj)
    for names, convert in _FOREIGN:
        if all(hasattr(obj, name) for name in names):
            return convert(obj, source, task_type)
    raise ResultError(
        f"The model returned {_described(obj)}; a task of type {task_type} needs {_EXPECTED[task_type]} "
        "or a list of singletons, one for each image."
    )


def _described(obj: Any) -> str:
    kind = type(obj)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{name} of shape {tuple(obj.shape)}" if hasattr(obj, "shape") else name


def _singletons(items: list[Any]) -> Ready:
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise ResultError(
                f"The model returned a list with {_described(item)} at [{index}]; a list for an image must "
                "hold singletons (dicts)."
            )
    return Ready([_plain_singleton(item, index) for index, item in enumerate(items)])


def _plain_singleton(item: dict[str, Any], index: int) -> dict[str, Any]:
    """The same singleton, with numbers of NumPy and torch as Python's own."""
    plain = {key: _plain(value) for key, value in item.items()}
    for key, value in plain.items():
        numbers = value if isinstance(value, list) else [value]
        # Run lengths are integers by the thousand: those need no second look.
        if float in set(map(type, numbers)) and not all(map(math.isfinite, numbers)):
            raise ResultError(f"prediction {index}: {key} is {value}; it must be a finite number.")
    return plain


def _plain(value: Any) -> Any:
    if type(value) in (int, float, str, bool):
        return value
    if isinstance(value, list | tuple):
        return list(value) if set(map(type, value)) <= {int, float} else [_plain(one) for one in value]
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "detach"):
        return plain_numbers(as_numpy(value))
    return value


def _keypoints_of(detections: Detections) -> Keypoints:
    if detections.keypoints is None:
        raise ResultError("The model returned Detections without keypoints; keypoint-detection needs them.")
    return Keypoints(
        detections.keypoints,
        detections.scores,
        detections.category_ids,
        detections.boxes,
        detections.probabilities,
    )


def _check_size(result: Result, source: Source, task_type: TaskType) -> None:
    frame = (source.height, source.width)
    if isinstance(result, SemanticScores | SemanticSegments) and result.size != frame:
        raise ResultError(f"{_sizes('the scores or labels', result.size, frame)}")
    if not isinstance(result, Detections) or task_type is not TaskType.INSTANCE_SEGMENTATION:
        return
    masks = result.masks
    if masks is None:
        raise ResultError("The model returned Detections without masks; instance-segmentation needs them.")
    size = (masks.height, masks.width) if isinstance(masks, RunLengths) else masks.shape[1:]
    if len(result) and size != frame:
        raise ResultError(_sizes("the masks", size, frame))


def _sizes(what: str, size: tuple[int, ...], frame: tuple[int, int]) -> str:
    return (
        f"{what} are {size[1]}×{size[0]} pixels, but the image is {frame[1]}×{frame[0]}; "
        "they must cover the image pixel for pixel, so resize them to it."
    )


def _from_torchvision(given: Mapping[str, Any]) -> Detections:
    missing = [key for key in ("boxes", "labels", "scores") if key not in given]
    if missing:
        raise ResultError(
            f"The model returned a dict without {missing[0]}; a dict for an image must be torchvision's, "
            "with boxes, labels and scores. Ready singletons go into a list, also when there is only one."
        )
    masks, keypoints = given.get("masks"), given.get("keypoints")
    return Detections(
        given["boxes"],
        given["scores"],
        given["labels"],
        masks=None if masks is None else _binary(masks),
        keypoints=None if keypoints is None else _torchvision_keypoints(keypoints, given),
    )


def _binary(masks: Any) -> NDArray[np.bool_]:
    """(N, 1, H, W) or (N, H, W) probabilities as (N, H, W) masks."""
    array = as_numpy(masks)
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype == np.bool_:
        return array
    return np.asarray(array >= 0.5 if array.dtype.kind == "f" else array > 0)


def _torchvision_keypoints(keypoints: Any, given: Mapping[str, Any]) -> NDArray[Any]:
    """The third number is a visibility that is always 1; the scores are logits of their own."""
    triples = as_numpy(keypoints).copy()
    logits = given.get("keypoints_scores")
    if logits is not None and triples.size:
        triples[..., 2] = 1 / (1 + np.exp(-as_numpy(logits)))
    return triples


def _from_supervision_detections(obj: Any, _source: Source, _task_type: TaskType) -> Detections:
    boxes = as_numpy(obj.xyxy)
    return Detections(
        boxes, _confidence(obj, len(boxes)), _classes(obj, len(boxes)), masks=_supervision_masks(obj)
    )


def _supervision_masks(obj: Any) -> Any:
    masks = obj.mask
    return masks.to_dense() if hasattr(masks, "to_dense") else masks


def _from_supervision_keypoints(obj: Any, _source: Source, _task_type: TaskType) -> Keypoints:
    xy = as_numpy(obj.xy)
    scores = getattr(obj, "keypoint_confidence", None)
    if scores is None:
        scores = getattr(obj, "confidence", None)
    points = np.ones(xy.shape[:2], dtype=xy.dtype) if scores is None else as_numpy(scores)
    if points.shape != xy.shape[:2]:
        raise ResultError(f"The confidences of keypoints have the shape {points.shape}, not {xy.shape[:2]}.")
    objects = getattr(obj, "detection_confidence", None)
    # supervision may know no score of the object: that of its keypoints, on average, stands for it.
    overall = points.mean(axis=1) if objects is None else objects
    return Keypoints(np.concatenate([xy, points[..., None]], axis=2), overall, _classes(obj, len(xy)))


def _from_supervision_classifications(obj: Any, _source: Source, _task_type: TaskType) -> Classification:
    ids = as_numpy(obj.class_id)
    if obj.confidence is None:
        if len(ids) != 1:
            raise ResultError(
                f"Classifications have {len(ids)} classes and no confidence; give the confidence."
            )
        return Classification(int(ids[0]), 1.0)
    scores = as_numpy(obj.confidence)
    best = int(scores.argmax())
    return Classification(int(ids[best]), scores[best])


def _confidence(obj: Any, count: int) -> Any:
    return np.ones(count) if obj.confidence is None else obj.confidence


def _classes(obj: Any, count: int) -> NDArray[np.int64]:
    if obj.class_id is None:
        if count:
            raise ResultError("The detections have no class_id; set it to the category ids of the schema.")
        return np.zeros(0, dtype=np.int64)
    return as_numpy(obj.class_id).astype(np.int64)


def _from_ultralytics(obj: Any, source: Source, task_type: TaskType) -> Result:
    if getattr(obj, "obb", None) is not None:
        raise ResultError("The model returned oriented boxes, which the prediction format does not have.")
    if obj.probs is not None:
        return Classification(probabilities=obj.probs.data)
    if getattr(obj, "semantic_mask", None) is not None:
        return SemanticScores(label_map=as_numpy(obj.semantic_mask.data))
    if obj.boxes is None:
        raise ResultError(f"The ultralytics result has no boxes and no probs; {task_type} needs one of them.")
    height, width = obj.orig_shape
    if (height, width) != (source.height, source.width):
        raise ResultError(
            _sizes("the ultralytics result's coordinates", (height, width), (source.height, source.width))
        )
    masks = keypoints = None
    if task_type is TaskType.INSTANCE_SEGMENTATION:
        masks = _ultralytics_masks(obj.masks, height, width)
    if task_type is TaskType.KEYPOINT_DETECTION and obj.keypoints is not None:
        keypoints = _with_scores(as_numpy(obj.keypoints.data))
    return Detections(
        as_numpy(obj.boxes.xyxy),
        as_numpy(obj.boxes.conf),
        as_numpy(obj.boxes.cls).astype(np.int64),
        masks=masks,
        keypoints=keypoints,
    )


def _with_scores(points: NDArray[Any]) -> NDArray[Any]:
    if points.shape[-1] == 3:
        return points
    return np.concatenate([points, np.ones((*points.shape[:2], 1), dtype=points.dtype)], axis=2)


def _ultralytics_masks(masks: Any, height: int, width: int) -> NDArray[Any]:
    """Masks are in the model's letterboxed size unless ``retina_masks`` was set; undo the letterbox."""
    if masks is None:
        return np.zeros((0, height, width), dtype=np.bool_)
    data = as_numpy(masks.data)
    rows, columns = data.shape[1:]
    if (rows, columns) == (height, width):
        return data > 0.5
    gain = min(rows / height, columns / width)
    inner = (round(height * gain), round(width * gain))
    top, left = round((rows - inner[0]) / 2 - 0.1), round((columns - inner[1]) / 2 - 0.1)
    cut = data[:, top : top + inner[0], left : left + inner[1]].astype(np.float32)
    return np.stack([resize_plane(mask, height, width) > 0.5 for mask in cut])


Convert = Callable[[Any, Source, TaskType], Result]

# The attributes that tell another package's object, most telling first.
_FOREIGN: list[tuple[tuple[str, ...], Convert]] = [
    (("orig_shape", "boxes", "masks", "probs", "keypoints"), _from_ultralytics),
    (("xyxy", "mask", "confidence", "class_id"), _from_supervision_detections),
    (("xy", "class_id"), _from_supervision_keypoints),
    (("class_id", "confidence"), _from_supervision_classifications),
]
