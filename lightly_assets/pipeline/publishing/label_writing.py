"""Labels that were led to their inputs as the prediction files of a task: COCO's and all others alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Literal

from lightly_assets.encoding.json_bytes import prediction_bytes
from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.errors import BadValue
from lightly_assets.format.boxes import EDGE_TOLERANCE
from lightly_assets.format.names.paths import file_key, schema_key, task_folder
from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.labels.coco.objects import NO_PIXEL, Singleton
from lightly_assets.labels.coco.reader import CocoReader
from lightly_assets.labels.coco.shapes import is_oversized
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.report import Counted, LabelReport, counted, some
from lightly_assets.pipeline.publishing.label_targets import Target
from lightly_assets.pipeline.publishing.task_list import PublishError, TaskList
from lightly_assets.storage import NotFound, Store
from lightly_assets.tracking import track

if TYPE_CHECKING:
    from lightly_assets.encoding.encode import Encoded

_OTHER_MACHINE_SECONDS = 24 * 3600.0

Leftovers = Literal["report", "remove"]
"""Prediction files of the task that an import does not write, such as those of an earlier one."""


@dataclass
class Imported:
    """What an import did, and what it left out.

    ``clipped`` and ``dropped`` count boxes cut to their image, and objects that are left out on purpose or
    without a pixel left. ``leftovers`` are prediction files of an earlier import that this one did not write.
    """

    task_type: TaskType
    report: LabelReport
    files: int = 0
    predictions: int = 0
    clipped: int = 0
    leftovers: list[str] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        return self.report.dropped_count

    @property
    def skipped(self) -> int:
        """Objects that are wrong, or of no image."""
        return self.report.wrong

    @property
    def problems(self) -> list[str]:
        """What is wrong with the first of them, a sentence each."""
        return self.report.problems


def write_task(
    store: Store,
    task: str,
    reader: CocoReader,
    settings: TaskSettings,
    targets: Sequence[Target],
    leftovers: Leftovers,
) -> Imported:
    """Writes a file for each target, then the schema and the task's name in ``tasks.json``.

    Raises:
        LabelsError: ``tasks.json`` is corrupt, the task has another schema already, or more than half of the
            objects are wrong; nothing is written then.
        StorageError: the store is out of reach.
    """
    task_list = TaskList(store)
    require_free(task_list, task, settings.schema)
    imported = Imported(settings.schema.task_type, reader.document.report)
    write = Converter(reader, settings, imported)
    store.sweep(task_folder(task), older_than=_OTHER_MACHINE_SECONDS)  # of an import that was killed
    with TemporaryFile() as converted:
        # All of it is converted before anything is published: a bad file leaves nothing behind.
        sizes = [converted.write(write.file(target)) for target in track(targets, "Converting")]
        write.check()
        converted.seek(0)
        imported.files = store.write_many(
            (file_key(task, target.file_name), converted.read(size))
            for target, size in track(zip(targets, sizes, strict=True), "Writing", len(targets))
        )
    _leftovers(store, task, targets, leftovers, imported)
    store.sync()  # what tasks.json names survives a power cut
    task_list.publish(task, settings.schema)
    return imported


def existing_schema(store: Store, task: str) -> Schema | None:
    """The schema that a task has already; None where it has none that can be read."""
    try:
        return Schema.parse(store.read(schema_key(task)))
    except (NotFound, BadValue):
        return None


def require_free(task_list: TaskList, task: str, schema: Schema) -> None:
    """What cannot be read, or is another task's, stops the import before anything is written.

    Raises:
        LabelsError: ``tasks.json`` is corrupt, or the task has another schema already.
        StorageError: the store is out of reach.
    """
    try:
        task_list.tasks()
        changes = task_list.schema_difference(task, schema)
    except PublishError as error:
        raise LabelsError(f"{error} Nothing was imported.") from None
    if changes:
        raise LabelsError(
            f"The task '{task}' has another schema: {'; '.join(changes)}. Choose another task name."
        )


def _leftovers(
    store: Store, task: str, targets: Sequence[Target], policy: Leftovers, imported: Imported
) -> None:
    """Files of the task that this import did not write: they are still read as predictions."""
    folder = task_folder(task)
    written = {file_key(task, target.file_name) for target in targets} | {schema_key(task)}
    imported.leftovers = sorted(
        key for key in store.names(folder) if key.endswith(".json") and key not in written
    )
    if not imported.leftovers:
        return
    names = some(key.removeprefix(f"{folder}/") for key in imported.leftovers)
    files = counted(len(imported.leftovers), "file")
    if policy == "remove":
        store.delete_many(imported.leftovers)
        imported.report.notes.append(f"{files} of an earlier import removed, such as {names}.")
    else:
        imported.report.notes.append(
            f"{files} of the task are of an earlier import, such as {names}; --leftovers remove removes them."
        )


class Converter:
    """The objects of one image to a prediction file."""

    def __init__(self, reader: CocoReader, settings: TaskSettings, imported: Imported) -> None:
        self.reader = reader
        self.settings = settings
        self.imported = imported
        self.corners = BoxStatistics()
        """Over boxes of images whose size only the input says."""
        self.oversized = Counted()

    def file(self, target: Target) -> bytes:
        if target.place is None:
            return prediction_bytes(target.file_name, [])
        place, width, height = target.place, target.width, target.height
        given = self.reader.singletons(place, width, height, target.orientation)
        if not self.reader.document.images[place].width:
            for _, one in given:
                if "bbox" in one:
                    self.corners.add_one(one["bbox"], width or None, height or None)
        found = self._encoded(given, place, width, height)
        try:
            found = self.reader.of_image(found, width, height)
        except BadValue as error:
            raise LabelsError(f"'{target.file_name}': {error}") from None
        self.imported.predictions += len(found)
        return prediction_bytes(target.file_name, found)

    def _encoded(
        self, given: list[tuple[int, Singleton]], place: int, width: int, height: int
    ) -> list[Singleton]:
        if all(_is_inside(one, width, height) for _, one in given):
            return [one for _, one in given]  # the reader has found everything else right
        for number, singleton in given:
            if is_oversized(singleton.get("bbox"), width, height):
                self.oversized.add(self.reader.where(number, place))
        try:
            encoded = [self._fitted([one for _, one in given], width, height)]
        except BadValue:
            # The sentence has to be about the one object that is wrong; the others are written.
            encoded = list(self._one_by_one(given, place, width, height))
        for one in encoded:
            self.imported.clipped += one.clipped
            if one.dropped:
                where = f"'{self.reader.document.images[place].names[0]}'"
                self.imported.report.drop(NO_PIXEL, where, one.dropped)
        return [singleton for one in encoded for singleton in one.singletons]

    def _fitted(self, singletons: list[Singleton], width: int, height: int) -> Encoded:
        from lightly_assets.encoding.encode import encode  # late: most files need nothing of what it brings

        return encode(singletons, self.settings, width, height)

    def _one_by_one(
        self, given: list[tuple[int, Singleton]], place: int, width: int, height: int
    ) -> Iterator[Encoded]:
        for number, one in given:
            try:
                yield self._fitted([one], width, height)
            except BadValue as error:
                problem = re.sub(r"^prediction 0[^ ]*: ", "", str(error))
                if self.settings.boxes == "strict":
                    raise LabelsError(f"{self.reader.where(number, place)}: {problem}") from None
                self.reader.wrong(number, place, problem)

    def check(self) -> None:
        """Where more than half of the objects are wrong, the file is something else than it seems.

        Raises:
            LabelsError: so it is.
        """
        report, document = self.imported.report, self.reader.document
        if self.reader.settings.box_format == "xywh":
            document.survey.check_corners(self.corners, document.name)
        if self.reader.objects.moved:
            points = counted(self.reader.objects.moved, "keypoint")
            report.notes.append(f"{points} outside of their image moved to its edge.")
        if self.reader.objects.repaired:
            parts = counted(self.reader.objects.repaired, "part of a polygon", "parts of polygons")
            report.notes.append(f"{parts} left out that had less than three points.")
        if self.oversized.count:
            boxes = counted(self.oversized.count, "box is", "boxes are")
            report.notes.append(
                f"{boxes} more than twice as wide or high as the image, such as "
                f"{self.oversized.examples[0]}: are the labels of these images?"
            )
        for key, count in self.reader.objects.scores.items():
            report.notes.append(f"{counted(count, 'score')} taken from '{key}'.")
        if 2 * report.wrong > document.survey.counted and not self.reader.settings.allow_partial:
            of = f"{report.wrong:,} of {document.survey.counted:,} objects"
            raise LabelsError(f"{document.name}: {of} cannot be written; {report.problems[0]}")
        invisible = report.dropped.get(NO_PIXEL)
        most = 0 if self.reader.settings.allow_partial or invisible is None else invisible.count
        if invisible and 2 * most > document.survey.counted:
            raise LabelsError(
                f"{document.name}: {most:,} of {document.survey.counted:,} objects have no pixel in their "
                f"image, such as {invisible.examples[0]}; coordinates must be pixels of these images."
            )


def _is_inside(singleton: Singleton, width: int, height: int) -> bool:
    """Whether nothing is left to find out about an object that the reader has taken."""
    if "probabilities" in singleton:
        return False
    box = singleton.get("bbox")
    if box is None:
        return True
    x, y, w, h = box
    right, bottom = width + EDGE_TOLERANCE, height + EDGE_TOLERANCE
    return bool(x >= 0 and y >= 0 and w >= 1 and h >= 1 and x + w <= right and y + h <= bottom)
