"""Notes of runs that broke off before Dagster was told of all that they had published.

Its database was out of reach, or the run was killed. What such a run has published is in its place and
recorded, so no run has a reason to work on it again. The next run of all inputs tells Dagster, and removes
the note.

Several instances of Dagster may share a state. Each note is one of an instance, which others leave alone:
they were told nothing less than before. An instance that is gone never removes its notes; after a while
any other one does.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from lightly_assets.storage import NotFound, StorageError, Store
from lightly_assets.storage.disk.processes import is_dead

ALIVE = "alive"
"""Below it lies a sign of life of each run that is under way: the mark of its process, and its instance."""
EVERYBODY = "any"
"""The mark of an instance that cannot be told from others."""
_FOLDER = "untold"
_FORGOTTEN = timedelta(days=30)


@contextmanager
def noted_if_broken_off(state: Store, run_id: str, instance: str) -> Iterator[None]:
    """A block in which a run publishes, and tells Dagster of it; ``instance`` is the mark of that one."""
    try:
        yield
    except BaseException:
        with suppress(StorageError):  # out of reach, too; what broke the run off is what is told
            note_untold(state, run_id, instance)
        raise


def note_untold(state: Store, run_id: str, instance: str) -> None:
    """Note that a run of an instance has broken off. Raises StorageError."""
    state.write(f"{_FOLDER}/{instance}/{run_id}", b"")


def sign_of(process: str, instance: str) -> bytes:
    """What a sign of life holds: the marks of a process and of the instance that its run is in."""
    return f"{process} {instance}".encode()


def untold_runs(state: Store, instance: str | None = None) -> list[str]:
    """The notes of an instance, and the signs of life of its runs of this machine that were killed.

    Without an instance, those of all. What names none, as earlier versions wrote it, is everybody's.

    Returns:
        Where they lie in the state.
    """
    notes = [key for key in state.names(_FOLDER) if _concerns(_whose(key), instance)]
    return notes + [key for key in state.names(ALIVE) if _was_killed(state, key, instance)]


def told(state: Store, notes: Collection[str]) -> None:
    """Remove notes: Dagster knows all now; with them, those of instances that have left them for long."""
    before = state.clock() - _FORGOTTEN
    forgotten = [
        one.key for folder in (_FOLDER, ALIVE) for one in state.list(folder) if one.modified < before
    ]
    state.delete_many(sorted({*notes, *forgotten}))


def _whose(note: str) -> str:
    return note.split("/")[1] if note.count("/") > 1 else ""


def _was_killed(state: Store, sign: str, instance: str | None) -> bool:
    try:
        process, _, whose = state.read(sign).decode(errors="replace").partition(" ")
    except NotFound:  # the run has just ended
        return False
    return _concerns(whose, instance) and is_dead(process)


def _concerns(whose: str, instance: str | None) -> bool:
    return instance in (None, whose) or whose in ("", EVERYBODY)
