"""An evaluation as the JSON document of ``lightly-assets evaluate``, and as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.evaluation.evaluate import Counts, Evaluation
from lightly_assets.evaluation.objects import Floats, Ints
from lightly_assets.evaluation.precision import Precision, curve

_WORST = 20
# Per video, every category needs a curve of its own.
_MOST_CURVES = 20_000

Document = dict[str, Any]


def document(evaluation: Evaluation) -> Document:
    """The figures for scripts.

    ``{"ok", "task", "images", "map", "map50", "per_category": [{"name", "ap", "ap50", "labels",
    "predictions"}], …}``; what does not apply to a task's type, or has no label, is null.
    """
    pairing, precision = evaluation.pairing, evaluation.precision
    result: Document = {
        "ok": True,
        "task": evaluation.task,
        "task_type": str(pairing.task_type),
        "labels": evaluation.source,
        "images": len(pairing.stems),
        **_average_precision(precision),
        "miou": _miou(evaluation),
        "pixel_accuracy": _pixel_accuracy(evaluation),
        "accuracy": evaluation.classes.accuracy if evaluation.classes is not None else None,
        "threshold": evaluation.threshold if precision is not None else None,
        **_rates(evaluation.categories),
        "per_category": per_category(evaluation),
        "per_video": per_video(evaluation),
        "worst": worst(evaluation, _WORST),
        "without_predictions": pairing.unpredicted,
        "without_labels": pairing.unlabelled,
        "warnings": pairing.warnings,
    }
    return result


def _average_precision(precision: Precision | None) -> Document:
    names = ("map", "map50", "map75", "map_small", "map_medium", "map_large", "ar", "ar1", "ar10")
    if precision is None:
        return dict.fromkeys(names)
    areas = {
        f"map_{name}": precision.ap(name) if name in precision.areas else None
        for name in ("small", "medium", "large")
    }
    recall = {f"ar{limit}": _mean(precision.recall_at.get(limit)) for limit in (1, 10)}
    first = {"map": precision.ap(), "map50": precision.ap(threshold=0), "map75": precision.ap(threshold=5)}
    return {**first, **areas, "ar": precision.ar(), **recall}


def _mean(values: Floats | None) -> float | None:
    return None if values is None else number(np.nanmean(values) if (~np.isnan(values)).any() else np.nan)


def number(value: Any) -> float | None:
    """A number of JSON; None for NaN."""
    return None if np.isnan(value) else float(value)


def _miou(evaluation: Evaluation) -> float | None:
    return None if evaluation.pixels is None else _mean(evaluation.pixels.iou())


def _pixel_accuracy(evaluation: Evaluation) -> float | None:
    """Of all labelled pixels, the share that is predicted as it is labelled."""
    pixels = evaluation.pixels
    if pixels is None or not pixels.labelled.sum():
        return None
    return float(pixels.shared.sum() / pixels.labelled.sum())


def _rates(counts: Counts) -> Document:
    found, missed, wrong = (int(one.sum()) for one in (counts.found, counts.missed, counts.wrong))
    return {
        "precision": found / (found + wrong) if found + wrong else None,
        "recall": found / (found + missed) if found + missed else None,
    }


def per_category(evaluation: Evaluation) -> list[Document]:
    """The figures of each category; without labels its average precision is null."""
    pairing, precision, counts = evaluation.pairing, evaluation.precision, evaluation.categories
    size = len(pairing.names)
    labels = np.bincount(pairing.labels.categories[~pairing.labels.crowds], minlength=size)
    predictions = np.bincount(pairing.predictions.categories, minlength=size)
    nothing = np.full(size, np.nan)
    ap = precision.of_category() if precision is not None else nothing
    ap50 = precision.of_category(threshold=0) if precision is not None else nothing
    iou = evaluation.pixels.iou() if evaluation.pixels is not None else None
    rows = []
    for place, name in enumerate(pairing.names):
        one = Counts(*(np.asarray(part[place]) for part in (counts.found, counts.missed, counts.wrong)))
        row = {
            "name": name,
            "ap": number(ap[place]),
            "ap50": number(ap50[place]),
            "labels": int(labels[place]),
            "predictions": int(predictions[place]),
            **_rates(one),
        }
        if iou is not None:
            row["iou"] = number(iou[place])
        rows.append(row)
    return rows


def per_video(evaluation: Evaluation) -> list[Document]:
    """The figures of each video, and of each folder of images.

    Average precision is left out (null) where there are so many videos and categories that it would take
    longer than all the rest.
    """
    videos, frames = evaluation.videos, evaluation.frames
    slow = len(videos) * len(evaluation.pairing.names) > _MOST_CURVES
    of_video = {} if slow or evaluation.precision is None else _video_precision(evaluation)
    rows = []
    for place, (name, images) in enumerate(videos.items()):
        counts = Counts(frames.found[images], frames.missed[images], frames.wrong[images])
        row: Document = {"video": name, "images": int(images.size)}
        if evaluation.precision is not None:
            row["map"], row["map50"] = of_video.get(place, (None, None))
        if evaluation.pixels is not None:
            row["miou"] = _mean(evaluation.pixels.iou(images))
        rows.append(row | _rates(counts))
    return rows


def _video_precision(evaluation: Evaluation) -> dict[int, tuple[float | None, float | None]]:
    """mAP and mAP50 of the images of each video alone."""
    assert evaluation.precision is not None
    pairing, judged = evaluation.pairing, evaluation.precision.judged
    video = np.zeros(len(pairing.stems), dtype=np.int64)
    for place, images in enumerate(evaluation.videos.values()):
        video[images] = place
    count = len(pairing.names)
    labels, predictions = pairing.labels, pairing.predictions.take(judged.rows)
    of_labels = (video[labels.images] * count + labels.categories)[~labels.crowds]
    wanted = np.bincount(of_labels, minlength=len(evaluation.videos) * count)
    groups = video[predictions.images] * count + predictions.categories
    order = np.lexsort((-predictions.scores, groups))
    edges = np.searchsorted(groups[order], np.arange(wanted.size + 1))
    found: dict[int, list[NDArray[np.float64]]] = {}
    for group in np.flatnonzero(wanted):
        rows = order[edges[group] : edges[group + 1]]
        precision, _ = curve(
            judged.matches.label[:, rows] >= 0, judged.matches.ignored[:, rows], int(wanted[group])
        )
        found.setdefault(int(group) // count, []).append(precision.mean(axis=1))
    return {
        place: (float(np.mean(lines)), float(np.mean([line[0] for line in lines])))
        for place, lines in found.items()
    }


def worst_order(evaluation: Evaluation) -> Ints:
    """The images, those with the most faults first; of equal ones the less good, then by name."""
    frames = evaluation.frames
    stems = np.array(evaluation.pairing.stems)
    return np.lexsort((stems, frames.f1(), -(frames.missed + frames.wrong)))


def worst(evaluation: Evaluation, most: int) -> list[Document]:
    """The frames with the most faults, which are those to look at."""
    frames = evaluation.frames
    rows = []
    for image in worst_order(evaluation)[:most].tolist():
        missed, wrong = int(frames.missed[image]), int(frames.wrong[image])
        if missed + wrong == 0:
            break
        found = int(frames.found[image])
        rows.append({"file_name": evaluation.name(image), "found": found, "missed": missed, "wrong": wrong})
    return rows


def text(result: Document) -> str:
    """The document for people."""
    kind = result["task_type"]
    lines = [f"{result['task']} ({kind}) against {result['labels']}: {result['images']:,} images."]
    figures = [
        ("mAP .50:.95", result["map"]), ("mAP .50", result["map50"]), ("mAP .75", result["map75"]),
        ("mIoU", result["miou"]), ("pixel accuracy", result["pixel_accuracy"]),
        ("accuracy", result["accuracy"]), ("precision", result["precision"]), ("recall", result["recall"]),
    ]  # fmt: skip
    lines.append("  ".join(f"{name} {value:.4f}" for name, value in figures if value is not None))
    if result["threshold"] is not None:
        lines.append(f"Precision and recall count predictions of score {result['threshold']:.3f} or more.")
    width = max(len(one["name"]) for one in result["per_category"])
    lines.append("")
    lines.append(f"{'category':{width}}  {'labels':>8} {'predicted':>9} {_head(kind)}")
    lines += [_category_line(one, width) for one in result["per_category"]]
    if result["worst"]:
        lines += ["", "Most faults:"]
        for one in result["worst"][:5]:
            lines.append(
                f"  {one['file_name']}: {one['missed']:,} missed, {one['wrong']:,} wrong, "
                f"{one['found']:,} found"
            )
    lines += [f"Note: {warning}" for warning in result["warnings"]]
    return "\n".join(lines)


def _head(kind: str) -> str:
    names = {"semantic-segmentation": ("IoU",), "classification": ()}.get(kind, ("AP", "AP50"))
    return " ".join(f"{name:>9}" for name in (*names, "precision", "recall"))


def _category_line(one: Document, width: int) -> str:
    keys = (
        ("iou",)
        if "iou" in one
        else ("ap", "ap50")
        if one["ap"] is not None or one["ap50"] is not None
        else ()
    )
    values = [one.get(key) for key in (*keys, "precision", "recall")]
    shown = " ".join(f"{'–' if value is None else format(value, '.4f'):>9}" for value in values)
    return f"{one['name']:{width}}  {one['labels']:>8,} {one['predictions']:>9,} {shown}"
