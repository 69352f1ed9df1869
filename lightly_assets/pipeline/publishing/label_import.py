"""Labels of other tools as prediction files: read, led to the input, and written as COCO's are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.errors import BadValue
from lightly_assets.format.boxes import BoxPolicy
from lightly_assets.format.names.frame_names import frame_name
from lightly_assets.format.schema import Category, Schema, TaskType
from lightly_assets.format.tasks import validate_task_name
from lightly_assets.labels.coco.document import CocoDocument, read_coco
from lightly_assets.labels.coco.reader import CocoReader, task_categories
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.document import LabelDocument, LabelImage
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.labelled import Interpolate, Labels, known
from lightly_assets.labels.placing import PlaceSettings, Placing
from lightly_assets.labels.reading import ReadOptions, find_format, format_name
from lightly_assets.labels.report import some
from lightly_assets.labels.videos import PlacedVideo, duration_of
from lightly_assets.pipeline.publishing.coco_import import ImportSettings, lead_coco
from lightly_assets.pipeline.publishing.label_input import LabelInput
from lightly_assets.pipeline.publishing.label_targets import (
    Exif,
    Target,
    TargetSettings,
    Unlisted,
    targets_in_input,
)
from lightly_assets.pipeline.publishing.label_writing import (
    Imported,
    Leftovers,
    existing_schema,
    require_free,
    write_task,
)
from lightly_assets.pipeline.publishing.task_list import TaskList
from lightly_assets.storage import Store, open_store


@dataclass(frozen=True, slots=True)
class LabelImportSettings:
    """How labels are read, led to the input and written."""

    format: str = "auto"
    task_type: TaskType | None = None
    categories: dict[int, str] | None = None
    """Names by number: the task's categories, and what numbers mean in labels that have no names."""
    objects: CocoSettings = field(default_factory=CocoSettings)
    first_frame: int | None = None
    fps: float | None = None
    interpolate: Interpolate = "linear"
    pixel_origin: int | None = None
    unlisted: Unlisted | None = None
    exif: Exif = "refuse"
    leftovers: Leftovers = "report"
    boxes: BoxPolicy = "clip"


