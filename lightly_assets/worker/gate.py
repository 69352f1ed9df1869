"""The gate before the Lightly Worker: what is published is checked now, and only then is a run asked for.

A check that passed or failed earlier says nothing about the folder as it is; so everything is read again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightly_assets.checker.check import PREDICTIONS, check, decoding, listed_tasks
from lightly_assets.checker.expected import Measure, VideoSize
from lightly_assets.checker.report import Group, Report
from lightly_assets.format.names.suffixes import input_kind
from lightly_assets.format.rules.file_rules import check_schema
from lightly_assets.format.schema import Schema, difference
from lightly_assets.media.info import OnDamage
from lightly_assets.storage import OWN_FOLDER, NotFound, Store, open_store
from lightly_assets.worker.errors import WorkerRunError
from lightly_assets.worker.platform import ScheduledRun, can_schedule, schedule
from lightly_assets.worker.request import (
    filename_problem,
    is_relevant_filenames_key,
    relevant_filenames_to_bytes,
    request_to_bytes,
    validate,
    worker_request,
)
from lightly_assets.worker.settings import WorkerRunSettings

REQUEST_KEY = f"{OWN_FOLDER}/worker_run.json"
"""Where the request of the last run lies in the Lightly datasource."""

_LIST_AGE = timedelta(days=30)
_NAMED = 3


class GateShut(WorkerRunError):  # noqa: N818 - reads as what happened
    """No Worker run was started; the message says why."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a Worker run may start, and why not."""

    reasons: tuple[str, ...]
    """Why it is shut, one sentence each; none where it is open."""
    notes: tuple[str, ...]
    """What does not keep a run from starting, one sentence each."""
    inputs: tuple[str, ...]
    """Keys of the inputs that the Worker would be told of, sorted."""
    report: Report
    """What the check of the selected tasks found."""

    @property
    def open(self) -> bool:
        """Whether a Worker run may start."""
        return not self.reasons

    @property
    def message(self) -> str:
        """The verdict for people: one line, and one for each reason."""
        files = f"{self.report.files:,} prediction files of {len(self.inputs):,} inputs"
        if self.open:
            return f"The gate is open: {files} are right."
        return "\n".join([f"The gate is shut; no Worker run was started ({files}):", *self.reasons])

    def to_json(self) -> dict[str, Any]:
        """``{"open", "reasons", "notes", "inputs", "files"}``, with the number of inputs and files."""
        return {
            "open": self.open,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "inputs": len(self.inputs),
            "files": self.report.files,
        }


@dataclass(frozen=True, slots=True)
class WrittenRequest:
    """Where a request was written in the Lightly datasource."""

    request: str
    """Key of the JSON file that a person can schedule by."""
    relevant_filenames: str
    """Key of the list that the Worker reads."""


@dataclass(frozen=True, slots=True)
class WorkerRun:
    """What became of a run behind an open gate."""

    gate: Gate
    request: dict[str, Any]
    written: WrittenRequest
    scheduled: ScheduledRun | None
    """None where nothing was sent; ``not_scheduled`` says why."""
    not_scheduled: str | None


def gate(
    settings: WorkerRunSettings,
    tasks: Mapping[str, Schema],
    lightly: str | Path | Store,
    input: str | Path | Store,
    *,
    inputs: Collection[str] | None = None,
    failed: Mapping[str, str] | None = None,
    sizes: Mapping[str, VideoSize] | None = None,
    on_damage: OnDamage = "fail",
    processes: int = 1,
) -> Gate:
    """Checks everything that a Worker run would read, as it is now. Nothing is changed.

    The gate is open where every selected task is listed, has the project's schema, and has a right prediction
    file for each image and each frame of the inputs; where no input has failed; and where no other task in
    ``tasks.json`` would make the Worker report an error.

    Args:
        settings: the ``worker_run`` section.
        tasks: the project's tasks with their schemas.
        lightly: the Lightly datasource.
        input: the input datasource.
        inputs: keys of the inputs that the Worker shall consider, without excluded and paused ones; all of
            the input where not given. The dataset's kind (videos or images) is picked out of them.
        failed: inputs whose published files are not of their present content, with the reason. Old files of a
            replaced video can be right in every way but that, so no check sees it: the caller's manifests do.
        sizes: frames and sizes of videos that are known for their present content, from manifests; the
            other videos are decoded, which costs as much as predicting without a model.
        on_damage: whether damaged videos are refused, or what decodes of them counts.
        processes: how many share the check of large local folders.

    Raises:
        WorkerConfigError: the settings do not fit the tasks.
        StorageError: a datasource is out of reach.
    """
    validate(settings, tasks)
    selected = settings.selected(tasks)
    lightly_store, input_store = _store(lightly), _store(input)
    next(input_store.list(), None)  # says so where there is no such root, while names are just none
    present = {key: kind for key in input_store.names() if (kind := input_kind(key))}
    wanted = sorted(present if inputs is None else set(inputs))
    relevant = [key for key in wanted if f"{input_kind(key)}s" == settings.input_type]
    listed = listed_tasks(lightly)
    report = check(
        lightly,
        input,
        tasks=selected,
        measure=_known(sizes or {}, decoding(input, on_damage)),
        only=set(relevant).__contains__,
        processes=processes,
    )
    reasons = [
        *_input_reasons(relevant, present, settings),
        *_failed_reasons(failed or {}, relevant),
        *_listing_reasons(listed, selected),
        *_schema_reasons(lightly_store, listed, selected),
        *(_group_reason(group) for group in report.groups if group.severity == "error"),
    ]
    others = [name for name in listed if name not in selected]
    notes = [_group_reason(group) for group in report.groups if group.severity == "warning"]
    if left_out := len(wanted) - len(relevant):
        notes.append(f"Left out, being no {settings.input_type}: {left_out:,} of the inputs.")
    if others:
        notes.append(
            f"tasks.json also lists {_named(others)}, which worker_run.tasks leaves out: the Worker "
            "considers them, and only their schemas were checked."
        )
    return Gate(tuple(reasons), tuple(notes), tuple(relevant), report)


