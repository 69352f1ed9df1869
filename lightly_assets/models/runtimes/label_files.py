"""``kind: labels``: labels of other tools as the model, read as ``import-labels`` reads them."""

import hashlib
import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from lightly_assets.format.schema import Category, TaskType
from lightly_assets.labels.coco.reader import CocoReader, task_categories
from lightly_assets.labels.coco.settings import BoxOnly, CocoSettings, Rotated
from lightly_assets.labels.document import LabelDocument, LabelImage
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.labelled import Labels, known
from lightly_assets.labels.placing import PlaceSettings, Placing
from lightly_assets.labels.reading import ReadOptions, find_format, format_name
from lightly_assets.labels.videos import PlacedVideo, duration_of
from lightly_assets.models.config import KINDS, Share
from lightly_assets.models.files import file_hash, version_of
from lightly_assets.models.protocol import ModelError, Runtime, Source
from lightly_assets.models.results import ResultError
from lightly_assets.models.runtimes.coco import CocoLabels, CocoModel
from lightly_assets.models.runtimes.shared.label_lookup import BATCH, LabelLookup, NamedLabelModel

CODE_VERSION = 2

log = logging.getLogger(__name__)


@KINDS.register("labels")
class LabelsModel(NamedLabelModel):
    """Labels of another tool, as the model."""

    kind: Literal["labels"]
    path: str
    """Relative to ``lightly.yaml``: a file, or a folder of files."""
    format: str = "auto"
    """The tool's format; ``auto`` looks at the files."""
    first_frame: Annotated[int, Field(ge=0)] | None = None  # type: ignore[assignment]
    """The number that the labels give to their first frame; the format's own where it is not said."""
    fps: Annotated[float, Field(gt=0)] | None = None
    """Frames in a second as the labels count them; the labels' own where it is not said."""
    interpolate: Literal["linear", "none"] = "linear"
    """What lies between key frames of tracks."""
    pixel_origin: Literal[0, 1] | None = None
    """The number of the first pixel in VOC and MOT."""
    default_score: Share = 1.0
    """The score of a label that has none."""
    box_only: BoxOnly | None = None
    """Objects with a box only among masks or keypoints: ``fill`` makes the box the mask, ``drop`` leaves them
    out; without it such labels are refused."""
    rotated: Rotated = "refuse"
    """Turned rectangles: ``enclose`` writes the upright box around each."""
    exif: Literal["refuse", "stored", "turn"] = "refuse"
    """Pictures that EXIF turns: ``turn`` where labels are of what is shown, ``stored`` where they are of the
    stored pixels; ``refuse`` refuses those whose size in the labels does not say."""
    unlisted: Literal["fail", "empty"] | None = None
    """Another word for ``missing``, as ``import-labels`` has it."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("path")
        return settings

    def load_for(self, task_type: TaskType, categories: Sequence[Category], base_dir: Path) -> Runtime:
        try:
            found = format_name(find_format((base_dir / self.path).resolve(), self.format))
        except LabelsError as error:
            raise ModelError(f"The labels cannot be used: {error}") from None
        if found == "coco":
            return CocoLabels(self._as_coco(), task_type, categories, base_dir)
        return LabelFiles(self, task_type, categories, base_dir)

    def _as_coco(self) -> CocoModel:
        """The same settings for COCO's own reader; what only other formats have means nothing there."""
        shared = self.model_fields_set & CocoModel.model_fields.keys() - {"kind", "first_frame", "missing"}
        given = {name: getattr(self, name) for name in shared}
        if self.first_frame is not None:
            given["first_frame"] = self.first_frame
        return CocoModel(**given, kind="coco", missing=self.unlisted or self.missing)


