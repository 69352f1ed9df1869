"""The figures of a task's predictions against labels, over all, per category, video and frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lightly_assets.evaluation.coco_labels import Measure, coco_labels
from lightly_assets.evaluation.matching import match, ranked
from lightly_assets.evaluation.objects import EvaluationError, Floats, Ints, Objects, Pairing
from lightly_assets.evaluation.overlaps import box_pairs, keypoint_pairs, mask_pairs
from lightly_assets.evaluation.pairing import Labels, labels_of_task, pair
from lightly_assets.evaluation.pixels import Classes, Pixels, compare_classes, compare_pixels
from lightly_assets.evaluation.precision import Overlap, Precision, average_precision
from lightly_assets.folders.read import Folder, Root, Task, read_folder
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.schema import TaskType

_FIELDS = ("boxes", "points", "runs")
# Errors about which files there should be: what was read is right nevertheless.
_HARMLESS = {"frame-padding", "frame-gap", "prediction-missing", "prediction-orphan"}


@dataclass(frozen=True, slots=True)
class Counts:
    """Per image (I,) or per category (C,): labels found, labels missed, and predictions that are wrong.

    For pixels the same in pixels, for classes in images.
    """

    found: Ints
    missed: Ints
    wrong: Ints

    def f1(self) -> Floats:
        """(…,) twice the found over all, 1 where there is nothing to find and nothing wrong."""
        total = 2 * self.found + self.missed + self.wrong
        result: Floats = np.divide(2 * self.found, total, out=np.ones(total.shape), where=total > 0)
        return result


@dataclass(frozen=True)
class Evaluation:
    """A task's predictions judged against labels. Of the three kinds of figures, one is there.

    ``threshold`` is the score from which predictions count as given in ``frames`` and ``categories``.
    """

    task: str
    source: str
    pairing: Pairing
    threshold: float
    frames: Counts
    categories: Counts
    precision: Precision | None = None
    pixels: Pixels | None = None
    classes: Classes | None = None
    file_names: dict[str, str] = field(default_factory=dict)

    @cached_property
    def videos(self) -> dict[str, Ints]:
        """The images of each video, or folder of images, as places in the pairing's list."""
        groups: dict[str, list[int]] = {}
        for place, stem in enumerate(self.pairing.stems):
            groups.setdefault(video_of(stem), []).append(place)
        return {name: np.array(groups[name]) for name in sorted(groups)}

    def name(self, image: int) -> str:
        """An image's own name, or the path of its prediction file where there is none."""
        stem = self.pairing.stems[image]
        return self.file_names.get(stem) or stem


def video_of(stem: str) -> str:
    """The video of a frame, or the folder of an image, by the path of its prediction file without suffix."""
    frame = parse_frame_name(f"{stem}.json")
    if frame is not None:
        return frame.video
    folder = stem.rpartition("/")[0]
    return f"{folder}/" if folder else "./"


def evaluate(
    root: Root,
    task: str,
    labels: str | Path,
    *,
    input: Root | None = None,
    threshold: float | None = None,
    sigmas: tuple[float, ...] | None = None,
    all_categories: bool = False,
    processes: int | None = None,
) -> Evaluation:
    """Judges a task's predictions.

    Args:
        root: the Lightly datasource: a folder, an ``s3://…`` URL, or a store.
        task: the task's name.
        labels: a COCO annotation file, or the name of another task of the same root.
        input: the input datasource, for sizes of images that the COCO file does not know.
        threshold: the score from which a prediction counts in precision, recall and per frame; where not
            given, the one with the best F1.
        sigmas: of keypoints; COCO's for 17, else 1/K each.
        all_categories: labels of categories that the task does not have count as missed, instead of being
            left out.

    Raises:
        EvaluationError: the task has errors, or cannot be compared with the labels.
        StorageError: the store of a root is out of reach.
    """
    is_task = is_task_name(str(labels))
    wanted = [task, str(labels)] if is_task else [task]
    folder = read_folder(root, tasks=wanted, wanted=_FIELDS, processes=processes)
    judged = sound_task(folder, task)
    if is_task:
        truth = labels_of(judged, sound_task(folder, str(labels)))
    else:
        truth = coco_labels(labels, judged.schema.task_type, judged.columns.file_names, input_sizes(input))
    return judge(judged, truth, threshold=threshold, sigmas=sigmas, all_categories=all_categories)


