"""Notes of runs that broke off before Dagster was told of all that they had published.

Its database was out of reach, or the run was killed. What such a run has published is in its place and
recorded, so no run has a reason to work on it again. The next run of all inputs tells Dagster, and removes
the note.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from lightly_assets.storage import NotFound, StorageError, Store
from lightly_assets.storage.disk.processes import is_dead

ALIVE = "alive"
"""Below it lies a sign of life of each run that is under way: the mark of its process."""
_FOLDER = "untold"


@contextmanager
def noted_if_broken_off(state: Store, run_id: str) -> Iterator[None]:
    """A block in which a run publishes, and tells Dagster of it."""
    try:
        yield
    except BaseException:
        with suppress(StorageError):  # out of reach, too; what broke the run off is what is told
            note_untold(state, run_id)
        raise


def note_untold(state: Store, run_id: str) -> None:
    """Note that a run has broken off. Raises StorageError."""
    state.write(f"{_FOLDER}/{run_id}", b"")


def untold_runs(state: Store) -> list[str]:
    """The notes, and the signs of life of runs of this machine that were killed: where they lie."""
    return [*state.names(_FOLDER), *(key for key in state.names(ALIVE) if _was_killed(state, key))]


def told(state: Store, notes: Collection[str]) -> None:
    """Remove notes: Dagster knows all now."""
    state.delete_many(list(notes))


def _was_killed(state: Store, sign: str) -> bool:
    try:
        return is_dead(state.read(sign).decode(errors="replace"))
    except NotFound:  # the run has just ended
        return False
