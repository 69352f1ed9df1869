"""Brings predictions and labels together: the same images, the same categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lightly_assets.evaluation.objects import (
    NO_LISTS,
    EvaluationError,
    Flags,
    Floats,
    Ints,
    Objects,
    Pairing,
    Ragged,
)
from lightly_assets.folders.columns import Columns
from lightly_assets.folders.read import Task
from lightly_assets.format.schema import Schema, TaskType

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of some images.

    ``objects.categories`` are places in ``categories`` (id and name), ``objects.images`` places in ``stems``.
    ``source`` says where they come from, for errors.
    """

    source: str
    stems: list[str]
    categories: list[tuple[int, str]]
    objects: Objects
    warnings: list[str] = field(default_factory=list)


def labels_of_task(task: Task) -> Labels:
    """The predictions of a task taken as labels; their scores do not matter."""
    categories = [(one.id, one.name) for one in task.schema.categories]
    objects = objects_of(task.columns, task.schema, task.columns.files, task.columns.categories)
    return Labels(f"task '{task.name}'", task.columns.stems, categories, objects)


def pair(task: Task, labels: Labels, *, all_categories: bool = False) -> Pairing:
    """Predictions of the images that have labels, beside these.

    Args:
        all_categories: labels of categories that the task does not have stay, and are all missed.

    Raises:
        EvaluationError: no image or no category is common to both, or masks are of different sizes.
    """
    columns, schema = task.columns, task.schema
    images, unlabelled, unpredicted = _images(columns.stems, labels, task.name)
    known = {one.name for one in schema.categories}
    common: list[str] = []
    if not all_categories:
        labels, common = _known_labels(labels, known)
    names, place_of, extra = _categories(schema, labels, task.name)
    places = _at(schema.ids, columns.categories)
    kept = (images[columns.files] >= 0) & (place_of[places] >= 0)
    objects = objects_of(columns, schema, images[columns.files], places, place_of)
    pairing = Pairing(
        schema.task_type,
        labels.stems,
        names,
        labels.objects,
        objects.take(kept),
        np.flatnonzero(kept),
        unpredicted,
        unlabelled,
        [*labels.warnings, *common, *extra],
    )
    _check_mask_sizes(pairing, labels.source)
    if unpredicted:
        pairing.warnings.append(
            f"{unpredicted:,} of {len(labels.stems):,} images with labels have no prediction file; all their "
            "labels count as missed."
        )
    if unlabelled:
        pairing.warnings.append(
            f"{unlabelled:,} prediction files are of images without labels; they are left out."
        )
    return pairing


def objects_of(
    columns: Columns, schema: Schema, images: Ints, categories: Ints, place_of: Ints | None = None
) -> Objects:
    """Predictions as objects.

    Args:
        images: (N,) place of each prediction's image.
        categories: (N,) category ids, or with ``place_of`` places in the schema.
        place_of: the new place of each category of the schema.
    """
    places = _at(schema.ids, categories) if place_of is None else place_of[categories]
    count = columns.categories.size
    masks = points = NO_LISTS
    boxes = columns.boxes_or_hulls() if columns.boxes.size or columns.points.size else np.zeros((count, 4))
    areas: Floats = boxes[:, 2] * boxes[:, 3]
    if schema.task_type in (TaskType.INSTANCE_SEGMENTATION, TaskType.SEMANTIC_SEGMENTATION):
        masks = Ragged.of(columns.runs, columns.run_counts)
        areas = mask_areas(masks)
    if schema.task_type is TaskType.KEYPOINT_DETECTION:
        points = Ragged.of(columns.points, columns.point_counts)
        areas = _extents(points)
    scores = np.where(np.isnan(columns.scores), 1.0, columns.scores)
    crowds = np.zeros(count, dtype=np.bool_)
    return Objects(np.asarray(images), places, scores, boxes, areas, crowds, masks, points)


def mask_areas(masks: Ragged) -> Floats:
    """(N,) how many pixels of each mask are 1."""
    owners = np.repeat(np.arange(masks.counts.size), masks.counts)
    within = np.arange(owners.size) - np.repeat(masks.ends - masks.counts, masks.counts)
    weights = masks.values * (within % 2)
    return np.bincount(owners, weights=weights, minlength=masks.counts.size).astype(np.float64)


