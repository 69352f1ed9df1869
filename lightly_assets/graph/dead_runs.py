"""Runs whose process was killed, or lost with its machine, end as failed.

Dagster notices the death of a process only as long as the server that started it lives. Of the others it
believes for ever that they work: they stay under way in the UI and keep their place in the queue.

Of a process of this machine one can see whether it lives. One of another machine gives a sign of life now and
then, in the state root: by the store's own clock, so that no two machines have to agree on the time.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import dagster as dg

from lightly_assets.graph.keys import PLAIN, Names
from lightly_assets.pipeline.watching.untold import ALIVE, EVERYBODY, note_untold, sign_of
from lightly_assets.storage import StorageError, Store
from lightly_assets.storage.disk.processes import is_dead, is_of_this_machine, process_mark

PROCESS_TAG = "lightly_assets/process"
_UNDER_WAY = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_SIGN_SECONDS = 60.0
# A machine that is cut off from the store for so long has lost its runs, whether it works or not: what it
# finishes later does no harm, because records are replaced by whoever has seen the last version only.
_SILENCE = timedelta(minutes=15)


def instance_mark(instance: dg.DagsterInstance, names: Names) -> str:
    """What tells a project in an instance of Dagster from the same one in others, on any machine."""
    known = getattr(instance.run_storage, "get_run_storage_id", None)
    return hashlib.sha256(f"{known()} {names.prefix}".encode()).hexdigest()[:12] if known else EVERYBODY


def process_tags() -> dict[str, str]:
    """Tags of a run that works in this process."""
    return {PROCESS_TAG: process_mark()}


def sign(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note that a run works in this process."""
    # A run that was started once more has inherited the mark of the one before.
    if run.tags.get(PROCESS_TAG) != process_mark():
        instance.add_run_tags(run.run_id, process_tags())


@contextmanager
def signs_of_life(state: Store, run: dg.DagsterRun, instance: str) -> Iterator[None]:
    """Let other machines know, for as long as this lasts, that a run of an instance works in this process."""
    key, over = _key(run), threading.Event()
    mark = sign_of(process_mark(), instance)

    def give() -> None:
        while not over.wait(_SIGN_SECONDS):
            with suppress(StorageError):  # whoever misses it waits for the next ones
                state.write(key, mark)

    state.write(key, mark)
    thread = threading.Thread(target=give, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(StorageError):  # out of reach; what was in the way of the run is told already
            state.delete_many([key])


def end_dead_runs(instance: dg.DagsterInstance, state: Store, names: Names = PLAIN) -> list[str]:
    """Mark the runs as failed whose process is surely gone, or was not heard of for long; their ids.

    Raises:
        StorageError: the state root is out of reach.
    """
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        mark = run.tags.get(PROCESS_TAG, "")
        reason = _why_dead(state, run, mark)
        if reason is None or _is_inherited(instance, run, mark):
            continue
        # It may have come to its end, and with it its process, since the runs were listed.
        now = instance.get_run_by_id(run.run_id)
        if now is not None and now.status in _UNDER_WAY:
            if state.stat(_key(run)) is not None:  # else it has published nothing of this project
                note_untold(state, run.run_id, instance_mark(instance, names))
            instance.report_run_failed(run, f"{reason}; the next run does what is left.")
            ended.append(run.run_id)
        state.delete_many([_key(run)])
    return ended


def _why_dead(state: Store, run: dg.DagsterRun, mark: str) -> str | None:
    if is_dead(mark):
        return "The process of this run was killed, or its machine was"
    if not mark or is_of_this_machine(mark):
        return None
    last = state.stat(_key(run))
    if last is None or state.clock() - last.modified < _SILENCE:
        return None
    minutes = int(_SILENCE.total_seconds() // 60)
    return f"The machine of this run has given no sign of life for {minutes} minutes"


def _key(run: dg.DagsterRun) -> str:
    return f"{ALIVE}/{run.run_id}"


def _is_inherited(instance: dg.DagsterInstance, run: dg.DagsterRun, mark: str) -> bool:
    """Whether a mark is that of the run that this one repeats, because it has not signed yet."""
    before = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    return before is not None and before.tags.get(PROCESS_TAG) == mark
