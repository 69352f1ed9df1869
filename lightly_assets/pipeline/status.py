"""What is new, stale, failed, orphaned and quarantined: a look at a project that changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lightly_assets.config.sections.embeddings import embeddings_words, is_embeddings
from lightly_assets.pipeline.publishing.task_list import PublishError
from lightly_assets.pipeline.session import Session


@dataclass
class Status:
    """The state of a project, in the words of ``run``."""

    inputs: int = 0
    new: list[str] = field(default_factory=list)
    """Never processed in any task."""
    stale: dict[str, dict[str, str]] = field(default_factory=dict)
    """Key → task → the first stage that must be redone."""
    unchanged: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)
    quarantined: dict[str, str] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    removed_tasks: list[str] = field(default_factory=list)
    """Tasks that were published and are no longer in ``lightly.yaml``."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Tasks of which nothing is published yet, because their schema changes."""
    unlisted: dict[str, str] = field(default_factory=dict)
    """Tasks that are published and that the Worker does not see, or not right, and why."""
    tasks: dict[str, dict[str, int]] = field(default_factory=dict)
    """Task → inputs, files and predictions that are published."""
    embeddings: dict[str, dict[str, int]] = field(default_factory=dict)
    """What they are of → inputs and vectors that are stored."""

    def to_json(self) -> dict[str, Any]:
        """As ``run`` prints it, plus what only looking tells."""
        return {
            "ok": not self.failed,
            "inputs": self.inputs,
            "updated": sorted({*self.new, *self.stale}),
            "unchanged": self.unchanged,
            "failed": self.failed,
            "frames": 0,
            "files_written": 0,
            "files_deleted": 0,
            "new": self.new,
            "stale": self.stale,
            "quarantined": self.quarantined,
            "orphans": self.orphans,
            "skipped": self.skipped,
            "waiting": self.waiting,
            "removed_tasks": self.removed_tasks,
            "unlisted": self.unlisted,
            "tasks": self.tasks,
        } | ({"embeddings": self.embeddings} if self.embeddings else {})

    def examples(self) -> list[tuple[str, list[str]]]:
        """What needs a look, by kind, a line each."""
        return [
            ("new", self.new),
            ("stale", [f"{key}: {_stages(tasks)}" for key, tasks in self.stale.items()]),
            ("failed", [one["error"] for one in self.failed]),
            ("quarantined", [f"{key}: {why}" for key, why in self.quarantined.items()]),
            ("orphans", self.orphans),
        ]

    def notes(self) -> list[str]:
        """What concerns whole tasks, a sentence each."""
        removed = [
            f"task {task}: no longer in lightly.yaml, but still published; 'lightly-assets gc' takes it "
            "out of tasks.json and deletes its files"
            for task in self.removed_tasks
        ]
        return [*self.waiting.values(), *removed]

    def remark(self, task: str) -> str:
        """What is wrong with a task as it is published; empty where nothing is."""
        why = self.unlisted.get(task)
        return f"{why}: 'lightly-assets run' mends it" if why else ""

    def to_lines(self, most: int) -> Iterator[str]:
        """For people; at most so many examples of each kind."""
        yield f"inputs       {self.inputs}"
        yield f"up to date   {self.unchanged}"
        for name, items in self.examples():
            yield from _listed(name, items, most)
        yield from self.notes()
        skipped = [f"{count} × {kind}" for kind, count in sorted(self.skipped.items())]
        yield f"left out     {', '.join(skipped) or 'nothing'}"
        for task, counts in self.tasks.items():
            numbers = ", ".join(
                f"{count:,} {what.removesuffix('s' * (count == 1))}" for what, count in counts.items()
            )
            problem = f"; {remark}" if (remark := self.remark(task)) else ""
            yield f"task {task}: {numbers} published{problem}"
        for name, counts in self.embeddings.items():
            yield f"{name}: {counts['vectors']:,} vectors of {counts['inputs']:,} inputs"


def project_status(session: Session) -> Status:
    """Compare a project's inputs, records and published files.

    Raises:
        ModelError: a model cannot be loaded.
        StorageError: a store is out of reach.
    """
    scan, index = session.scan, session.warehouse.index
    plan = session.plan(verify=True)
    status = Status(inputs=len(scan.inputs), unchanged=len(plan.unchanged))
    here = (scan.inputs.keys() | scan.problems.keys()) - set(session.recovered(plan))
    failures = {key: why for key, why in session.failures().items() if key in here} | plan.problems
    for key, by_task in sorted(failures.items()):
        task, error = next(iter(by_task.items()))
        status.failed.append({"input": key, "task": task or None, "error": error})
    known = {row.input for task in index.tasks() for row in index.entries(task)}
    for unit in plan.units:
        for key in unit.inputs:
            if key in failures:
                continue
            if key not in known:
                status.new.append(key)
                continue
            stages: dict[str, str] = {
                name: stage for name, work in unit.tasks.items() if (stage := work.first_stage(key))
            }
            status.stale[key] = stages or {"": "frames"}
    status.new.sort()
    status.quarantined = dict(scan.paused)
    status.skipped = dict(scan.skipped)
    status.waiting = plan.waiting
    status.removed_tasks = session.removed_tasks()
    for name in session.setups:
        status.orphans += session.orphans(name)
        rows = [row for row in index.entries(name) if row.published_from]
        status.tasks[name] = {
            "inputs": len(rows),
            "files": sum(row.files for row in rows),
            "predictions": sum(row.predictions for row in rows),
        }
    for name in session.embeddings:
        stored = [row for row in index.entries(name) if row.model]
        counts = {"inputs": len(stored), "vectors": sum(row.predictions for row in stored)}
        status.embeddings[embeddings_words(name)] = counts
    _compare_listing(session, status)
    return status


def _compare_listing(session: Session, status: Status) -> None:
    """Whether the Worker would see what is published; a task whose schema changes need not be listed."""
    try:
        listed = session.warehouse.listing.tasks()
    except PublishError as error:
        status.failed.append({"input": None, "task": None, "error": str(error)})
        return
    stale = {task for tasks in status.stale.values() for task in tasks}
    for task, counts in status.tasks.items():
        if not counts["inputs"] or task in status.waiting or task in stale:
            continue
        if task not in listed:
            status.unlisted[task] = "tasks.json does not list it"
        elif session.warehouse.listing.lacks_schema(task, session.setups[task].schema):
            status.unlisted[task] = "its schema.json is missing, broken or another one"


def _stages(tasks: dict[str, str]) -> str:
    return ", ".join(
        embeddings_words(task) if is_embeddings(task) else f"{stage} of {task}" if task else stage
        for task, stage in tasks.items()
    )


def _listed(name: str, items: list[str], most: int) -> Iterator[str]:
    yield f"{name:<12} {len(items)}"
    for item in items[:most]:
        yield f"  {item}"
    if len(items) > most:
        yield f"  … and {len(items) - most} more"