def mask_pixels(masks: Ragged) -> Floats:
    """(N,) how many pixels the image of each mask has."""
    owners = np.repeat(np.arange(masks.counts.size), masks.counts)
    return np.bincount(owners, weights=masks.values, minlength=masks.counts.size).astype(np.float64)


def _extents(points: Ragged) -> Floats:
    """(N,) width times height around the keypoints, which stands for the area of a prediction."""
    areas = np.zeros(points.counts.size)
    some = np.flatnonzero(points.counts)
    if some.size:
        starts = (points.ends - points.counts)[some]
        low = np.minimum.reduceat(points.values[:, :2], starts)
        high = np.maximum.reduceat(points.values[:, :2], starts)
        areas[some] = (high - low).prod(axis=1)
    return areas


def _at(ids: Sequence[int], values: Ints) -> Ints:
    """The place of each value among ascending ids that hold all of them."""
    return np.searchsorted(np.array(ids), values)


def _images(stems: Sequence[str], labels: Labels, task: str) -> tuple[Ints, int, int]:
    place = {stem: index for index, stem in enumerate(labels.stems)}
    images = np.fromiter((place.get(stem, -1) for stem in stems), np.int64, len(stems))
    matched = int((images >= 0).sum())
    if not matched:
        raise EvaluationError(
            f"No image of the labels ({labels.source}: {_listed(labels.stems)}) has a prediction file in "
            f"'{task}' ({_listed(stems)}); file names must be relative to the input datasource."
        )
    return images, len(stems) - matched, len(labels.stems) - matched


def _known_labels(labels: Labels, known: set[str]) -> tuple[Labels, list[str]]:
    """Without the categories that the task does not have, and a sentence about them."""
    unknown = [name for _, name in labels.categories if name not in known]
    if not unknown or len(unknown) == len(labels.categories):
        return labels, []
    stays = np.array([name in known for _, name in labels.categories])
    place_of = np.cumsum(stays) - 1
    kept = stays[labels.objects.categories]
    objects = labels.objects.take(kept)
    objects = replace(objects, categories=place_of[objects.categories])
    categories = [one for one in labels.categories if one[1] in known]
    left = int((~kept).sum())
    warning = (
        f"The task has no category {_listed(unknown)}, which {left:,} of the labels have; they are left out "
        "(--all-categories counts them as missed)."
    )
    return replace(labels, categories=categories, objects=objects), [warning]


def _categories(schema: Schema, labels: Labels, task: str) -> tuple[list[str], Ints, list[str]]:
    """Their names, the place of each of the schema's categories among them or -1, and what does not fit."""
    names = [name for _, name in labels.categories]
    place = {name: index for index, name in reversed(list(enumerate(names)))}
    ours = [one.name for one in schema.categories]
    if not place.keys() & set(ours):
        raise EvaluationError(
            f"The labels' categories ({_listed(names)}) and those of '{task}' ({_listed(ours)}) have no name "
            "in common; name them alike."
        )
    warnings = []
    if missing := [name for name in names if name not in set(ours)]:
        warnings.append(
            f"The task has no category {_listed(missing)}, which the labels have; what is labelled so counts "
            "as missed."
        )
    extra = [name for name in ours if name not in place]
    if extra:
        warnings.append(f"The labels have no category {_listed(extra)}; predictions of it are not judged.")
    return names, np.array([place.get(name, -1) for name in ours], dtype=np.int64), warnings


def _check_mask_sizes(pairing: Pairing, source: str) -> None:
    if not pairing.labels.masks.counts.size or not pairing.predictions.masks.counts.size:
        return
    sizes = np.zeros(len(pairing.stems))
    sizes[pairing.labels.images] = mask_pixels(pairing.labels.masks)
    ours = mask_pixels(pairing.predictions.masks)
    theirs = sizes[pairing.predictions.images]
    wrong: Flags = (theirs > 0) & (ours != theirs)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise EvaluationError(
            f"Masks of '{pairing.stems[pairing.predictions.images[place]]}' have {int(ours[place]):,} "
            f"pixels, those of the labels ({source}) {int(theirs[place]):,}; both must be as large as the "
            "image."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown or "none"