@dataclass
class Prepared:
    """Labels that are read and led to the input: nothing is written yet."""

    format: str
    reader: CocoReader
    shown: list[str]
    """What the labels call each of their images."""
    schema: Schema
    targets: list[Target]
    found: LabelInput
    settings: LabelImportSettings
    opened: CocoDocument | None = None
    """A file that its objects are still read from."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.opened is not None:
            self.opened.close()

    def pairs(self, most: int) -> list[tuple[str, str]]:
        """The first names of the labels, and the images or frames that they are led to."""
        listed = [target for target in self.targets if target.place is not None]
        return [(self.shown[one.place], one.file_name) for one in listed[:most] if one.place is not None]


def prepare_labels(
    path: str | Path,
    lightly: str | Path | Store,
    task: str,
    *,
    input: str | Path | Store,
    settings: LabelImportSettings | None = None,
) -> Prepared:
    """Reads labels, leads them to the input and fits them to a task, without writing anything.

    Use the result in a ``with`` block: a COCO file stays open.

    Raises:
        LabelsError: they are not of their format, or do not fit the input or the task.
        StorageError: a root is out of reach.
    """
    validate_task_name(task)
    settings = settings or LabelImportSettings()
    path = Path(path)
    reader_of = find_format(path, settings.format)
    if format_name(reader_of) == "coco":
        return _prepare_coco(path, input, settings)
    options = ReadOptions(settings.task_type, settings.categories, settings.pixel_origin)
    labels = reader_of.read(path, options)
    found = LabelInput(input)
    wanted = PlaceSettings(settings.objects.names, settings.first_frame, settings.fps, settings.interpolate)
    placing = Placing(labels, reader_of.first_frame, wanted)
    images, unknown = _images(placing, labels, found)
    document = LabelDocument(labels, images, settings.objects, settings.task_type)
    for name in unknown:
        document.report.unknown.add(name)
    found_type = document.task_type(settings.task_type)
    schema = _schema(document, found_type, settings, existing_schema(_store(lightly), task))
    matched = task_categories(document, schema.categories, settings.objects)
    targets = targets_in_input(
        images,
        found,
        TargetSettings(
            placing.names,
            settings.unlisted,
            settings.exif,
            settings.objects.allow_partial,
            sized=found_type is not TaskType.CLASSIFICATION,
        ),
        document.report,
        file=document.name,
    )
    reader = CocoReader(document, found_type, matched, settings.objects)
    shown = [one.shown or one.names[-1] for one in images]
    return Prepared(format_name(reader_of), reader, shown, schema, targets, found, settings)


def require_target(lightly: str | Path | Store, task: str, prepared: Prepared) -> None:
    """That what was prepared can be written there, without writing it.

    Raises:
        LabelsError: ``tasks.json`` is corrupt, or the task has another schema already.
        StorageError: the store is out of reach.
    """
    require_free(TaskList(_store(lightly)), task, prepared.schema)


def import_labels(
    path: str | Path,
    lightly: str | Path | Store,
    task: str,
    *,
    input: str | Path | Store,
    settings: LabelImportSettings | None = None,
) -> Imported:
    """Writes labels of another tool as the predictions of a task, and lists the task.

    All of it is converted before anything is written; other tasks stay as they are.

    Args:
        path: a file or a folder of labels.
        lightly: the Lightly datasource: a folder, a URL or a store.
        task: the task's name.
        input: the input datasource, whose images and videos the labels are of.
        settings: everything else.

    Raises:
        LabelsError: the labels are not of their format, or do not fit the input or the task that is there
            already; nothing is written then.
        StorageError: a root is out of reach.
    """
    settings = settings or LabelImportSettings()
    with prepare_labels(path, lightly, task, input=input, settings=settings) as prepared:
        return write_task(
            _store(lightly),
            task,
            prepared.reader,
            TaskSettings(prepared.schema, boxes=prepared.settings.boxes),
            prepared.targets,
            prepared.settings.leftovers,
        )


def _prepare_coco(path: Path, input: str | Path | Store, settings: LabelImportSettings) -> Prepared:
    """As ``import-coco`` reads the file."""
    if settings.categories is not None:
        raise LabelsError("COCO files name their own categories; category_map says which is which.")
    document = read_coco(path, None, settings.objects)
    try:
        wanted = ImportSettings(settings.objects, settings.unlisted, settings.exif, settings.leftovers)
        found = LabelInput(input)
        led = lead_coco(document, found, settings.task_type, wanted)
    except BaseException:
        document.close()
        raise
    shown = [image.names[0] for image in document.images]
    return Prepared("coco", led.reader, shown, led.schema, led.targets, found, settings, document)


def _store(root: str | Path | Store) -> Store:
    return open_store(root) if isinstance(root, str | Path) else root


def _images(placing: Placing, labels: Labels, found: LabelInput) -> tuple[list[LabelImage], list[str]]:
    """Every image and frame of the labels as it is looked for, and videos that the input does not have."""
    placed = placing.place(found.keys)
    images = [LabelImage(names, image.read, image.size, image.shares) for names, image in placed.images]
    for key in placed.frames:
        placing.check_frames(key, found.video(key).frames or 0)
    for video in placed.videos:
        images += _frames(video, found)
        if video.doubt is not None:
            labels.notes.append(video.doubt)
    if placed.unknown and not images:
        videos = found.videos
        what = some(placed.unknown)
        raise LabelsError(
            f"{labels.file} is of {'the video ' if len(placed.unknown) == 1 else ''}{what}, which the input "
            "does not "
            f"have (its videos are {some(videos) or 'none'}); --video KEY names the one that is meant."
        )
    if not images:
        raise LabelsError(f"{labels.file} lists no image and no video.")
    return images, placed.unknown


def _frames(placed: PlacedVideo, found: LabelInput) -> Iterator[LabelImage]:
    """The frames of a video that its labels list."""
    times: Sequence[float | None] = found.times(placed.key) if placed.needs_times else ()
    count = found.video(placed.key).frames or 0
    placed.check(count, duration_of(times))
    for index in range(count):
        time = times[index] if times else None
        until = times[index + 1] if index + 1 < len(times) else None
        labels = placed.labels(index, time, until)
        if labels is None:
            continue
        name = frame_name(placed.key, index, count)
        shown = f"{placed.name}, frame {index}"
        yield LabelImage((name,), known(labels), placed.video.size, placed.video.shares, shown)


def _schema(
    document: LabelDocument, task_type: TaskType, settings: LabelImportSettings, existing: Schema | None
) -> Schema:
    """The task's categories: as said, as they are already, or the labels' own."""
    if settings.categories is not None:
        categories = tuple(Category(id=number, name=name) for number, name in settings.categories.items())
    elif existing is not None and existing.task_type == task_type:
        return existing
    else:
        categories = document.schema_categories()
    try:
        return Schema.parse({"task_type": task_type, "categories": [one.model_dump() for one in categories]})
    except BadValue as error:
        raise LabelsError(f"The categories make no schema: {error}") from None
