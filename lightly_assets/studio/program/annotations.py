"""Objects of tasks as LightlyStudio's annotations: a task is an annotation source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from lightly_studio.models.annotation.annotation_base import AnnotationCreate, AnnotationType
from lightly_studio.models.annotation_label import AnnotationLabelCreate
from lightly_studio.models.collection import SampleType
from lightly_studio.resolvers import (
    annotation_collection_coverage_resolver,
    annotation_label_resolver,
    annotation_resolver,
    collection_resolver,
    evaluation_run_resolver,
)

from .errors import RefusedError
from .media import Media


class Annotations:
    """Of the frames of one dataset.

    An object is handed over as its category, its score, and its box (x, y, width, height) or its run lengths.
    """

    def __init__(self, side: Media, tasks: dict[str, str], categories: dict[str, list[str]]) -> None:
        self._side = side
        self._tasks = tasks
        self._labels: dict[str, UUID] = {}
        for names in categories.values():
            for name in names:
                self._labels[name] = self._label(name)

    def _label(self, name: str) -> UUID:
        session, dataset = self._side.session, self._side.dataset_id
        found = annotation_label_resolver.get_by_label_name(
            session=session, dataset_id=dataset, label_name=name
        )
        if found is None:
            label = AnnotationLabelCreate(dataset_id=dataset, annotation_label_name=name)
            found = annotation_label_resolver.create(session=session, label=label)
        key: UUID = found.annotation_label_id
        return key

    def replace(self, task: str, frames: Sequence[tuple[UUID, list[list[Any]]]]) -> None:
        """The objects of a task on these frames are these, and no others."""
        session, parent = self._side.session, self._side.collection_id
        source = collection_resolver.get_or_create_child_collection(
            session=session, collection_id=parent, sample_type=SampleType.ANNOTATION, name=task
        )
        samples = [sample for sample, _ in frames]
        old = annotation_resolver.get_all_by_parent_sample_ids_and_annotation_collection_id(
            session=session, parent_sample_ids=samples, annotation_collection_id=source
        )
        annotation_resolver.delete_annotations_by_ids(
            session=session, annotation_ids=[one.sample_id for one in old]
        )
        new = [self._made(task, sample, one) for sample, objects in frames for one in objects]
        if new:
            annotation_resolver.create_many(
                session=session, parent_collection_id=parent, annotations=new, collection_name=task
            )
        # A frame without objects was looked at, too.
        annotation_collection_coverage_resolver.add_many(
            session=session, annotation_collection_id=source, parent_sample_ids=samples
        )
        evaluation_run_resolver.mark_stale_by_collection_id(session=session, collection_id=source)
        session.commit()

    def _made(self, task: str, sample: UUID, one: list[Any]) -> AnnotationCreate:
        category, score, shape = one
        about: dict[str, Any] = {
            "annotation_label_id": self._labels[category],
            "confidence": score,
            "parent_sample_id": sample,
        }
        kind = self._tasks[task]
        if kind == "class":
            return AnnotationCreate(annotation_type=AnnotationType.CLASSIFICATION, **about)
        if kind == "box":
            x, y, width, height = whole_box(*shape)
            about |= {"x": x, "y": y, "width": width, "height": height}
            return AnnotationCreate(annotation_type=AnnotationType.OBJECT_DETECTION, **about)
        x, y, width, height = mask_box(shape, *self._side.size(sample))
        about |= {"x": x, "y": y, "width": width, "height": height, "segmentation_mask": shape}
        return AnnotationCreate(annotation_type=AnnotationType.SEGMENTATION_MASK, **about)


def whole_box(x: float, y: float, width: float, height: float) -> tuple[int, int, int, int]:
    """A box of whole pixels, which is all that LightlyStudio holds: corners rounded, one pixel at least."""
    left, top = round(x), round(y)
    return left, top, max(1, round(x + width) - left), max(1, round(y + height) - top)


def mask_box(counts: Sequence[int], width: int, height: int) -> tuple[int, int, int, int]:
    """The tight box around a mask given by its row-wise run lengths; nothing where it has no pixel."""
    runs = np.asarray(counts, dtype=np.int64)
    if int(runs.sum()) != width * height:
        raise RefusedError(
            f"A mask has {int(runs.sum()):,} pixels, but LightlyStudio sees a frame of {width}×{height}."
        )
    stops = np.cumsum(runs)[1::2]
    starts = (stops - runs[1::2])[runs[1::2] > 0]
    last = stops[runs[1::2] > 0] - 1
    if not starts.size:
        return 0, 0, 0, 0
    top, bottom = int(starts[0] // width), int(last[-1] // width)
    if (last // width > starts // width).any():  # a run that goes on in the next row touches both edges
        return 0, top, width, bottom - top + 1
    left, right = int((starts % width).min()), int((last % width).max())
    return left, top, right - left + 1, bottom - top + 1
