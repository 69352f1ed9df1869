"""COCO annotations and COCO results as prediction files.

Annotations ("labels") are ``{"images", "annotations", "categories"}``; results are a plain list of
predictions with scores, and need the annotation file of their images. Source: the specification's "Create
Object Detection Prediction Files from COCO", without what is wrong with its script: it overwrites
``tasks.json``, fails for nested names, and gives labels the score 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.errors import BadValue
from lightly_assets.format.boxes import BoxPolicy
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.format.tasks import validate_task_name
from lightly_assets.labels.categories import duplicated_names
from lightly_assets.labels.coco.document import CocoDocument, read_coco
from lightly_assets.labels.coco.objects import category_number
from lightly_assets.labels.coco.reader import CocoReader, task_categories
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.report import counted
from lightly_assets.pipeline.publishing.label_input import LabelInput
from lightly_assets.pipeline.publishing.label_targets import (
    Exif,
    Target,
    TargetSettings,
    Unlisted,
    targets_as_named,
    targets_in_input,
)
from lightly_assets.pipeline.publishing.label_writing import Imported, Leftovers, write_task
from lightly_assets.storage import Store, open_store

__all__ = ["CocoError", "ImportSettings", "Imported", "Leftovers", "import_coco"]

CocoError = LabelsError


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """How a label file is led to the input, and what happens to what it does not list."""

    coco: CocoSettings = field(default_factory=CocoSettings)
    unlisted: Unlisted | None = None
    exif: Exif = "refuse"
    leftovers: Leftovers = "report"


def import_coco(
    file: str | Path,
    lightly: str | Path | Store,
    task: str,
    *,
    input: str | Path | Store | None = None,
    images: str | Path | None = None,
    task_type: TaskType | str | None = None,
    default_score: float | None = None,
    boxes: BoxPolicy = "clip",
    settings: ImportSettings | None = None,
) -> Imported:
    """Writes a task's schema and one prediction file per image of a COCO file, and lists the task.

    Other tasks in ``tasks.json`` stay as they are. Images without annotations get an empty list. A single
    object that is wrong is left out and told; where more than half are, nothing is written.

    Args:
        file: annotations, or results (a JSON list).
        lightly: the Lightly datasource: a folder, a URL or a store.
        task: the task's name.
        input: the input datasource; with it, names are led to its images and frames, and sizes compared.
        images: for results, the annotation file that describes their images and categories.
        task_type: found from the annotations where not given: keypoints, else masks, else boxes, else
            classes.
        default_score: for annotations without a score; 1 where not given.
        boxes: ``clip`` cuts boxes to their image, ``strict`` refuses those that leave it.
        settings: everything else.

    Raises:
        LabelsError: the file is not what COCO describes, does not fit the input, or does not fit the task
            that is there already; nothing is written then.
        StorageError: a root is out of reach.
    """
    validate_task_name(task)
    settings = settings or ImportSettings()
    if default_score is not None:
        settings = replace(settings, coco=settings.coco.with_score(default_score))
    store = lightly if not isinstance(lightly, str | Path) else open_store(lightly)
    found = LabelInput(input) if input is not None else None
    kind = TaskType(task_type) if task_type is not None else None
    with read_coco(file, images, settings.coco) as document:
        led = lead_coco(document, found, kind, settings)
        encoding = TaskSettings(led.schema, boxes=boxes)
        return write_task(store, task, led.reader, encoding, led.targets, settings.leftovers)


@dataclass(frozen=True, slots=True)
class LedCoco:
    """A COCO file that is led to the input and fitted to a task: nothing is written yet."""

    reader: CocoReader
    schema: Schema
    targets: list[Target]


def lead_coco(
    document: CocoDocument, found: LabelInput | None, task_type: TaskType | None, settings: ImportSettings
) -> LedCoco:
    """Leads a COCO file to the input and fits it to a task.

    Args:
        document: the file, open for as long as the result is used.
        found: the input; None: names and sizes are taken as they are.
        task_type: None: found from the objects.
        settings: everything else.

    Raises:
        LabelsError: the file does not fit the input or makes no schema.
    """
    coco = settings.coco
    found_type = document.task_type(task_type, coco)
    schema = _schema(document, found_type)
    reader = CocoReader(document, found_type, task_categories(document, schema.categories, coco), coco)
    targets = _targets(document, found, settings, sized=found_type is not TaskType.CLASSIFICATION)
    return LedCoco(reader, schema, targets)


def _schema(document: CocoDocument, task_type: TaskType) -> Schema:
    if document.categories is None:
        raise LabelsError(
            f"{document.name} has no list 'categories'; COCO annotations have images, annotations and "
            "categories."
        )
    # Ids as text or with a fraction of zero mean the same number.
    categories = [
        entry if (number := category_number(entry.get("id"))) is None else entry | {"id": number}
        for entry in document.categories
    ]
    try:
        schema = Schema.parse({"task_type": task_type, "categories": categories})
    except BadValue as error:
        raise LabelsError(f"The categories make no schema: {error}") from None
    for name, ids in duplicated_names((one.id, one.name) for one in schema.categories).items():
        document.report.notes.append(
            f"The categories {' and '.join(map(str, ids))} have the same name, '{name}'."
        )
    return schema


def _targets(
    document: CocoDocument,
    found: LabelInput | None,
    settings: ImportSettings,
    *,
    sized: bool,
) -> list[Target]:
    coco = settings.coco
    wanted = TargetSettings(coco.names, settings.unlisted, settings.exif, coco.allow_partial, sized)
    if found is not None:
        return targets_in_input(document.images, found, wanted, document.report, file=document.name)
    targets = targets_as_named(document.images, wanted)
    document.report.listed = len(targets)
    frames = sum(parse_frame_name(target.file_name) is not None for target in targets)
    if frames:
        document.report.notes.append(
            f"{counted(frames, 'frame')} written as named; --input compares them with their videos."
        )
    return targets
