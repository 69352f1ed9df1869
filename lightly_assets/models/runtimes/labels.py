"""Existing labels or predictions as the model, looked up by input and frame.

The specification says that labels can be treated as predictions; a label without a score gets 1.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lightly_assets.errors import BadValue
from lightly_assets.format.coco.annotations import annotation_singleton, image_singletons, is_image_id
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.suffixes import input_kind, split_suffix
from lightly_assets.format.schema import TaskType
from lightly_assets.format.strict_json import parse_json
from lightly_assets.models.config import KINDS, EncodeSettings, Missing, ModelSettings, Share
from lightly_assets.models.files import file_hash, model_file, version_of
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Ready, Result, ResultError

CODE_VERSION = 2
# Looking up is so cheap that the size hardly matters; it bounds how many frames wait.
_BATCH = 16

Singletons = list[dict[str, Any]]
Frame = tuple[str, int | None]


def frame_of(file_name: str) -> Frame:
    """The input and the frame that a file name of the format or of COCO stands for."""
    name = parse_frame_name(file_name)
    return (file_name, None) if name is None else (name.video, name.index)


@KINDS.register("coco")
class CocoModel(ModelSettings):
    """Labels or predictions in a COCO file, as the model."""

    kind: Literal["coco"]
    path: str
    """Relative to ``lightly.yaml``: annotations, or a results list beside ``images``."""
    images: str | None = None
    """For a results list: the annotations file with the images (and categories)."""
    default_score: Share = 1.0
    """The score of a label that has none."""
    missing: Missing = "fail"
    """What happens to an image or video that the file does not list."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        for name in ("path", "images"):
            settings.pop(name)
        return settings

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:  # noqa: ARG002
        return self._encode()

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:  # noqa: ARG002
        return CocoLabels(self, task_type, base_dir)


class CocoLabels:
    """A COCO file: annotations, or a list of results and the file that lists their images."""

    def __init__(self, config: CocoModel, task_type: TaskType, base_dir: Path) -> None:
        self.task_type, self._config = task_type, config
        self.path = model_file(config.path, base_dir)
        paths = [self.path]
        data = _json(self.path)
        listing = data
        if config.images is not None:
            paths.append(model_file(config.images, base_dir))
            listing = _json(paths[1])
        self._images = _images(listing, paths[-1].name)
        self._annotations = _annotations(data, self.path.name, self._images)
        self._keys = {key for key, _ in self._images}
        self.batch_size = _BATCH
        self.version = version_of(
            file_hash(*paths), config.predict_settings() | {"task_type": task_type}, CODE_VERSION
        )

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:  # noqa: ARG002
        """The labels of each image; see :class:`~lightly_assets.models.protocol.Model`."""
        results: list[Result] = []
        for place, source in enumerate(sources):
            try:
                results.append(Ready(self._singletons(source)))
            except (BadValue, TypeError) as error:
                raise ResultError(f"{self.path.name}: {error}", place) from None
        return results

    def _singletons(self, source: Source) -> Singletons:
        image = self._image(source)
        if image is None:
            if source.input not in self._keys and self._config.missing == "fail":
                some = next(iter(sorted(self._keys)), "no image")
                raise ResultError(
                    f"it does not list this input (it lists {some}, …); file_name must be the path from the "
                    "input root, of a frame name-index-suffix.png; 'missing: empty' writes no predictions."
                )
            return []
        size = (image.get("width"), image.get("height"))
        if None not in size and size != (source.width, source.height):
            raise ResultError(
                f"it says that the image is {size[0]}×{size[1]} pixels, but it is "
                f"{source.width}×{source.height}."
            )
        found = [self._singleton(one, source) for one in self._annotations.get(image["id"], [])]
        return image_singletons(found, self.task_type, width=source.width, height=source.height)

    def _image(self, source: Source) -> dict[str, Any] | None:
        return self._images.get((source.input, source.index))

    def _singleton(self, annotation: dict[str, Any], source: Source) -> dict[str, Any]:
        try:
            return annotation_singleton(
                annotation,
                self.task_type,
                width=source.width,
                height=source.height,
                default_score=self._config.default_score,
            )
        except BadValue as error:
            raise ResultError(f"annotation {annotation.get('id', '?')}: {error}") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ModelError(f"The labels {path.name} are no JSON: {error}.") from None


