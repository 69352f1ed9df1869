"""``select``: the selection of a project's ``worker_run``, run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lightly_assets.checker.check import listed_tasks, reader_of
from lightly_assets.checker.expected import VideoSize, read_input
from lightly_assets.checker.report import Report
from lightly_assets.folders.read import Root
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.report.pixels import FrameReader
from lightly_assets.selection.embeddings import Embedder
from lightly_assets.selection.engine import Plan, Vectors, Weights, select
from lightly_assets.selection.errors import SelectionError
from lightly_assets.selection.figures import Wanted, read_figures
from lightly_assets.selection.samples import Samples
from lightly_assets.selection.strategies import Strategy, Vectorised, achieved, make
from lightly_assets.selection.vectors import VectorSource, pictures_in
from lightly_assets.storage import Store, open_store
from lightly_assets.tracking import step
from lightly_assets.worker.selection import Tasks, selection_problems

_PLATFORM = {
    "lightly_path_regex": "how the platform reads file names by it is not documented",
    "auto_tasks": "these are predictions that the platform makes itself",
}


@dataclass(frozen=True)
class Request:
    """What is selected from.

    Args:
        config: the platform's ``selection_config``.
        lightly: the Lightly datasource; ``input`` and ``state`` are needed where vectors are.
        number: how many, instead of what the configuration says.
        before: names of frames that were selected earlier; new ones are different from them, and come beside
            them.
        similar_to: names of frames that SIMILARITY compares with; or a folder of pictures.
        progress: is told what is being done, for logs; bars follow ``tracking``.
        vectors: where vectors come from; the default describes frames of ``input`` as they are needed.
    """

    config: Mapping[str, Any]
    lightly: Root
    input: Root | None = None
    state: Root | None = None
    number: int | None = None
    before: Sequence[str] = ()
    similar_to: Sequence[str] | Path = ()
    progress: Callable[[str], None] = lambda _: None
    vectors: VectorSource | None = None


@dataclass
class Selected:
    """The frames, the first one first, and how well each strategy did."""

    samples: Samples
    chosen: list[int]
    strategies: list[Strategy]
    wanted: int
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The selected frames' own names, in the order of their selection."""
        return [self.samples.names[place] for place in self.chosen]

    def document(self) -> dict[str, Any]:
        """``{"ok", "of", "selected", "strategies": [{…, "wanted", "achieved"}], "notes"}``."""
        total = len(self.samples)
        return {
            "ok": True,
            "of": total,
            "selected": self.names,
            "strategies": [
                {**one.config, "wanted": one.wanted, "achieved": achieved(one, self.chosen, total)}
                for one in self.strategies
            ],
            "notes": self.notes,
        }

    def reasons(self) -> list[dict[str, Any]]:
        """Of each selected frame: its number in every strategy, and the rank of that among all, from 1."""
        ranks = [
            None if one.values is None else np.argsort(np.argsort(-one.values, kind="stable")) + 1
            for one in self.strategies
        ]
        rows = []
        for order, (place, name) in enumerate(zip(self.chosen, self.names, strict=True)):
            why = [
                {"strategy": one.name, "value": round(float(one.values[place]), 6), "rank": int(rank[place])}
                for one, rank in zip(self.strategies, ranks, strict=True)
                if one.values is not None and rank is not None
            ]
            rows.append({"file_name": name, "order": order + 1, "why": why})
        return rows


def run_selection(request: Request) -> Selected:
    """Selects.

    Raises:
        SelectionError: the configuration does not fit, predictions have errors, or numbers cannot be had.
        StorageError: a root is out of reach.
    """
    config = request.config
    request.progress("reading and checking the predictions")
    # Where no strategy is about predictions, any task says which frames there are.
    listed = listed_tasks(request.lightly)
    used = _used_tasks(config) or listed[:1]
    # A task that is not there is told beside those that are.
    tasks = used if set(used) <= set(listed) else listed
    crops = request.vectors is None
    folder = read_figures(
        request.lightly, tasks, lambda task, schema: _wanted(task, schema, config, crops=crops)
    )
    _check_config(config, {name: task.schema for name, task in folder.tasks.items()})
    samples = Samples(folder, reader_of(request.lightly))
    _refuse_errors(folder.report, config)
    if not len(samples):
        raise SelectionError("There is no prediction file to select from; run the project first.")
    vectorised = _vectorised(request, samples)
    strategies = [make(entry, samples, vectorised) for entry in config["strategies"]]
    wanted = number_wanted(config, request.number, len(samples))
    plan = Plan(
        len(samples),
        wanted,
        [one.part for one in strategies if one.part is not None],
        _candidates(strategies, len(samples)),
        _places(samples, request.before, "--datapool"),
    )
    with step("Selecting frames", wanted) as selecting:
        chosen = _cut(select(plan), strategies)
        selecting.done(len(chosen))
    result = Selected(samples, chosen, strategies, wanted)
    if len(chosen) < wanted:
        result.notes.append(
            f"{len(chosen):,} of {wanted:,} frames were selected: there are no more that fit, or a condition "
            "has stopped the selection."
        )
    return result


