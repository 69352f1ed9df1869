"""Remove what belongs to no input any more."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from lightly_assets.errors import BadValue
from lightly_assets.format.names.paths import file_keys, schema_key, task_folder
from lightly_assets.pipeline.inputs.frame_export import exported_names
from lightly_assets.pipeline.session import Session
from lightly_assets.worker.gate import old_lists

# Tables that nobody speaks of may be those of a run that has just stored them.
_YOUNG = timedelta(hours=1)


@dataclass
class Collected:
    """What was (or would be) deleted."""

    files: list[str] = field(default_factory=list)
    """Prediction files, in the Lightly datasource."""
    stored: list[str] = field(default_factory=list)
    """Tables in the state that no record speaks of."""
    inputs: list[str] = field(default_factory=list)
    """Inputs that were forgotten."""
    tasks: list[str] = field(default_factory=list)
    """Tasks that were removed from ``lightly.yaml``, and now from ``tasks.json``."""
    lists: list[str] = field(default_factory=list)
    """Old lists of relevant filenames, in the Lightly datasource."""
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": True,
            "files_deleted": 0 if self.dry_run else len(self.files),
            "orphans": self.files,
            "stored": len(self.stored),
            "inputs": self.inputs,
            "tasks": self.tasks,
            "lists": self.lists,
        }


def collect(session: Session, *, dry_run: bool = False, empty_input: bool = False) -> Collected:
    """Delete orphaned prediction files of the project's tasks, then the records of inputs that are gone.

    Tasks that were removed from ``lightly.yaml`` (or renamed) leave ``tasks.json``, and then their files go,
    as far as this project has published them. Lists of relevant filenames of earlier Worker runs go when they
    are a month old. What is no prediction file, and tasks of others, are left alone.

    Args:
        empty_input: whether an input without any file is meant, and not a disk that is not mounted.

    Raises:
        StorageError: a store is out of reach.
        BadValue: the input is empty, and ``empty_input`` is not said.
    """
    collected = Collected(dry_run=dry_run)
    warehouse = session.warehouse
    if not dry_run and not empty_input:
        _require_input(session)
    with nullcontext() if dry_run else session.workplace():
        collected.files = _orphans(session)
        if collected.files and not dry_run:
            # What another process is publishing at this moment is in the input and in the records by now.
            session.look_again()
            warehouse.index.refresh()
            collected.files = sorted({*collected.files} & {*_orphans(session)})
        _delete(session, collected)
        for task in session.removed_tasks():
            _remove_task(session, task, collected)
        for name in session.removed_embeddings() if not dry_run else ():
            warehouse.forget(name, {row.input for row in warehouse.index.entries(name)})
        if not dry_run:
            warehouse.remove_empty_records()
        collected.lists = old_lists(warehouse.lightly)
        if not dry_run:
            warehouse.lightly.delete_many(collected.lists)
        collected.stored = warehouse.garbage.unused_tables(older_than=_YOUNG)
        if not dry_run:
            warehouse.state.delete_many(collected.stored)
            warehouse.index.compact(thoroughly=True)
    return collected


def _require_input(session: Session) -> None:
    scan = session.scan
    if scan.inputs or scan.problems or scan.paused:
        return
    _, known = _gone_inputs(session)
    if known:
        raise BadValue(
            f"{session.project.root('input')} holds no input at all, but {len(known):,} are known: is the "
            "disk mounted, the path right? Nothing was deleted; if all is meant to go, say --empty-input."
        )


def _orphans(session: Session) -> list[str]:
    return [name for task in session.setups for name in session.orphans(task)]


def _remove_task(session: Session, task: str, collected: Collected) -> None:
    """Unlist a task first, so that nobody reads a folder that is half empty."""
    warehouse = session.warehouse
    rows = list(warehouse.index.entries(task))
    published = [row for row in rows if row.published_from]
    files = [name for row in published for name in file_keys(task, row.input, row.frames)]
    collected.tasks.append(task)
    collected.files += files
    if collected.dry_run:
        return
    warehouse.listing.withdraw([task])
    warehouse.lightly.delete_many(files)
    folder = task_folder(task)
    if set(warehouse.lightly.names(folder)) == {schema_key(task)}:
        warehouse.lightly.delete_many([schema_key(task)])
    warehouse.forget(task, {row.input for row in rows})


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
    session.take_over()
    gone, known = _gone_inputs(session)
    if gone:
        session.look_again()  # what has come since, another process may have published
        gone, known = _gone_inputs(session)
    if len(gone) * 2 > len(known):
        return collected, (
            f"{len(gone)} of {len(known)} inputs are gone, which is too many for 'orphans: delete'; if that "
            "is meant, run 'lightly-assets gc'."
        )
    for task in session.setups:
        collected.files += session.gone_files(task)
    _delete(session, collected)
    return collected, None


def _gone_inputs(session: Session) -> tuple[set[str], set[str]]:
    """Inputs of the project's tasks that something is recorded of and that are gone; and all of them."""
    index = session.warehouse.index
    known = {row.input for task in session.setups for row in index.entries(task)}
    return {key for key in known if not session.is_here(key)}, known


def _delete(session: Session, collected: Collected) -> None:
    """Delete files, then forget the inputs that are gone."""
    warehouse, dry_run = session.warehouse, collected.dry_run
    for row in () if dry_run else list(warehouse.index.entries("")):
        if row.frames and not session.is_here(row.input):
            warehouse.state.delete_many(exported_names(row.input, row.frames))
    for task in ["", *session.all_setups]:
        gone = {row.input for row in warehouse.index.entries(task) if not session.is_here(row.input)}
        collected.inputs += [key for key in sorted(gone) if key not in collected.inputs]
        if not dry_run:
            if task in session.setups:
                files = [name for name in collected.files if name.split("/")[2] == task]
                warehouse.lightly.delete_many(files)
            if gone:
                warehouse.forget(task, gone)
