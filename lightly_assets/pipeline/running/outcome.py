"""What came of the work on a unit."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lightly_assets.config.sections.embeddings import is_embeddings
from lightly_assets.encoding.statistics import Statistics
from lightly_assets.pipeline.state.records import InputRecord

_SUMS = (
    "predicted",
    "encoded",
    "singletons",
    "clipped",
    "dropped",
    "files_written",
    "files_deleted",
    "bytes_written",
    "predict_seconds",
    "vectors",
)


@dataclass(slots=True)
class TaskOutcome:
    """What was done for one task with the inputs of a unit."""

    task: str
    done: dict[str, InputRecord] = field(default_factory=dict)
    """Inputs that are now as they should be, with their new records."""
    failed: dict[str, str] = field(default_factory=dict)
    """Inputs that are not: key → one sentence."""
    predicted: int = 0
    """Images that the model was given."""
    encoded: int = 0
    """Images whose predictions were encoded, again or for the first time."""
    singletons: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    clipped: int = 0
    """Boxes that left their image and were cut."""
    dropped: int = 0
    files_written: int = 0
    files_deleted: int = 0
    bytes_written: int = 0
    corners: bool = False
    """Whether all boxes look like corners that were taken for x, y, width, height."""
    vectors: int = 0
    """Embeddings that were stored."""
    predict_seconds: float = 0.0
    sheet: bytes | None = None
    """A WebP of a few frames with predictions drawn on."""
    before: Statistics | None = None
    """What was predicted the last time, where what is predicted now looks odd."""

    def take(self, later: "TaskOutcome") -> None:
        """Add what came of a second try with some of the inputs."""
        self.done |= later.done
        self.failed |= later.failed
        self.categories += later.categories
        self.corners |= later.corners
        self.sheet = self.sheet or later.sheet
        self.before = self.before or later.before
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(later, name))


@dataclass(slots=True)
class UnitOutcome:
    """What came of one unit (for images possibly of a piece of it)."""

    unit: str
    inputs: list[str]
    frames: dict[str, InputRecord] = field(default_factory=dict)
    """What was found out about the inputs that were decoded."""
    failed: dict[str, str] = field(default_factory=dict)
    """Inputs that could not be read: key → one sentence."""
    retriable: set[str] = field(default_factory=set)
    """Those of them that another try may read, such as one that was replaced meanwhile."""
    lost: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Stored tables that are gone, by task and key, and the inputs that must be made again."""
    tasks: dict[str, TaskOutcome] = field(default_factory=dict)
    decoded: int = 0
    """Frames and images."""
    seconds: float = 0.0
    """From the first pixel to the last record."""

    def take(self, later: "UnitOutcome") -> None:
        """Add what came of a second try with some of the inputs."""
        self.failed |= later.failed
        self.retriable = self.retriable - set(later.inputs) | later.retriable
        self.lost |= later.lost
        self.frames |= later.frames
        self.decoded += later.decoded
        self.seconds += later.seconds
        for name, task in later.tasks.items():
            if name in self.tasks:
                self.tasks[name].take(task)
            else:
                self.tasks[name] = task

    def problems(self) -> dict[str, dict[str, str]]:
        """All failures: key → task (``""`` where no task was reached) → one sentence."""
        found: dict[str, dict[str, str]] = {key: {"": error} for key, error in self.failed.items()}
        for task in self.tasks.values():
            for key, error in task.failed.items():
                if "" not in found.get(key, {}):
                    found.setdefault(key, {})[task.task] = error
        return found


@dataclass(slots=True)
class RunSummary:
    """What a run did, as ``lightly-assets run --json`` prints it."""

    inputs: int = 0
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)
    frames: int = 0
    files_written: int = 0
    files_deleted: int = 0
    predictions: Counter[str] = field(default_factory=Counter)
    """Singletons by task, of the updated inputs."""
    vectors: Counter[str] = field(default_factory=Counter)
    """Embeddings, by what records call them."""
    waiting: list[str] = field(default_factory=list)
    """Why nothing is published of some tasks yet."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Files of the input datasource that are no inputs: how many by suffix."""

    @property
    def ok(self) -> bool:
        return not self.failed

    def add(self, outcome: UnitOutcome) -> None:
        problems = outcome.problems()
        self.fail(problems)
        self.updated += [key for key in outcome.inputs if key not in problems]
        self.frames += outcome.decoded
        for task in outcome.tasks.values():
            self.files_written += task.files_written
            self.files_deleted += task.files_deleted
            if is_embeddings(task.task):
                self.vectors[task.task] += task.vectors
            else:
                self.predictions[task.task] += task.singletons

    def fail(self, problems: dict[str, dict[str, str]]) -> None:
        """Note failures: one entry per input."""
        for key, by_task in problems.items():
            task, error = next(iter(by_task.items()))
            self.failed.append({"input": key, "task": task or None, "error": error})

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "inputs": self.inputs,
            "updated": sorted(self.updated),
            "unchanged": self.unchanged,
            "failed": sorted(self.failed, key=lambda one: (one["input"] or "", one["task"] or "")),
            "frames": self.frames,
            "files_written": self.files_written,
            "files_deleted": self.files_deleted,
        } | ({"skipped": self.skipped} if self.skipped else {})
