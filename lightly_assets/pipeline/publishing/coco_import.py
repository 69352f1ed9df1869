"""COCO annotations and COCO results as prediction files.

Annotations ("labels") are ``{"images", "annotations", "categories"}``; results are a plain list of
predictions with scores, and need the annotation file of their images. Source: the specification's "Create
Object Detection Prediction Files from COCO", without what is wrong with its script: it overwrites
``tasks.json``, fails for nested names, and gives labels the score 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import orjson

from lightly_assets.encoding.encode import encode
from lightly_assets.encoding.json_bytes import prediction_bytes
from lightly_assets.encoding.task_settings import Singletons, TaskSettings
from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.boxes import BoxPolicy
from lightly_assets.format.coco.annotations import annotation_singleton, image_singletons, is_image_id
from lightly_assets.format.names.collisions import find_collisions
from lightly_assets.format.names.keys import validate_key
from lightly_assets.format.names.paths import file_key, task_folder
from lightly_assets.format.names.suffixes import input_kind
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.format.tasks import validate_task_name
from lightly_assets.models.results import Ready
from lightly_assets.pipeline.publishing.task_list import PublishError, TaskList
from lightly_assets.storage import Store, open_store

_KEPT = 20
_OTHER_MACHINE_SECONDS = 24 * 3600.0


class CocoError(BadValue):
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
        task_type: found from the annotations where not given: keypoints, else masks, else boxes, else
            classes.
        default_score: for annotations without a score.
        boxes: ``clip`` cuts boxes to their image, ``strict`` refuses those that leave it.

    Raises:
        CocoError: the file is not what COCO describes, or does not fit the task that is there already.
        StorageError: a root is out of reach.
    """
    validate_task_name(task)
    document = _read_json(file)
    described = _read_json(images) if images is not None else document
    if isinstance(described, list) and images is None:
        raise CocoError(f"{file} holds results; name the annotation file of their images with --images.")
    if not isinstance(described, dict):
        raise CocoError(f"{images or file} is no JSON object with images, annotations and categories.")
    annotations = document if isinstance(document, list) else _list(document, "annotations", file)
    store = lightly if not isinstance(lightly, str | Path) else open_store(lightly)
    found_type = TaskType(task_type) if task_type is not None else _guess_type(annotations)
    schema = _schema(described, found_type)
    by_id = _images(described, sized=found_type is not TaskType.CLASSIFICATION)
    if input is not None:
        _require_input(by_id.values(), input)
    task_list = TaskList(store)
    _require_free(task_list, task, schema)
    imported = Imported(found_type)
    groups = _group(annotations, by_id, imported)
    write = _Converter(schema, default_score, boxes, imported)
    store.sweep(task_folder(task), older_than=_OTHER_MACHINE_SECONDS)  # of an import that was killed
    with TemporaryFile() as converted:
        # All of it is converted before anything is published: one bad annotation leaves nothing behind.
        sizes = [
            converted.write(write.file(image, groups.get(image_id, []))) for image_id, image in by_id.items()
        ]
        converted.seek(0)
        imported.files = store.write_many(
            (file_key(task, image.key), converted.read(size))
            for image, size in zip(by_id.values(), sizes, strict=True)
        )
    store.sync()  # what tasks.json names survives a power cut
    task_list.publish(task, schema)
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
    keys = [one.keys() for one in annotations if isinstance(one, dict)]
    if any("keypoints" in one for one in keys):
        return TaskType.KEYPOINT_DETECTION
    if any(one.get("segmentation") for one in annotations if isinstance(one, dict)):
        return TaskType.INSTANCE_SEGMENTATION
    if keys and not any("bbox" in one for one in keys):
        return TaskType.CLASSIFICATION
    return TaskType.OBJECT_DETECTION


def _schema(document: dict[str, Any], task_type: TaskType) -> Schema:
    try:
        return Schema.parse({"task_type": task_type, "categories": _list(document, "categories", "The file")})
    except BadValue as error:
        raise CocoError(f"The categories make no schema: {error}") from None


def _images(document: dict[str, Any], *, sized: bool) -> dict[Any, _Image]:
    images: dict[Any, _Image] = {}
    for index, entry in enumerate(_list(document, "images", "The file")):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        place = f"images[{index}] ({name!r})" if isinstance(name, str) else f"images[{index}]"
        try:
            image = _image(entry, sized)
            validate_key(image.key)
        except BadValue as error:
            raise CocoError(f"{place}: {error}") from None
        if input_kind(image.key) != "image":
            raise CocoError(f"{place} has no suffix of an image.")
        if (other := images.setdefault(entry["id"], image)) is not image:
            raise CocoError(f"{place} has the id {_shown(entry['id'])}, which '{other.key}' has already.")
    names = [image.key for image in images.values()]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CocoError(f"The image '{twice}' is listed twice; every image needs one id.")
    for collision in find_collisions(names):
        raise CocoError(collision.message)
    return images