def is_task_name(labels: str) -> bool:
    """Whether labels are named by a task of the same folder, and not by a file."""
    return "/" not in labels and not labels.lower().endswith(".json") and not Path(labels).is_file()


def sound_task(folder: Folder, name: str) -> Task:
    """A task that was read without an error.

    Raises:
        EvaluationError: it has errors; the first is named.
    """
    errors = [
        one
        for one in folder.report.groups
        if one.severity == "error" and one.task == name and one.rule not in _HARMLESS
    ]
    if errors:
        first, count = errors[0].examples[0], sum(one.count for one in errors)
        raise EvaluationError(
            f"'{name}' cannot be evaluated: {count:,} {'error' if count == 1 else 'errors'}, the first in "
            f"{first.file or name}: {first.message} 'lightly-assets check' names them all."
        )
    if name not in folder.tasks:
        raise EvaluationError(f"tasks.json does not list '{name}'.")
    return folder.tasks[name]


def labels_of(task: Task, other: Task) -> Labels:
    """Another task's predictions as labels of a task.

    Raises:
        EvaluationError: they are of another type.
    """
    if other.schema.task_type != task.schema.task_type:
        raise EvaluationError(
            f"'{task.name}' is {task.schema.task_type}, but '{other.name}' is {other.schema.task_type}; "
            "labels must be of the same type."
        )
    return labels_of_task(other)


def input_sizes(input: Root | None) -> Measure | None:
    """Sizes of the images of an input datasource."""
    if input is None:
        return None
    from lightly_assets.checker.check import reader_of
    from lightly_assets.checker.expected import UnreadableImageError, image_size

    reader = reader_of(input)

    def measure(key: str) -> tuple[int, int] | None:
        try:
            return image_size(reader, key)
        except UnreadableImageError as error:
            raise EvaluationError(f"the image '{key}' cannot be read: {error}") from None

    return measure


def judge(
    task: Task,
    labels: Labels,
    *,
    threshold: float | None = None,
    sigmas: tuple[float, ...] | None = None,
    all_categories: bool = False,
) -> Evaluation:
    """Judges predictions that have been read; arguments and errors are those of :func:`evaluate`."""
    pairing = pair(task, labels, all_categories=all_categories)
    names = dict(zip(task.columns.stems, task.columns.file_names, strict=True))
    common: dict[str, Any] = {"pairing": pairing, "file_names": names}
    common |= {"task": task.name, "source": labels.source}
    if pairing.task_type is TaskType.SEMANTIC_SEGMENTATION:
        pixels = compare_pixels(pairing)
        common["frames"], common["categories"] = _pixel_counts(pixels)
        return Evaluation(**common, threshold=0.0, pixels=pixels)
    if pairing.task_type is TaskType.CLASSIFICATION:
        classes = compare_classes(pairing)
        common["frames"], common["categories"] = _class_counts(pairing, classes)
        return Evaluation(**common, threshold=0.0, classes=classes)
    precision = average_precision(pairing, _overlap(pairing.task_type, sigmas))
    chosen = best_threshold(pairing, precision) if threshold is None else threshold
    common["frames"], common["categories"] = object_counts(pairing, precision, chosen)
    return Evaluation(**common, threshold=chosen, precision=precision)


def _overlap(task_type: TaskType, sigmas: tuple[float, ...] | None) -> Overlap:
    if task_type is TaskType.KEYPOINT_DETECTION:
        return lambda one, other, groups, least: keypoint_pairs(one, other, groups, least, sigmas)
    return mask_pairs if task_type is TaskType.INSTANCE_SEGMENTATION else box_pairs


def best_threshold(pairing: Pairing, precision: Precision) -> float:
    """The score from which on precision and recall together (F1 at an overlap of .5) are best."""
    judged = precision.judged
    scores = pairing.predictions.scores[judged.rows]
    counted = ~judged.matches.ignored[0]
    right = (judged.matches.label[0] >= 0) & counted
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(right[order])
    given = np.cumsum(counted[order])
    if not found.size:
        return 0.5
    wanted = _wanted(pairing).sum()
    f1 = 2 * found / np.maximum(given + wanted, 1)
    # Predictions with one score are given together.
    last = np.append(scores[order][1:] != scores[order][:-1], True)
    f1[~last] = -1
    return float(scores[order][int(np.argmax(f1))])


