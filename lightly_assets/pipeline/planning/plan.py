"""What there is to do: inputs compared with what is recorded, as units of work."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lightly_assets.config import Project
from lightly_assets.pipeline.inputs.listing import Input, Scan
from lightly_assets.pipeline.planning.embedding_setup import AnySetup, EmbeddingSetup
from lightly_assets.pipeline.planning.task_setup import decode_version, frames_version
from lightly_assets.pipeline.state.index import Index
from lightly_assets.pipeline.state.records import Stage

TASK_STAGES: frozenset[Stage] = frozenset({"predictions", "singletons", "task_folder"})
EMBEDDING_STAGES: frozenset[Stage] = frozenset({"predictions"})
"""Vectors are stored, and that is all."""

# Images of a unit that are committed together: what a kill can cost.
_IMAGES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the chain is wanted."""

    tasks: Mapping[str, frozenset[Stage]]
    """Stages by task, and by what records call embeddings."""
    frames: bool = True
    """Whether the frames themselves are to be recorded."""

    @classmethod
    def everything(cls, tasks: Collection[str], embeddings: Collection[str] = ()) -> "Selection":
        return cls(dict.fromkeys(tasks, TASK_STAGES) | dict.fromkeys(embeddings, EMBEDDING_STAGES))


@dataclass(slots=True)
class TaskWork:
    """What to do for a task with the inputs of a unit; keys of inputs."""

    predict: set[str] = field(default_factory=set)
    """Need pixels and the model."""
    encode: set[str] = field(default_factory=set)
    """Stored predictions are encoded again."""
    publish: set[str] = field(default_factory=set)
    """Files are to be written, once singletons are there."""
    lost: frozenset[str] = frozenset()
    """Published files that are missing."""
    encodes: bool = True
    """Whether new predictions are encoded too."""
    held_back: bool = False
    """Whether the schema changes: the task is listed again only once all of its files have followed."""

    def first_stage(self, key: str) -> Stage | None:
        """The first stage that must be done for an input."""
        if key in self.predict:
            return "predictions"
        if key in self.encode:
            return "singletons"
        return "task_folder" if key in self.publish else None

    @property
    def is_empty(self) -> bool:
        return not (self.predict or self.encode or self.publish)


@dataclass(slots=True)
class UnitWork:
    """A unit, and what is to be done with it."""

    unit: str
    inputs: dict[str, Input] = field(default_factory=dict)
    tasks: dict[str, TaskWork] = field(default_factory=dict)
    frames: set[str] = field(default_factory=set)
    """Inputs whose frames are to be recorded."""

    def task(self, name: str) -> TaskWork:
        return self.tasks.setdefault(name, TaskWork())

    @property
    def decode(self) -> list[Input]:
        """Inputs whose pixels are needed, by key."""
        needed = set(self.frames)
        for work in self.tasks.values():
            needed |= work.predict
        return [self.inputs[key] for key in sorted(needed)]


@dataclass(slots=True)
class Plan:
    """All work, and what needs none."""

    units: list[UnitWork] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    """Selected inputs that are up to date in every selected task."""
    problems: dict[str, dict[str, str]] = field(default_factory=dict)
    """Inputs that cannot be done: key → task (or ``""`` for all) → one sentence."""
    selection: Selection | None = None
    """What was asked for."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Tasks of which nothing is published yet, because their schema changes; each with one sentence."""
    stuck: set[str] = field(default_factory=set)
    """Those of them that wait for inputs that no run can do."""

    @property
    def inputs(self) -> list[str]:
        """Keys that need work."""
        return sorted({key for unit in self.units for key in unit.inputs})


def make_plan(
    project: Project,
    setups: Mapping[str, AnySetup],
    scan: Scan,
    index: Index,
    selection: Selection,
    keys: Collection[str] | None = None,
    lost: Mapping[str, Mapping[str, Collection[str]]] | None = None,
) -> Plan:
    """Compare the inputs (all, or those named) with what is recorded.

    ``lost`` names published files that are missing: task → input → keys in the Lightly datasource.

    Raises:
        ModelError: a task's model cannot be loaded.
    """
    plan = Plan(selection=selection)
    wanted = _wanted(scan, keys, plan)
    decode = {kind: decode_version(project, kind) for kind in ("video", "image")}
    stated = [(one.key, one.entry.fingerprint, decode[one.kind]) for one in wanted.values()]
    units: dict[str, UnitWork] = defaultdict(lambda: UnitWork(""))
    found: dict[str, dict[str, Stage]] = {}
    for name, stages in selection.tasks.items():
        setup = setups[name]
        stale = found[name] = _stale(index, stated, setup)
        missing = {key: files for key, files in (lost or {}).get(name, {}).items() if key in wanted}
        for key in missing:
            stale.setdefault(key, "task_folder")
        for key, stage in stale.items():
            work = _unit(units, scan, wanted[key]).task(name)
            work.encodes = "singletons" in stages
            work.lost |= frozenset(missing.get(key, ()))
            problem = _assign(work, key, stage, stages, index, setup)
            if problem:
                plan.problems.setdefault(key, {})[name] = problem
    for setup in setups.values():
        if setup.of is not None and setup.name in selection.tasks:
            before = found.get(setup.of.name)
            _refuse_without_boxes(
                setup, units, _stale(index, stated, setup.of) if before is None else before, plan
            )
    if selection.frames:
        versions = {kind: frames_version(project, kind) for kind in ("video", "image")}
        frames = [(one.key, one.entry.fingerprint, versions[one.kind]) for one in wanted.values()]
        for key in index.without_frames(frames):
            _unit(units, scan, wanted[key]).frames.add(key)
    for unit in units.values():
        unit.tasks = {name: work for name, work in unit.tasks.items() if not work.is_empty}
    plan.units = [piece for unit in sorted(units) for piece in _pieces(units[unit])]
    busy = {key for unit in plan.units for key in unit.inputs} | plan.problems.keys()
    plan.unchanged = [key for key in wanted if key not in busy]
    return plan


