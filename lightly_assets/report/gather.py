"""Everything that goes into a report, as plain JSON and small pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from lightly_assets.checker.expected import InputIndex
from lightly_assets.checker.report import Report
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.evaluation.coco_labels import coco_labels
from lightly_assets.evaluation.document import document
from lightly_assets.evaluation.evaluate import (
    Evaluation,
    confusion,
    input_sizes,
    is_task_name,
    judge,
    labels_of,
)
from lightly_assets.evaluation.objects import EvaluationError
from lightly_assets.evaluation.precision import RECALLS
from lightly_assets.folders.read import Folder, Root, Task, read_files, read_folder
from lightly_assets.report.choice import REASONS, Chosen, choose, these
from lightly_assets.report.comparisons import agreement, drift
from lightly_assets.report.figures import Measured, figures
from lightly_assets.report.gallery import gallery
from lightly_assets.report.pixels import FrameReader, Thumbnail, thumbnail
from lightly_assets.tracking import track

FIGURES_ID = "report-figures"
# Of all pictures together, before they are written as text.
_PICTURE_BYTES = 12_000_000
_LARGEST_PICTURE = 26_000
_MOST_CURVES = 12
_MOST_CONFUSED = 40
_OF_CHOSEN = "All figures are of the selected frames that are shown here."


class ReportError(LightlyAssetsError):
    """Why there is no report, in one sentence."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a report is about.

    Args:
        frames: how many frames of each task are shown.
        chosen: exactly these frames, by the paths of their prediction files without ``.json``. No other
            prediction file is opened, and all figures are of these.
        against: figures of an earlier report, to see what has moved.
        progress: is told what is being done.
    """

    root: Root
    input: Root | None = None
    labels: str | None = None
    tasks: Sequence[str] | None = None
    frames: int = 240
    against: dict[str, Any] | None = None
    chosen: Sequence[str] | None = None
    processes: int | None = None
    pictures: bool = True
    progress: Callable[[str], None] = lambda _: None


@dataclass(slots=True)
class Gathered:
    """What the page is made of."""

    report: Report
    figures: dict[str, Any]
    stems: list[str]
    frames: list[dict[str, Any]]
    galleries: list[list[dict[str, Any]]]
    evaluations: list[dict[str, Any] | None]
    thumbnails: dict[str, Thumbnail]
    agreement: list[dict[str, Any]]
    drift: list[dict[str, Any]] | None
    notes: list[str] = field(default_factory=list)
    reader: FrameReader | None = None


def gather(request: Request) -> Gathered:
    """Reads, counts, judges and chooses.

    Raises:
        ReportError: there is no task to report on.
        EvaluationError: the labels cannot be read.
        StorageError: a root is out of reach.
    """
    request.progress("reading and checking the predictions")
    folder = _read(request)
    names = [name for name in folder.tasks if request.tasks is None or name in request.tasks]
    if not names:
        first = next(iter(folder.report.findings), None)
        why = f": {first.message}" if first is not None else "."
        raise ReportError(f"There is no task to report on{why}")
    notes = [] if request.chosen is None else [_OF_CHOSEN]
    measured = [Measured(folder.tasks[name]) for name in names]
    request.progress("comparing with labels" if request.labels else "counting")
    judged = _evaluations(folder, names, request, notes)
    counted = {"root": shown_root(request.root), "tasks": [figures(one) for one in measured]}
    if request.chosen is not None:
        _without_time(counted)
    chosen = [
        choose(one, request.frames, evaluation) if request.chosen is None else these(one, request.chosen)
        for one, evaluation in zip(measured, judged, strict=True)
    ]
    return _put_together(request, folder, measured, judged, chosen, counted, notes)


def _read(request: Request) -> Folder:
    tasks = _with_labels(request)
    if request.chosen is not None:
        return read_files(request.root, request.chosen, request.input, tasks=tasks)
    return read_folder(request.root, request.input, tasks=tasks, processes=request.processes)


def _without_time(counted: dict[str, Any]) -> None:
    """Of frames from here and there, no line is drawn along a video."""
    for task in counted["tasks"]:
        for video in task["videos"]:
            video |= {"counts": [], "uncertain": []}


def _put_together(
    request: Request,
    folder: Folder,
    measured: list[Measured],
    judged: list[Evaluation | None],
    chosen: list[list[Chosen]],
    counted: dict[str, Any],
    notes: list[str],
) -> Gathered:
    place_of, frames = _frames(measured, chosen)
    reader = None
    if request.input is not None and folder.input is not None:
        reader = FrameReader(request.input, folder.input)
    pictures = _pictures(reader, list(place_of)) if request.pictures else {}
    notes += reader.problems if reader is not None else []
    sizes = _sizes(list(place_of), folder.input, pictures)
    galleries = [
        gallery(one, few, sizes, place_of, evaluation)
        for one, few, evaluation in zip(measured, chosen, judged, strict=True)
    ]
    return Gathered(
        folder.report,
        counted,
        list(place_of),
        frames,
        galleries,
        [None if one is None else evaluation_figures(one) for one in judged],
        pictures,
        agreement([one.task for one in measured]),
        drift(request.against, counted) if request.against is not None else None,
        notes,
        reader,
    )


def shown_root(root: Root) -> str:
    """A root for people, without secrets."""
    return str(root) if isinstance(root, str | Path) else root.url


def _with_labels(request: Request) -> list[str] | None:
    if request.tasks is None:
        return None
    labels = [request.labels] if request.labels is not None and is_task_name(request.labels) else []
    return [*request.tasks, *labels]


def _evaluations(
    folder: Folder, names: list[str], request: Request, notes: list[str]
) -> list[Evaluation | None]:
    if request.labels is None:
        return [None] * len(names)
    judged: list[Evaluation | None] = []
    problems: list[str] = []
    for name in names:
        try:
            judged.append(_evaluation(folder, name, request.labels, request.input))
        except EvaluationError as error:
            judged.append(None)
            problems.append(f"'{name}' is not judged: {error}")
    if all(one is None for one in judged):
        raise EvaluationError(
            problems[0] if problems else f"'{request.labels}' is the only task of its type."
        )
    notes += problems
    return judged


def _evaluation(folder: Folder, name: str, labels: str, input: Root | None) -> Evaluation | None:
    task = folder.tasks[name]
    if is_task_name(labels):
        if labels not in folder.tasks:
            listed = ", ".join(f"'{one}'" for one in folder.tasks) or "none"
            raise EvaluationError(
                f"tasks.json does not list '{labels}', and there is no such file; it lists {listed}."
            )
        other = folder.tasks[labels]
        if name == labels or task.schema.task_type != other.schema.task_type:
            return None
        return judge(task, labels_of(task, other))
    return judge(
        task, coco_labels(labels, task.schema.task_type, task.columns.file_names, input_sizes(input))
    )


def _frames(
    measured: list[Measured], chosen: list[list[Chosen]]
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """All frames that any task shows, once each."""
    place_of: dict[str, int] = {}
    frames: list[dict[str, Any]] = []
    for one, few in zip(measured, chosen, strict=True):
        columns = one.task.columns
        for choice in few:
            stem = columns.stems[choice.file]
            if stem not in place_of:
                place_of[stem] = len(frames)
                frames.append(
                    {
                        "name": columns.file_names[choice.file] or stem,
                        "video": one.video_names[int(one.videos[choice.file])],
                        "index": int(one.indices[choice.file]),
                    }
                )
    return place_of, frames


def _pictures(reader: FrameReader | None, stems: list[str]) -> dict[str, Thumbnail]:
    if reader is None:
        return {}
    most = min(_LARGEST_PICTURE, _PICTURE_BYTES // max(len(stems), 1))
    frames = track(reader.read(stems), "Decoding frames", len(stems))
    return {stem: thumbnail(stem, pixels, most) for stem, pixels in frames}


def _sizes(
    stems: Iterable[str], input: InputIndex | None, pictures: dict[str, Thumbnail]
) -> dict[str, tuple[int, int]]:
    from lightly_assets.format.names.frame_names import parse_frame_name

    sizes = {stem: (one.width, one.height) for stem, one in pictures.items()}
    for stem in stems if input is not None else ():
        frame = parse_frame_name(f"{stem}.json")
        video = input.videos.get(frame.video) if input is not None and frame is not None else None
        if stem not in sizes and video is not None and video.width and video.height:
            sizes[stem] = video.width, video.height
    return sizes


def evaluation_figures(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation's document, with curves and the confusion of categories."""
    result = document(evaluation)
    result["names"] = evaluation.pairing.names
    precision = evaluation.precision
    if precision is not None:
        at_half = precision.precision[0, :, 0]
        known = np.flatnonzero(~np.isnan(at_half[:, 0]))
        result["recalls"] = [round(float(one), 2) for one in RECALLS[::2]]
        curves = (
            [{"name": "all categories", "precision": _line(at_half[known].mean(axis=0))}]
            if known.size
            else []
        )
        largest = sorted(known.tolist(), key=lambda place: -result["per_category"][place]["labels"])
        curves += [
            {"name": evaluation.pairing.names[place], "precision": _line(at_half[place])}
            for place in largest[:_MOST_CURVES]
            if known.size > 1
        ]
        result["curves"] = curves
    table = confusion(evaluation)
    used = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1) > 0)
    if used.size <= _MOST_CONFUSED:
        result["confusion"] = {
            "names": [[*evaluation.pairing.names, ""][place] for place in used.tolist()],
            "counts": table[np.ix_(used, used)].tolist(),
        }
    return result


def _line(values: Any) -> list[float]:
    return [round(float(one), 4) for one in values[::2]]


def earlier_figures(path: str | Path) -> dict[str, Any]:
    """The figures inside a report that was written before.

    Raises:
        ReportError: the file is no such report.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}.") from None
    match = re.search(
        rb'<script type="application/json" id="' + FIGURES_ID.encode() + rb'">(.*?)</script>', data
    )
    try:
        found = orjson.loads(match[1]) if match is not None else None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("tasks"), list):
        raise ReportError(f"{path} is no report of 'lightly-assets report'; its figures are needed.")
    return found


__all__ = ["REASONS", "Gathered", "ReportError", "Request", "Task", "earlier_figures", "gather"]