def _wanted(pairing: Pairing) -> Ints:
    """(C,) labels to find; those of crowds are none."""
    labels = pairing.labels
    return np.bincount(labels.categories[~labels.crowds], minlength=len(pairing.names))


def object_counts(pairing: Pairing, precision: Precision, threshold: float) -> tuple[Counts, Counts]:
    """Per frame and per category, at an overlap of .5 and for predictions of at least this score."""
    judged, labels = precision.judged, pairing.labels
    predictions = pairing.predictions.take(judged.rows)
    given = (predictions.scores >= threshold) & ~judged.matches.ignored[0]
    right = given & (judged.matches.label[0] >= 0)

    def counts(of_predictions: Ints, of_labels: Ints, count: int) -> Counts:
        found = np.bincount(of_predictions[right], minlength=count)
        wanted = np.bincount(of_labels[~labels.crowds], minlength=count)
        wrong = np.bincount(of_predictions[given & ~right], minlength=count)
        return Counts(found, np.maximum(wanted - found, 0), wrong)

    return (
        counts(predictions.images, labels.images, len(pairing.stems)),
        counts(predictions.categories, labels.categories, len(pairing.names)),
    )


def _pixel_counts(pixels: Pixels) -> tuple[Counts, Counts]:
    frames, categories = (
        Counts(
            pixels.shared.sum(axis=axis),
            (pixels.labelled - pixels.shared).sum(axis=axis),
            (pixels.predicted - pixels.shared).sum(axis=axis),
        )
        for axis in (1, 0)
    )
    return frames, categories


def _class_counts(pairing: Pairing, classes: Classes) -> tuple[Counts, Counts]:
    images, count = len(pairing.stems), len(pairing.names)
    right = classes.labels == classes.predictions
    given = classes.predictions >= 0
    frames = Counts(
        np.bincount(classes.images[right], minlength=images),
        np.bincount(classes.images[~right], minlength=images),
        np.bincount(classes.images[given & ~right], minlength=images),
    )
    categories = Counts(
        np.bincount(classes.labels[right], minlength=count),
        np.bincount(classes.labels[~right], minlength=count),
        np.bincount(classes.predictions[given & ~right], minlength=count),
    )
    return frames, categories


def _with_counts(objects: Objects) -> Ints:
    """(N,) one number for each image and number of keypoints."""
    numbers: Ints = objects.images * (1 << 20) + objects.points.counts
    return numbers


def confusion(evaluation: Evaluation, sigmas: tuple[float, ...] | None = None) -> Ints:
    """(C + 1, C + 1) by label and prediction; the last row are wrong, the last column missed.

    For objects of the evaluation's threshold, at an overlap of .5, whatever their categories; pixels and
    images else.
    """
    pairing = evaluation.pairing
    count = len(pairing.names)
    table = np.zeros((count + 1, count + 1), dtype=np.int64)
    if evaluation.pixels is not None:
        pixels = evaluation.pixels
        table[:count, :count] = pixels.confusion
        table[:count, count] = np.maximum(pixels.labelled.sum(axis=0) - pixels.confusion.sum(axis=1), 0)
        table[count, :count] = np.maximum(pixels.predicted.sum(axis=0) - pixels.confusion.sum(axis=0), 0)
        return table
    if evaluation.classes is not None:
        table[:count] = evaluation.classes.confusion
        return table
    given = pairing.predictions.take(pairing.predictions.scores >= evaluation.threshold)
    # Objects with other keypoints than a label are never taken for it.
    groups = given.images, pairing.labels.images
    if pairing.task_type is TaskType.KEYPOINT_DETECTION:
        groups = _with_counts(given), _with_counts(pairing.labels)
    rows, ranks = ranked(given.images, given.scores)
    predictions, labels = given.take(rows), pairing.labels
    measure = _overlap(pairing.task_type, sigmas)
    pairs = measure(predictions, labels, (groups[0][rows], groups[1]), 0.5)
    nothing = np.zeros(predictions.size, dtype=np.bool_)
    matches = match(pairs, ranks, np.array([0.5]), labels.crowds, labels.crowds, nothing)
    label, counted = matches.label[0], ~matches.ignored[0]
    found = (label >= 0) & counted
    np.add.at(table, (labels.categories[label[found]], predictions.categories[found]), 1)
    np.add.at(table[count], predictions.categories[counted & ~found], 1)
    missed = ~labels.crowds
    missed[label[found]] = False
    np.add.at(table[:, count], labels.categories[missed], 1)
    return table
