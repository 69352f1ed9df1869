"""What a run and its workers tell each other. Everything here can be pickled, and is small."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass, field

from lightly_assets.config import Project
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.media import Limits
from lightly_assets.pipeline.planning.plan import UnitWork
from lightly_assets.pipeline.running.outcome import UnitOutcome
from lightly_assets.pipeline.state.records import Record


@dataclass(frozen=True, slots=True)
class Order:
    """What every worker of a run is told at first."""

    project: Project
    versions: dict[str, tuple[str, str]]
    """Tasks, each with the versions of its model and of its settings that the run was planned with."""
    known: dict[str, list[str]]
    """The keys of all inputs, for tasks whose model is labels."""
    limits: Limits | None
    sheets: bool
    visible: str | None = None
    """A folder that must be seen by every worker: roots on disk are said to be shared."""


@dataclass(frozen=True, slots=True)
class Group:
    """Units that a worker is given together."""

    units: dict[int, UnitWork]
    """By the number that they are known by."""
    records: list[tuple[str, str]]
    """The (task, unit) whose records speak of their inputs."""
    weight: int
    alone: bool
    """Its worker must have nothing else: the last one died of it, or of what was with it."""


@dataclass(slots=True)
class Written:
    """What a worker has written to the stores, for whoever began the run to take note of."""

    records: list[tuple[Record, str]] = field(default_factory=list)
    """With their versions."""
    replaced: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Tables by (task, unit) that no record speaks of any more."""
    published: set[str] = field(default_factory=set)
    """Tasks that files were published of, and that are to be listed."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The worker has its place, and begins to load its models."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded."""

    name: str


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a unit."""

    number: int
    outcome: UnitOutcome
    written: Written


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more comes of the oldest group."""


@dataclass(frozen=True, slots=True)
class Frames:
    """So many frames were read of each input; an image is one."""

    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Alive:
    """The worker gets on with what is no new frame, such as files that it writes."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the log."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot go on, and nor can the run."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Over:
    """The worker has ended in good order, and left nothing."""


Report = Begun | Ready | Done | Ended | Frames | Alive | Note | Failed | Over


@dataclass(frozen=True, slots=True)
class Gone:
    """A worker is no more, without having said so."""

    how: str
    """What is known of it, to follow on "its worker"."""
    innocent: bool = False
    """Whether its whole host was lost, which no input has done."""


def portable(error: BaseException) -> BaseException:
    """An error as it can be pickled; what is a bug keeps its trace."""
    if not isinstance(error, LightlyAssetsError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):  # noqa: S301 - our own
            return error
    except Exception:  # noqa: BLE001, S110 - of whatever kind: it is told as text
        pass
    return RuntimeError("".join(traceback.format_exception(error)))