def _image(entry: Any, sized: bool) -> _Image:
    if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
        raise BadValue("it needs an id and a file_name.")
    if not is_image_id(entry.get("id")):
        raise BadValue(f"its id is {_shown(entry.get('id'))}; it must be a number or a text.")
    width, height = entry.get("width"), entry.get("height")
    if type(width) is int and type(height) is int and width > 0 and height > 0:
        return _Image(entry["file_name"], width, height)
    if sized:
        shown = f"{_shown(width)} and {_shown(height)}"
        raise BadValue(f"width and height are {shown}; they must be the image's pixels.")
    return _Image(entry["file_name"], 0, 0)


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()


def _require_input(images: Iterable[_Image], root: str | Path | Store) -> None:
    store = open_store(root) if isinstance(root, str | Path) else root
    keys = set(store.names())
    missing = [image.key for image in images if image.key not in keys]
    if missing:
        some = ", ".join(f"'{key}'" for key in missing[:3])
        raise CocoError(
            f"{len(missing):,} images are not in the input, such as {some}; is it the right folder?"
        )


def _require_free(task_list: TaskList, task: str, schema: Schema) -> None:
    """What cannot be read, or is another task's, stops the import before anything is written."""
    try:
        task_list.tasks()
        changes = task_list.schema_difference(task, schema)
    except PublishError as error:
        raise CocoError(f"{error} Nothing was imported.") from None
    if changes:
        raise CocoError(
            f"The task '{task}' has another schema: {'; '.join(changes)}. Choose another task name."
        )


def _group(annotations: list[Any], images: dict[Any, _Image], imported: Imported) -> dict[Any, list[Any]]:
    """Annotations by image, with their place in the file."""
    groups: dict[Any, list[Any]] = {}
    for index, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or "image_id" not in annotation:
            imported.skip(f"annotations[{index}] has no image_id.")
        elif not is_image_id(annotation["image_id"]) or annotation["image_id"] not in images:
            image_id = _shown(annotation["image_id"])
            imported.skip(f"annotations[{index}]: there is no image with the id {image_id}.")
        else:
            groups.setdefault(annotation["image_id"], []).append((index, annotation))
    return groups


class _Converter:
    """COCO annotations of one image to a prediction file."""

    def __init__(self, schema: Schema, default_score: float, policy: BoxPolicy, imported: Imported) -> None:
        self.task_type = schema.task_type
        self.settings = TaskSettings(schema, boxes=policy)
        self.default_score = default_score
        self.imported = imported

    def file(self, image: _Image, annotations: list[tuple[int, dict[str, Any]]]) -> bytes:
        found = [
            singleton
            for index, annotation in annotations
            for singleton in self._singletons(image, index, annotation)
        ]
        try:
            found = image_singletons(found, self.task_type, width=image.width, height=image.height)
        except BadValue as error:
            raise CocoError(f"'{image.key}': {error}") from None
        self.imported.predictions += len(found)
        return prediction_bytes(image.key, found)

    def _singletons(self, image: _Image, index: int, annotation: dict[str, Any]) -> Singletons:
        """The annotation's valid singleton; none where no pixel of it is in the image."""
        try:
            one = annotation_singleton(
                annotation,
                self.task_type,
                width=image.width,
                height=image.height,
                default_score=self.default_score,
            )
            if "segmentation" in one and rle.area(one["segmentation"]) == 0:
                self.imported.dropped += 1
                return []
            if isinstance(one.get("keypoints"), list):
                one["keypoints"] = _inside(one["keypoints"], image)
            encoded = encode(Ready([one]), self.settings, image.width, image.height)
        except (BadValue, TypeError) as error:
            problem = re.sub(r"^prediction 0[^ ]*: ", "", str(error))
            raise CocoError(f"annotations[{index}] of '{image.key}': {problem}") from None
        self.imported.clipped += encoded.clipped
        self.imported.dropped += encoded.dropped
        return encoded.singletons


def _inside(keypoints: list[Any], image: _Image) -> list[Any]:
    """Keypoints moved to the edge of their image where they leave it."""
    moved = list(keypoints)
    for start, limit in ((0, image.width), (1, image.height)):
        moved[start::3] = [min(max(place, 0), limit) for place in keypoints[start::3]]
    return moved
