"""Documents about a project."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lightly_assets.documents.shared import Part


class FailedInput(Part):
    """Something of which nothing new is published."""

    input: str | None
    """Key of the input; null where a whole task or run is meant."""
    task: str | None
    """Null where all tasks are meant."""
    error: str
    """One sentence."""


class PlannedInput(Part):
    """An input that a run would work on."""

    input: str
    bytes: int
    """Size of the file."""
    tasks: list[str]
    frames: int | None
    """Null where nobody has counted them yet; an image has one."""


class Planned(Part):
    """What a run would do."""

    inputs: list[PlannedInput]
    bytes: int
    """Of all of them."""


class Run(Part):
    """What a run did."""

    ok: bool
    """Whether nothing has failed."""
    inputs: int
    """Inputs that were looked at."""
    updated: list[str]
    """Keys that were worked on and are up to date now."""
    unchanged: int
    """Inputs that were up to date already."""
    failed: list[FailedInput]
    frames: int
    """Frames and images that were decoded."""
    files_written: int
    files_deleted: int
    skipped: dict[str, int] = Field(default_factory=dict)
    """Files that are no inputs: how many by suffix. Left out where there are none."""
    planned: Planned | None = None
    """With ``--dry-run`` only."""


class Published(Part):
    """What is published of a task."""

    inputs: int
    files: int
    predictions: int


class StoredVectors(Part):
    """Embeddings that are stored."""

    inputs: int
    vectors: int


class Status(Part):
    """How a project is; nothing was changed."""

    ok: bool
    """Whether nothing has failed."""
    inputs: int
    updated: list[str]
    """Keys of inputs that are new or stale: what the next run would update."""
    unchanged: int
    failed: list[FailedInput]
    frames: Literal[0]
    files_written: Literal[0]
    files_deleted: Literal[0]
    new: list[str]
    """Keys that no run has worked on yet."""
    stale: dict[str, dict[str, str]]
    """Key → task → the first stage that must be done again."""
    quarantined: dict[str, str]
    """Paused inputs: key → reason."""
    orphans: list[str]
    """Prediction files of no input."""
    skipped: dict[str, int]
    """Files that are no inputs: how many by suffix."""
    waiting: dict[str, str]
    """Tasks whose schema changes, and what they wait for."""
    removed_tasks: list[str]
    """Published tasks that ``lightly.yaml`` does not name any more."""
    unlisted: dict[str, str]
    """Published tasks that the Worker does not see, and why."""
    tasks: dict[str, Published]
    embeddings: dict[str, StoredVectors] = Field(default_factory=dict)
    """What they are of, such as ``embeddings of people``. Left out where there are none."""


class WrittenVectors(Part):
    """A file of embeddings."""

    ok: Literal[True]
    vectors: int
    out: str
    """Where it lies."""


class Collected(Part):
    """What ``gc`` has deleted, or would."""

    ok: Literal[True]
    files_deleted: int
    """0 with ``--dry-run``."""
    orphans: list[str]
    """The prediction files."""
    stored: int
    """Stored tables of inputs that are gone."""
    inputs: list[str]
    """Keys of inputs that are gone."""
    tasks: list[str]
    """Tasks that left ``tasks.json``."""
    lists: list[str]
    """Lists of relevant filenames of Worker runs long ago."""


class SelectedStrategy(BaseModel):
    """A strategy of ``selection_config`` as it stands there, and what came of it."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    wanted: Any
    """In the strategy's own words."""
    achieved: Any
    """The same of what was selected."""


class Selection(Part):
    """Which frames are worth a label."""

    ok: Literal[True]
    of: int
    """Images and frames to choose from."""
    selected: list[str]
    """Their names, in the order of selection."""
    strategies: list[SelectedStrategy]
    notes: list[str]


class Studio(Part):
    """What is in LightlyStudio's databases now."""

    ok: Literal[True]
    databases: list[str]
    """Of images and of videos, where there are some."""
    images: int
    videos: int
    frames: int
    """Images and frames of videos that have predictions."""
    objects: int
    changed: int
    """Frames of a task that were written anew."""
    removed: int
    """Inputs that were gone."""
    selected: int
    vectors: int
    notes: list[str]


class Tried(Part):
    """One thing that a run needs of a root."""

    name: str
    ok: bool
    message: str


class Root(Part):
    """A root, and what was tried."""

    root: str
    writable: bool
    """Whether writing was tried."""
    ok: bool
    checks: list[Tried]


class Doctor(Part):
    """Whether a run can work with its roots."""

    ok: bool
    roots: list[Root]
    dagster: list[Tried]
    """What was looked at in the project's instance of Dagster; nothing where there is none yet."""