def _stale(index: Index, stated: list[tuple[str, str, str]], setup: AnySetup) -> dict[str, Stage]:
    """The inputs that need work for a setup, and the first stage that does."""
    encoded = not isinstance(setup, EmbeddingSetup)
    return dict(index.stale(setup.name, stated, setup.model_version, setup.settings_hash, encoded=encoded))


def _refuse_without_boxes(
    setup: AnySetup, units: Mapping[str, UnitWork], stale: Mapping[str, Stage], plan: Plan
) -> None:
    """Objects are worked on where their boxes are those of today, or come in the same pass."""
    assert setup.of is not None
    for unit in units.values():
        if setup.name not in unit.tasks:
            continue
        work, base = unit.tasks[setup.name], unit.tasks.get(setup.of.name, TaskWork(encodes=False))
        made = {key for key in base.encode if stale.get(key) == "singletons"}
        made |= base.predict if base.encodes else set()
        for key in sorted(work.predict - made):
            if stale.get(key) in ("predictions", "singletons"):
                work.predict.discard(key)
                what = "whose objects are to be described"
                if not isinstance(setup, EmbeddingSetup):
                    what = f"in whose boxes task '{setup.name}' looks"
                plan.problems.setdefault(key, {})[setup.name] = (
                    f"'{key}' has no present predictions of task '{setup.of.name}', {what}; run that task, "
                    "too."
                )


def _wanted(scan: Scan, keys: Collection[str] | None, plan: Plan) -> dict[str, Input]:
    plan.problems |= {
        key: {"": problem} for key, problem in scan.problems.items() if keys is None or key in keys
    }
    if keys is None:
        return scan.inputs
    for key in keys:
        if key not in scan.inputs and key not in scan.problems:
            plan.problems[key] = {"": f"There is no input '{key}'; was it deleted, renamed or excluded?"}
    return {key: scan.inputs[key] for key in keys if key in scan.inputs}


def _unit(units: dict[str, UnitWork], scan: Scan, one: Input) -> UnitWork:
    name = scan.unit_of[one.key]
    unit = units[name]
    unit.unit = name
    unit.inputs[one.key] = one
    return unit


def _assign(
    work: TaskWork, key: str, stage: Stage, stages: frozenset[Stage], index: Index, setup: AnySetup
) -> str | None:
    """Note what is to be done about an input whose first stale stage is ``stage``; or say why nothing can."""
    if stage == "predictions":
        if "predictions" in stages:
            work.predict.add(key)
        elif "singletons" in stages:
            # Alone, a stage works with what is stored, stale or not.
            stored = index.stored(setup.name, key, setup.settings_hash)
            predicted = next((one for one in stored if one.predictions), None)
            if predicted is None:
                return f"'{key}' has no stored predictions of task '{setup.name}'; materialise them first."
            if not predicted.encoded:
                work.encode.add(key)
    elif stage == "singletons" and "singletons" in stages:
        work.encode.add(key)
    if "task_folder" in stages:
        if (key in work.predict and work.encodes) or key in work.encode:
            work.publish.add(key)
        else:
            stored = index.stored(setup.name, key, setup.settings_hash)
            encoded = next((one for one in stored if one.singletons), None)
            if encoded is None and "singletons" not in stages and "predictions" not in stages:
                return f"'{key}' has no stored singletons of task '{setup.name}'; materialise them first."
            if encoded is not None and (stage == "task_folder" or not encoded.published):
                work.publish.add(key)
    return None


def _pieces(unit: UnitWork) -> Iterator[UnitWork]:
    """A unit of many images as several pieces, so that a kill costs no more than one of them."""
    keys = sorted(unit.inputs)
    if len(keys) <= _IMAGES_AT_ONCE:
        if keys:
            yield unit
        return
    yield from split(unit, _IMAGES_AT_ONCE)


def split(unit: UnitWork, most: int) -> Iterator[UnitWork]:
    """Pieces of a unit with at most so many inputs each."""
    keys = sorted(unit.inputs)
    for start in range(0, len(keys), most):
        some = set(keys[start : start + most])
        tasks = {
            name: replace(
                work, predict=work.predict & some, encode=work.encode & some, publish=work.publish & some
            )
            for name, work in unit.tasks.items()
        }
        yield UnitWork(
            unit.unit,
            {key: unit.inputs[key] for key in sorted(some)},
            {name: work for name, work in tasks.items() if not work.is_empty},
            unit.frames & some,
        )