def require_ready(
    settings: WorkerRunSettings,
    tasks: Mapping[str, Schema],
    lightly: str | Path | Store,
    input: str | Path | Store,
    **options: Any,
) -> Gate:
    """:func:`gate`, or an error.

    Raises:
        GateShut: the reasons, one a line.
    """
    verdict = gate(settings, tasks, lightly, input, **options)
    if not verdict.open:
        raise GateShut(verdict.message)
    return verdict


def start_worker_run(
    settings: WorkerRunSettings,
    tasks: Mapping[str, Schema],
    lightly: str | Path | Store,
    input: str | Path | Store,
    **options: Any,
) -> WorkerRun:
    """The whole of it: checks, writes the request, and schedules it where the package and a token are there.

    The options are those of :func:`gate`.

    Raises:
        GateShut: nothing was written and nobody was asked.
        WorkerRunError: the platform refused; the written request stays.
    """
    verdict = require_ready(settings, tasks, lightly, input, **options)
    request = worker_request(settings, tasks, verdict.inputs)
    written = write_request(request, lightly)
    missing = can_schedule()
    scheduled = schedule(request) if missing is None else None
    return WorkerRun(verdict, request, written, scheduled, missing)


def write_request(request: Mapping[str, Any], lightly: str | Path | Store) -> WrittenRequest:
    """Writes the list of relevant filenames where the Worker reads it, and the request beside our own files.

    Equal requests are the same bytes. The list comes first: a request never names one that is not there.
    """
    store = _store(lightly)
    key: str = request["run"]["worker_config"]["relevant_filenames_file"]
    store.write(key, relevant_filenames_to_bytes(request["relevant_filenames"]))
    store.write(REQUEST_KEY, request_to_bytes(request))
    return WrittenRequest(REQUEST_KEY, key)


def old_lists(store: Store) -> list[str]:
    """Lists of relevant filenames that no run waits for any more: a month old, and not the last one."""
    try:
        last = json.loads(store.read(REQUEST_KEY))["run"]["worker_config"]["relevant_filenames_file"]
    except (NotFound, ValueError, KeyError):
        last = None
    before = store.clock() - _LIST_AGE
    return [
        entry.key
        for entry in store.list(".lightly", skip=lambda folder: folder != ".lightly/")
        if is_relevant_filenames_key(entry.key) and entry.key != last and entry.modified < before
    ]


def _store(root: str | Path | Store) -> Store:
    return open_store(root) if isinstance(root, str | Path) else root


def _known(sizes: Mapping[str, VideoSize], measure: Measure) -> Measure:
    return lambda key: sizes[key] if key in sizes else measure(key)


def _input_reasons(
    relevant: list[str], present: Mapping[str, str], settings: WorkerRunSettings
) -> Iterator[str]:
    if not relevant:
        yield f"There are no {settings.input_type} to select from; is worker_run.input_type right?"
    if gone := [key for key in relevant if key not in present]:
        yield f"Gone from the input datasource: {_named(gone)}; bring the predictions up to date."
    yield from (problem for key in relevant if (problem := filename_problem(key)))


def _failed_reasons(failed: Mapping[str, str], relevant: list[str]) -> Iterator[str]:
    among = set(relevant)
    for key, reason in sorted(failed.items()):
        if key in among:
            yield f"'{key}' has no predictions of its present content: {reason}"


def _listing_reasons(listed: list[str], selected: Mapping[str, Schema]) -> Iterator[str]:
    for name in selected:
        if name not in listed:
            yield f"tasks.json does not list '{name}', so the Worker would not consider it; publish the task."


def _schema_reasons(store: Store, listed: list[str], selected: Mapping[str, Schema]) -> Iterator[str]:
    """The published schemas: equal to the project's, and valid where a task is not ours."""
    for name in listed:
        try:
            data = store.read(f"{PREDICTIONS}{name}/schema.json")
        except NotFound:
            if name not in selected:
                yield f"tasks.json lists '{name}', which has no schema.json; the Worker reports an error."
            continue
        published, found = check_schema(data, f"{name}/schema.json")
        expected = selected.get(name)
        if expected is None:
            errors = [one.message for one in found if one.severity == "error"]
            yield from (f"tasks.json lists '{name}', whose schema.json is wrong: {one}" for one in errors[:1])
        elif published is not None and (changes := difference(published, expected)):
            yield f"'{name}' was published with another schema ({'; '.join(changes)}); publish it again."


def _group_reason(group: Group) -> str:
    first = group.examples[0]
    task = f"{group.task}: " if group.task else ""
    more = f" ({group.count:,} of this kind)" if group.count > 1 else ""
    file = f" [{first.file}]" if first.file else ""
    return f"{task}{group.rule}: {first.message}{file}{more}"


def _named(names: Iterable[str]) -> str:
    some = list(names)
    text = ", ".join(f"'{name}'" for name in some[:_NAMED])
    return f"{text} and {len(some) - _NAMED:,} more" if len(some) > _NAMED else text