def number_wanted(config: Mapping[str, Any], number: int | None, total: int) -> int:
    """How many samples are to be selected; a share is rounded."""
    if number is not None:
        return number
    if config.get("proportion_samples") is not None:
        return round(float(config["proportion_samples"]) * total)
    given = config.get("n_samples")
    return total if given is None or given < 0 else int(given)


def _inputs(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inputs of all strategies, as far as they are such; the configuration has not been checked yet."""
    entries = config.get("strategies")
    found = (
        [entry.get("input") for entry in entries if isinstance(entry, dict)]
        if isinstance(entries, list)
        else []
    )
    return [one for one in found if isinstance(one, dict)]


def _used_tasks(config: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(str(one["task"]) for one in _inputs(config) if "task" in one))


def _wanted(task: str, schema: Schema, config: Mapping[str, Any], *, crops: bool) -> Wanted:
    """What has to be known of a task; with ``crops`` also where objects are, for those who cut them out."""
    given = [one for one in _inputs(config) if one.get("task") == task]
    fields = {"probabilities"}
    if schema.task_type is TaskType.KEYPOINT_DETECTION:
        fields.add("points")
    if schema.task_type is TaskType.SEMANTIC_SEGMENTATION:
        fields.add("runs")
    cut = crops and any(one.get("type") == "EMBEDDINGS" for one in given)
    return Wanted(
        frozenset(str(one.get("score")) for one in given if one.get("type") == "SCORES"),
        any(one.get("type") == "PREDICTIONS" for one in given),
        frozenset({"boxes", "points"}) if cut else frozenset(),
        frozenset(fields),
    )


def _check_config(config: Mapping[str, Any], schemas: Mapping[str, Schema]) -> None:
    for problem in selection_problems(config, Tasks(schemas)):
        raise SelectionError(problem)
    for problem in _platform_only(config):
        raise SelectionError(problem)


def _platform_only(config: Mapping[str, Any]) -> Iterator[str]:
    """What the platform takes and nothing here does; left out silently, it would be another selection."""
    for key, why in _PLATFORM.items():
        if config.get(key):
            yield f"selection_config.{key} is not run here: {why}."
    for index, entry in enumerate(config["strategies"]):
        if entry["strategy"].get("target_range") is not None:
            where = f"selection_config.strategies[{index}].strategy.target_range"
            yield f"{where} is not run here: the engine has none such; see stopping_condition_max_sum."


def _refuse_errors(report: Report, config: Mapping[str, Any]) -> None:
    used = {str(entry["input"].get("task")) for entry in config["strategies"]}
    for group in report.groups:
        if group.severity == "error" and group.task in used and not group.rule.startswith("frame-"):
            first = group.examples[0]
            raise SelectionError(
                f"Nothing is selected from predictions with errors: {first.file}: {first.message} "
                "'lightly-assets check' names them all."
            )


def _candidates(strategies: list[Strategy], total: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """What all thresholds leave."""
    kept = np.ones(total, dtype=np.bool_)
    for one in strategies:
        if one.kept is not None:
            kept &= one.kept
    return kept


def _cut(chosen: list[int], strategies: list[Strategy]) -> list[int]:
    """The beginning whose weights do not sum up to more than a strategy allows."""
    for one in strategies:
        if one.max_sum is not None and isinstance(one.part, Weights):
            sums = np.cumsum(one.part.values[chosen])
            chosen = chosen[: int(np.searchsorted(sums, one.max_sum, side="right"))]
    return chosen


def _places(samples: Samples, names: Sequence[str], option: str) -> list[int]:
    place_of = {name: place for place, name in enumerate(samples.names)}
    unknown = [name for name in names if name not in place_of]
    if unknown:
        raise SelectionError(f"{option} names '{unknown[0]}', which is no frame of the predictions.")
    return [place_of[name] for name in dict.fromkeys(names)]


def _vectorised(request: Request, samples: Samples) -> Vectorised:
    source: list[VectorSource] = [] if request.vectors is None else [request.vectors]

    def made() -> VectorSource:
        if not source:
            source.append(_embedder(request))
        return source[0]

    similar = request.similar_to
    frames = [] if isinstance(similar, Path) else _places(samples, similar, "--similar-to")
    pictures: Callable[[], Vectors] | None = None
    if isinstance(similar, Path):
        folder = similar

        def pictures() -> Vectors:
            names, images = zip(*pictures_in(folder), strict=True)
            return made().pictures(list(images), list(names))

    return Vectorised(
        lambda: made().frames(samples),
        lambda task: made().objects(samples, samples.task(task)),
        frames,
        pictures,
    )


def _embedder(request: Request) -> Embedder:
    if request.input is None or request.state is None:
        raise SelectionError("EMBEDDINGS need the input's frames, and a state to keep vectors in.")
    reader = reader_of(request.input)
    # Which videos there are is all that matters: they are decoded when their frames are needed.
    index, _ = read_input(reader, lambda _: VideoSize(0))
    state, store = _store(request.state), _store(request.input)

    def fingerprint(key: str) -> str:
        entry = store.stat(key)
        return entry.fingerprint if entry is not None else "gone"

    return Embedder(FrameReader(request.input, index), state, fingerprint, request.progress)


def _store(root: Root) -> Store:
    return open_store(root) if isinstance(root, str | Path) else root
