"""Remove what belongs to no input any more."""

from dataclasses import dataclass, field
from typing import Any

from lightly_assets.pipeline.frame_export import exported_names
from lightly_assets.pipeline.run import Session


@dataclass
class Collected:
    """What was (or would be) deleted."""

    files: list[str] = field(default_factory=list)
    """Prediction files, in the Lightly datasource."""
    stored: list[str] = field(default_factory=list)
    """Tables in the state that no record speaks of."""
    inputs: list[str] = field(default_factory=list)
    """Inputs that were forgotten."""
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": True,
            "files_deleted": 0 if self.dry_run else len(self.files),
            "orphans": self.files,
            "stored": len(self.stored),
            "inputs": self.inputs,
        }


def collect(session: Session, *, dry_run: bool = False) -> Collected:
    """Delete orphaned prediction files of the project's tasks, then the records of inputs that are gone.

    What is no prediction file, and task folders of others, are left alone.

    Raises:
        StorageError: a store is out of reach.
    """
    collected = Collected(dry_run=dry_run)
    warehouse = session.warehouse
    for task in session.setups:
        collected.files += session.orphans(task)
    _delete(session, collected)
    collected.stored = warehouse.unused_tables()
    if not dry_run:
        warehouse.state.delete_many(collected.stored)
    return collected


def collect_by_policy(session: Session) -> tuple[Collected, str | None]:
    """With ``orphans: delete``, do that for inputs that are gone; what was deleted, or why nothing was.

    Only files that this project published are touched. Where most of the input is gone, it is taken to be out
    of reach, such as a disk that is not mounted.

    Raises:
        StorageError: a store is out of reach.
    """
    collected = Collected()
    if session.project.orphans != "delete":
        return collected, None
    index = session.warehouse.index
    known = {row.input for task in session.setups for row in index.entries(task)}
    gone = {key for key in known if not session.is_here(key)}
    if len(gone) * 2 > len(known):
        return collected, (
            f"{len(gone)} of {len(known)} inputs are gone, which is too many for 'orphans: delete'; if that "
            "is meant, run 'lightly-assets gc'."
        )
    for task in session.setups:
        collected.files += session.gone_files(task)
    _delete(session, collected)
    return collected, None


def _delete(session: Session, collected: Collected) -> None:
    """Delete files, then forget the inputs that are gone."""
    warehouse, dry_run = session.warehouse, collected.dry_run
    exported = [row for row in warehouse.index.entries("") if row.frames and not session.is_here(row.input)]
    for task in ["", *session.setups]:
        gone = {row.input for row in warehouse.index.entries(task) if not session.is_here(row.input)}
        collected.inputs += [key for key in sorted(gone) if key not in collected.inputs]
        if not dry_run:
            if task:
                files = [name for name in collected.files if name.split("/")[2] == task]
                warehouse.lightly.delete_many(files)
            if gone:
                warehouse.forget(task, gone)
    if not dry_run:
        for row in exported:
            warehouse.state.delete_many(exported_names(row.input, row.frames or 0))
