"""COCO annotations and COCO results as prediction files.

Annotations ("labels") are ``{"images", "annotations", "categories"}``; results are a plain list of
predictions with scores, and need the annotation file of their images. Source: the specification's "Create
Object Detection Prediction Files from COCO", without what is wrong with its script: it overwrites
``tasks.json``, fails for nested names, and gives labels the score 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lightly_assets.format import rle
from lightly_assets.format.boxes import BoxPolicy, fit_boxes, fit_keypoints
from lightly_assets.format.coco_masks import from_coco
from lightly_assets.format.names import (
    find_collisions,
    input_kind,
    prediction_path,
    validate_key,
)
from lightly_assets.format.schema import Schema, TaskType, difference
from lightly_assets.format.singletons import (
    classification_singletons,
    detection_singletons,
    instance_singletons,
    keypoint_singletons,
    semantic_singletons,
)
from lightly_assets.format.tasks import merge_tasks, parse_tasks, tasks_to_bytes, validate_task_name
from lightly_assets.storage import NotFound, Store, open_store

PREDICTIONS = ".lightly/predictions/"
# COCO's visibility: 0 not labelled, 1 hidden, 2 visible. A label is certain of what is visible.
VISIBILITY_SCORES = {0: 0.0, 1: 0.5, 2: 1.0}
_KEPT = 20


class CocoError(ValueError):
    """What is wrong with a COCO file, in one sentence."""


@dataclass
class Imported:
    """What an import did, and what it left out.

    ``clipped`` and ``dropped`` count boxes cut to their image, and objects without a pixel left. The first of
    the ``problems`` are kept as sentences; ``skipped`` counts all annotations that they concern.
    """

    task_type: TaskType
    files: int = 0
    predictions: int = 0
    clipped: int = 0
    dropped: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)

    def skip(self, problem: str) -> None:
        self.skipped += 1
        if len(self.problems) < _KEPT:
            self.problems.append(problem)


@dataclass(frozen=True)
class _Image:
    key: str
    width: int
    height: int


def import_coco(
    file: str | Path,
    lightly: str | Path | Store,
    task: str,
    *,
    input: str | Path | Store | None = None,
    images: str | Path | None = None,
    task_type: TaskType | str | None = None,
    default_score: float = 1.0,
    boxes: BoxPolicy = "clip",
) -> Imported:
    """Writes a task's schema and one prediction file per image of a COCO file, and lists the task.

    Other tasks in ``tasks.json`` stay as they are. Images without annotations get an empty list.

    Args:
        file: annotations, or results (a JSON list).
        lightly: the Lightly datasource: a folder, a URL or a store.
        task: the task's name.
        input: the input datasource; with it, an image that is not there is an error.
        images: for results, the annotation file that describes their images and categories.
        task_type: found from the annotations where not given: keypoints, else masks, else boxes.
            Annotations of whole images, without any of them, need ``classification``.
        default_score: for annotations without a score.
        boxes: ``clip`` cuts boxes to their image, ``strict`` refuses those that leave it.

    Raises:
        CocoError: the file is not what COCO describes, or does not fit the task that is there already.
        StorageError: a root is out of reach.
    """
    validate_task_name(task)
    document = _read_json(file)
    described = _read_json(images) if images is not None else document
    if not isinstance(described, dict):
        raise CocoError(f"{file} holds results; name the annotation file of their images with --images.")
    annotations = document if isinstance(document, list) else _list(document, "annotations", file)
    store = lightly if not isinstance(lightly, str | Path) else open_store(lightly)
    found_type = TaskType(task_type) if task_type is not None else _guess_type(annotations)
    schema = _schema(described, found_type)
    by_id = _images(described)
    if input is not None:
        _require_input(by_id.values(), input)
    tasks = _existing_tasks(store)
    _require_same_schema(store, task, schema)
    imported = Imported(found_type)
    groups = _group(annotations, by_id, imported)
    write = _Converter(schema, default_score, boxes, imported)
    with TemporaryFile() as converted:
        # All of it is converted before anything is published: one bad annotation leaves nothing behind.
        sizes = [
            converted.write(write.file(image, groups.get(image_id, []))) for image_id, image in by_id.items()
        ]
        converted.seek(0)
        imported.files = store.write_many(
            (PREDICTIONS + prediction_path(task, image.key), converted.read(size))
            for image, size in zip(by_id.values(), sizes, strict=True)
        )
    store.write(f"{PREDICTIONS}{task}/schema.json", schema.to_bytes())
    if task not in tasks:
        store.update(f"{PREDICTIONS}tasks.json", lambda data: _with_task(data, task))
    return imported


def _read_json(path: str | Path) -> Any:
    try:
        return orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise CocoError(f"{path} cannot be read: {error.strerror}.") from None
    except orjson.JSONDecodeError as error:
        raise CocoError(f"{path} is not valid JSON: {error}.") from None


def _list(document: Any, key: str, name: str | Path) -> list[Any]:
    values = document.get(key) if isinstance(document, dict) else None
    if not isinstance(values, list):
        raise CocoError(
            f"{name} has no list '{key}'; COCO annotations have images, annotations and categories."
        )
    return values


def _guess_type(annotations: list[Any]) -> TaskType:
    some = next((one for one in annotations if isinstance(one, dict)), {})
    if "keypoints" in some:
        return TaskType.KEYPOINT_DETECTION
    return TaskType.INSTANCE_SEGMENTATION if some.get("segmentation") else TaskType.OBJECT_DETECTION


def _schema(document: dict[str, Any], task_type: TaskType) -> Schema:
    try:
        return Schema.parse({"task_type": task_type, "categories": _list(document, "categories", "The file")})
    except ValueError as error:
        raise CocoError(f"The categories make no schema: {error}") from None


def _images(document: dict[str, Any]) -> dict[Any, _Image]:
    images: dict[Any, _Image] = {}
    for index, entry in enumerate(_list(document, "images", "The file")):
        try:
            image = _Image(str(entry["file_name"]), int(entry["width"]), int(entry["height"]))
            validate_key(image.key)
        except (KeyError, TypeError) as error:
            raise CocoError(f"images[{index}] needs id, file_name, width and height ({error}).") from None
        except ValueError as error:
            raise CocoError(f"images[{index}]: {error}") from None
        if input_kind(image.key) != "image":
            raise CocoError(f"images[{index}]: '{image.key}' has no suffix of an image.")
        if images.setdefault(entry.get("id"), image) is not image:
            raise CocoError(f"images[{index}]: the id {entry.get('id')} is used twice.")
    names = [image.key for image in images.values()]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CocoError(f"The image '{twice}' is listed twice; every image needs one id.")
    for collision in find_collisions(names):
        raise CocoError(collision.message)
    return images


def _require_input(images: Iterable[_Image], root: str | Path | Store) -> None:
    store = open_store(root) if isinstance(root, str | Path) else root
    keys = set(store.names())
    missing = [image.key for image in images if image.key not in keys]
    if missing:
        some = ", ".join(f"'{key}'" for key in missing[:3])
        raise CocoError(
            f"{len(missing):,} images are not in the input, such as {some}; is it the right folder?"
        )


def _existing_tasks(store: Store) -> list[str]:
    """What is listed already; a corrupt list stops the import before anything is written."""
    try:
        return parse_tasks(store.read(f"{PREDICTIONS}tasks.json"))
    except NotFound:
        return []
    except ValueError as error:
        raise CocoError(f"{error} Nothing was imported.") from None


def _require_same_schema(store: Store, task: str, schema: Schema) -> None:
    try:
        existing = Schema.parse(store.read(f"{PREDICTIONS}{task}/schema.json"))
    except (NotFound, ValueError):
        return
    if changes := difference(existing, schema):
        raise CocoError(
            f"The task '{task}' has another schema: {'; '.join(changes)}. Choose another task name."
        )


def _with_task(data: bytes | None, task: str) -> bytes:
    return tasks_to_bytes(merge_tasks(parse_tasks(data) if data is not None else [], [task]))


def _group(annotations: list[Any], images: dict[Any, _Image], imported: Imported) -> dict[Any, list[Any]]:
    """Annotations by image, with their place in the file."""
    groups: dict[Any, list[Any]] = {}
    for index, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or "image_id" not in annotation:
            imported.skip(f"annotations[{index}] has no image_id.")
        elif annotation["image_id"] not in images:
            imported.skip(f"annotations[{index}]: there is no image with the id {annotation['image_id']}.")
        else:
            groups.setdefault(annotation["image_id"], []).append((index, annotation))
    return groups


class _Converter:
    """COCO annotations of one image to a prediction file."""

    def __init__(self, schema: Schema, default_score: float, policy: BoxPolicy, imported: Imported) -> None:
        self.schema = schema
        self.default_score = default_score
        self.policy = policy
        self.imported = imported

    def file(self, image: _Image, annotations: list[tuple[int, dict[str, Any]]]) -> bytes:
        singletons = [
            singleton
            for index, annotation in annotations
            for singleton in self._singletons(image, index, annotation)
        ]
        if self.schema.task_type == TaskType.SEMANTIC_SEGMENTATION:
            singletons = _one_per_category(singletons, image)
        if self.schema.task_type == TaskType.CLASSIFICATION and len(singletons) > 1:
            raise CocoError(
                f"annotations[{annotations[1][0]}] is the second of '{image.key}'; a classification has one "
                "for each image, that of the most probable category."
            )
        self.imported.predictions += len(singletons)
        # As the page's own script writes it.
        return json.dumps({"file_name": image.key, "predictions": singletons}, allow_nan=False).encode()

    def _singletons(self, image: _Image, index: int, annotation: dict[str, Any]) -> Iterator[dict[str, Any]]:
        convert = {
            TaskType.CLASSIFICATION: self._classification,
            TaskType.OBJECT_DETECTION: self._detection,
            TaskType.KEYPOINT_DETECTION: self._keypoints,
            TaskType.INSTANCE_SEGMENTATION: self._instance,
            TaskType.SEMANTIC_SEGMENTATION: self._semantic,
        }[self.schema.task_type]
        score = annotation.get("score", self.default_score)
        try:
            yield from convert(image, annotation, score)
        except KeyError as error:
            whole = (
                "; labels of whole images need the task type classification" if "bbox" in str(error) else ""
            )
            raise CocoError(f"annotations[{index}] of '{image.key}' has no {error}{whole}.") from None
        except (ValueError, TypeError) as error:
            problem = str(error).removeprefix("prediction 0: ")
            raise CocoError(f"annotations[{index}] of '{image.key}': {problem}") from None

    def _classification(self, _: _Image, annotation: dict[str, Any], score: float) -> list[dict[str, Any]]:
        return classification_singletons(
            categories=self.schema.ids, category_id=annotation["category_id"], score=score
        )

    def _detection(self, image: _Image, annotation: dict[str, Any], score: float) -> list[dict[str, Any]]:
        fitted = self._fitted(image, annotation["bbox"])
        if fitted is None:
            return []
        return detection_singletons(
            [fitted], [score], [annotation["category_id"]], categories=self.schema.ids
        )

    def _keypoints(self, image: _Image, annotation: dict[str, Any], score: float) -> list[dict[str, Any]]:
        points = np.array(annotation["keypoints"], dtype=np.float64).reshape(-1, 3)
        points[:, 2] = _keypoint_scores(points[:, 2], is_label="score" not in annotation)
        points, _ = fit_keypoints(points, image.width, image.height)
        bbox = self._fitted(image, annotation["bbox"]) if "bbox" in annotation else None
        return keypoint_singletons(
            [points],
            [score],
            [annotation["category_id"]],
            None if bbox is None else [bbox],
            categories=self.schema.ids,
        )

    def _instance(self, image: _Image, annotation: dict[str, Any], score: float) -> list[dict[str, Any]]:
        runs = from_coco(annotation["segmentation"], image.height, image.width)
        if rle.area(runs) == 0:
            self.imported.dropped += 1
            return []
        return instance_singletons(
            [runs],
            [score],
            [annotation["category_id"]],
            height=image.height,
            width=image.width,
            categories=self.schema.ids,
        )

    def _semantic(self, image: _Image, annotation: dict[str, Any], score: float) -> list[dict[str, Any]]:
        runs = from_coco(annotation["segmentation"], image.height, image.width)
        return semantic_singletons(
            [runs],
            [score],
            [annotation["category_id"]],
            height=image.height,
            width=image.width,
            categories=self.schema.ids,
        )

    def _fitted(self, image: _Image, bbox: Any) -> list[float] | None:
        """The box in its image, None where nothing of it is left; whole numbers stay whole."""
        boxes = np.array([bbox])
        fitted = fit_boxes(boxes, image.width, image.height, self.policy)
        self.imported.clipped += fitted.clipped
        self.imported.dropped += fitted.dropped
        if not len(fitted.xywh):
            return None
        # A box that was not cut is written with the numbers that were read.
        return list(bbox) if not fitted.clipped else fitted.xywh[0].tolist()


def _one_per_category(singletons: list[dict[str, Any]], image: _Image) -> list[dict[str, Any]]:
    """Masks of the same category as one, with the mean of their scores by area."""
    by_category: dict[int, list[dict[str, Any]]] = {}
    for one in singletons:
        if rle.area(one["segmentation"]):
            by_category.setdefault(one["category_id"], []).append(one)
    merged = []
    for category_id, same in sorted(by_category.items()):
        masks = (rle.decode(one["segmentation"], image.height, image.width) for one in same)
        areas = [rle.area(one["segmentation"]) for one in same]
        scores = {one["score"] for one in same}
        merged.append(
            {
                "category_id": category_id,
                "segmentation": rle.encode(reduce(np.maximum, masks))
                if len(same) > 1
                else same[0]["segmentation"],
                "score": scores.pop()
                if len(scores) == 1
                else float(np.average([one["score"] for one in same], weights=areas)),
            }
        )
    return merged


def _keypoint_scores(values: NDArray[np.float64], *, is_label: bool) -> NDArray[np.float64]:
    """Third values of keypoints as scores: visibilities 0, 1, 2 are converted, what lies between is a score.

    Results have scores, unless a 2 shows that they were copied from labels. Labels have visibilities, and
    some (COCO-WholeBody's) have scores among them.
    """
    odd = np.flatnonzero(~((values >= 0) & (values <= 1) | (values == 2)))
    if odd.size:
        raise ValueError(
            f"keypoint {odd[0]} has the third value {values[odd[0]]:g}; it must be a visibility (0, 1 or 2) "
            "or a score in [0, 1]; bring scores of another range into that one"
        )
    has_visibilities = (values == 2).any() or (is_label and np.isin(values, (0, 1)).all())
    if not has_visibilities:
        return values
    scores = values.copy()
    for visibility, score in VISIBILITY_SCORES.items():
        scores[values == visibility] = score
    return scores