class LabelFiles(CocoLabels):
    """Labels of another tool, looked up by input and frame."""

    def __init__(
        self, config: LabelsModel, task_type: TaskType, categories: Sequence[Category], base_dir: Path
    ) -> None:
        self.task_type, self._config = task_type, config  # type: ignore[assignment]
        self._labels_config = config
        self.path = (base_dir / config.path).resolve()
        names = config.name_settings(base_dir)
        settings = CocoSettings(
            default_score=config.default_score,
            box_only=config.box_only,
            rotated=config.rotated,
            category_map=config.category_map,
            allow_partial=config.allow_partial,
            names=names,
        )
        try:
            wanted = find_format(self.path, config.format)
            options = ReadOptions(task_type, {one.id: one.name for one in categories}, config.pixel_origin)
            labels = wanted.read(self.path, options)
            document = _document(labels, settings, task_type)
            document.task_type(task_type)
            matched = task_categories(document, categories, settings)
        except LabelsError as error:
            raise ModelError(f"The labels cannot be used: {error}") from None
        self._labels, self._document = labels, document
        self._reader = CocoReader(document, task_type, matched, settings)
        place = PlaceSettings(names, config.first_frame, config.fps, config.interpolate)
        self._placing = Placing(labels, wanted.first_frame, place)
        self._videos: dict[str, PlacedVideo] = {}
        self._times: dict[str, list[float | None]] = {}
        self._counts: dict[str, int] = {}
        self._known: set[str] = set()
        self._doubted: set[str] = set()
        self._missing = config.unlisted or config.missing
        self.batch_size = BATCH
        self.version = version_of(
            _content_hash(self.path),
            config.predict_settings()
            | {"task_type": task_type, "categories": [(one.id, one.name) for one in categories]}
            | {"renames": dict(names.renames)},
            CODE_VERSION,
        )
        self._look_up([])

    def meet(self, keys: Collection[str]) -> None:
        """Which inputs there are; see :class:`~lightly_assets.models.protocol.LooksUp`."""
        if set(keys) <= self._known:
            return
        self._known |= set(keys)
        self._look_up(sorted(self._known))
        self._lookup.meet(self._known)

    def _look_up(self, keys: Sequence[str]) -> None:
        try:
            placed = self._placing.place(keys)
        except LabelsError as error:
            raise ModelError(f"{self.path.name}: {error}") from None
        self._videos = {video.key: video for video in placed.videos}
        images = [LabelImage(names, image.read, image.size, image.shares) for names, image in placed.images]
        # The frame of a video that is asked for stands behind all images.
        self._document.images = [*images, LabelImage((self.path.name,), known(()))]
        self._lookup = LabelLookup(
            [image.names for image in images],
            self._placing.names,
            file=self.path.name,
            missing=self._missing,
            allow_partial=self._labels_config.allow_partial,
        )

    def check_end(self, key: str, frames: int) -> None:
        """How many frames a video had; see :class:`~lightly_assets.models.protocol.LooksUp`."""
        try:
            if key in self._videos:
                self._counts[key] = frames
                self._check_whole(key)
                return
            self._placing.check_frames(key, frames)
        except LabelsError as error:
            raise ModelError(str(error)) from None
        self._lookup.check_end(key, frames)

    def _check_whole(self, key: str) -> None:
        """Compares a video with its labels once both its count and its last frame are known, in any order."""
        video, times = self._videos[key], self._times.get(key, [])
        count = self._counts.get(key)
        if count is None or (video.needs_times and len(times) < count):
            return
        video.check(count, duration_of(times))
        if video.doubt is not None and key not in self._doubted:
            self._doubted.add(key)
            log.warning("%s: %s", self.path.name, video.doubt)

    def _place(self, source: Source) -> int | None:
        if source.input not in self._known:
            try:
                self.meet({source.input})
            except ModelError as error:
                raise ResultError(str(error)) from None
        video = self._videos.get(source.input)
        if video is None or source.index is None:
            return super()._place(source)
        if source.index == 0:
            self._times[source.input] = []
        self._times.setdefault(source.input, []).append(source.time)
        self._check_whole(source.input)
        labels = video.labels(source.index, source.time)
        if labels is None:
            if self._missing == "fail":
                raise ResultError(
                    f"it does not list this frame of '{video.name}'; 'missing: empty' writes no predictions."
                )
            return None
        place = len(self._document.images) - 1
        shown = f"{video.name}, frame {source.index}"
        image = LabelImage((shown,), known(labels), video.video.size, video.video.shares)
        self._document.images[-1] = image
        return place


def _document(labels: Labels, settings: CocoSettings, task_type: TaskType) -> LabelDocument:
    """What kinds of objects there are, over all images and key frames."""
    images = [LabelImage(one.names, one.read, one.size, one.shares) for one in labels.images]
    for video in labels.videos:
        images.append(LabelImage(("a video",), known(list(video.all_labels())), video.size, video.shares))
    return LabelDocument(labels, images, settings, task_type)


def _content_hash(path: Path) -> str:
    """Of a file its bytes; of a folder names, sizes and times: reading all files takes too long."""
    if path.is_file():
        return file_hash(path)
    digest = hashlib.sha256()
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        status = file.stat()
        digest.update(f"{file.relative_to(path)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