def _images(data: Any, name: str) -> dict[Frame, dict[str, Any]]:
    if isinstance(data, list):
        raise ModelError(
            f"The labels {name} are a list of results; images must name the file that lists the images."
        )
    images = data.get("images") if isinstance(data, dict) else None
    if not isinstance(images, list):
        raise ModelError(f"The labels {name} have no list of images, so they are no COCO file.")
    found: dict[Frame, dict[str, Any]] = {}
    by_id: dict[Any, str] = {}
    for index, image in enumerate(images):
        file_name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(file_name, str) or not is_image_id(image.get("id")):
            raise ModelError(
                f"The labels {name}: images[{index}] must have an id (a number or a text) and a file_name."
            )
        if (other := by_id.setdefault(image["id"], file_name)) is not file_name:
            raise ModelError(
                f"The labels {name}: {other!r} and {file_name!r} have the same id, {image['id']!r}."
            )
        if (file_name, None) in found:
            raise ModelError(f"The labels {name} list {file_name!r} twice; every image needs one id.")
        frame = frame_of(file_name)
        found[frame] = image
        # A name like a frame's may be an image's all the same.
        found.setdefault((file_name, None), image)
    return found


def _annotations(data: Any, name: str, images: dict[Frame, dict[str, Any]]) -> dict[Any, Singletons]:
    rows = data if isinstance(data, list) else data.get("annotations")
    if not isinstance(rows, list):
        raise ModelError(f"The labels {name} have no list of annotations.")
    known = {image["id"] for image in images.values()}
    found: dict[Any, Singletons] = {}
    for index, row in enumerate(rows):
        image = row.get("image_id") if isinstance(row, dict) else None
        if not is_image_id(image) or image not in known:
            raise ModelError(
                f"The labels {name}: annotation {index} has the image_id {image!r}, which no image has."
            )
        found.setdefault(row["image_id"], []).append(row)
    return found


@KINDS.register("lightly")
class LightlyModel(ModelSettings):
    """A task folder in the prediction format, as the model."""

    kind: Literal["lightly"]
    path: str
    """Relative to ``lightly.yaml``: the task's folder, such as ``old/.lightly/predictions/people``."""
    missing: Missing = "fail"
    """What happens to an image or frame that has no file."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("path")
        return settings

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:  # noqa: ARG002
        return self._encode()

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:  # noqa: ARG002
        return LightlyLabels(self, task_type, base_dir)


class LightlyLabels:
    """A task's folder in the prediction format, whoever wrote it."""

    def __init__(self, config: LightlyModel, task_type: TaskType, base_dir: Path) -> None:
        self.task_type, self._config = task_type, config
        self.folder = (base_dir / config.path).resolve()
        if not self.folder.is_dir():
            raise ModelError(
                f"The task folder {config.path} does not exist; path must name a folder such as "
                f".lightly/predictions/people, relative to lightly.yaml ({self.folder})."
            )
        self._files = _prediction_files(self.folder)
        self.batch_size = _BATCH
        self.version = version_of(
            _listing_hash(self.folder, self._files.values()),
            config.predict_settings() | {"task_type": task_type},
            CODE_VERSION,
        )

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:  # noqa: ARG002
        """The predictions of each image; see :class:`~lightly_assets.models.protocol.Model`."""
        results: list[Result] = []
        for place, source in enumerate(sources):
            try:
                results.append(Ready(self._singletons(source)))
            except BadValue as error:
                raise ResultError(str(error), place) from None
        return results

    def _singletons(self, source: Source) -> Singletons:
        key = source.input if input_kind(source.input) == "video" else split_suffix(source.input)[0]
        path = self._files.get((key, source.index))
        if path is None:
            if self._config.missing == "fail":
                raise ResultError(
                    f"{self.folder.name} has no file for it; 'missing: empty' writes no predictions."
                )
            return []
        name = path.relative_to(self.folder).as_posix()
        data = parse_json(path.read_bytes(), name)
        found = data.get("predictions") if isinstance(data, dict) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise ResultError(f"{name} has no list of predictions.")
        return found


def _prediction_files(folder: Path) -> dict[Frame, Path]:
    """Every prediction file by the video and frame, and by the image's path without suffix."""
    found: dict[Frame, Path] = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if name == "schema.json":
            continue
        frame = frame_of(name)
        found.setdefault((split_suffix(name)[0], None), path)
        if frame[1] is not None:
            found[frame] = path
    return found


def _listing_hash(folder: Path, paths: Any) -> str:
    """A hash of names, sizes and times: reading every file each time would take too long."""
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        status = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
