"""``check`` of a project: what is excluded, paused or known to fail means the same as in ``run``."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from lightly_assets.checker.check import check, decoding
from lightly_assets.checker.expected import Measure, VideoSize
from lightly_assets.checker.report import Report
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.worker_run import known_sizes
from lightly_assets.storage import Store
from lightly_assets.storage.disk.local import LocalStore


def check_project(session: Session, tasks: Collection[str] | None = None, *, processes: int = 1) -> Report:
    """Checks a project's folder against the inputs that its ``run`` would read.

    Excluded and paused inputs are neither missing nor orphaned; of inputs that failed it is said why, instead
    of each file that they lack. Frames are counted where the records do not know them.

    Raises:
        StorageError: a store is out of reach.
    """
    scan, project = session.scan, session.project
    sizes = known_sizes(session)
    lightly, input = _root(session.warehouse.lightly), _root(session.warehouse.input)
    report = check(
        lightly,
        input,
        tasks=tasks,
        measure=_measure(sizes, decoding(input, project.on_damage)),
        only=(scan.inputs.keys() | scan.problems.keys()).__contains__,
        failed=session.failures(),
        processes=processes,
    )
    return replace(report, skipped=dict(scan.skipped))


def _measure(sizes: dict[str, VideoSize], decode: Measure) -> Measure:
    return lambda key: sizes[key] if key in sizes else decode(key)


def _root(store: Store) -> Path | Store:
    """Folders are read by path, so that several processes can."""
    return store.root if isinstance(store, LocalStore) else store
