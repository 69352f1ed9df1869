"""One run of a project: look, plan, work, and say what came of it. No Dagster, which only calls this."""

import logging
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from lightly_assets.config import Project
from lightly_assets.config.sections.embeddings import is_embeddings
from lightly_assets.format.names.paths import file_keys
from lightly_assets.format.names.suffixes import PAUSED
from lightly_assets.media import Limits
from lightly_assets.pipeline.engines.engine import Engine, Terms, open_engine
from lightly_assets.pipeline.inputs.days import days_of
from lightly_assets.pipeline.inputs.listing import Input, Scan, possible_units, scan_input
from lightly_assets.pipeline.planning.embedding_setup import AnySetup, EmbeddingSetup, embedding_setups
from lightly_assets.pipeline.planning.plan import Plan, Selection, make_plan
from lightly_assets.pipeline.planning.schema_change import hold_back
from lightly_assets.pipeline.planning.task_setup import TaskSetup, decode_version, task_setups
from lightly_assets.pipeline.publishing.inspection import Inspection, inspect_folder
from lightly_assets.pipeline.publishing.task_list import PublishError
from lightly_assets.pipeline.running.commit import Warehouse
from lightly_assets.pipeline.running.outcome import UnitOutcome
from lightly_assets.pipeline.state.failures import FOLDER as FAILURES
from lightly_assets.pipeline.state.failures import FailureNote, attempt_version, read_failures
from lightly_assets.pipeline.state.paused import change_quarantine, read_quarantine
from lightly_assets.storage import OWN_FOLDER, StorageError
from lightly_assets.storage.disk.temporary import is_abandoned, temporary_name

log = logging.getLogger(__name__)

_OTHER_MACHINE_SECONDS = 24 * 3600.0
# Objects of ours beside the data, in buckets: none of them is needed for longer than some minutes.
_CLAIM_SECONDS = 3600.0
# With more records than this to read, it is no more work to take over all that has changed.
_FEW = 4000


class Session:
    """A project that is open for work; use it in a ``with`` block.

    With ``some``, it is about some inputs only, those that a plan is made for: where the state lies in object
    storage, the records of those are read and of no others. What needs all of them calls :meth:`take_over`.
    ``loaded`` are tasks whose models are in memory already.
    """

    def __init__(
        self,
        project: Project,
        tasks: tuple[str, ...] | None = None,
        *,
        some: bool = False,
        loaded: Collection[AnySetup] = (),
    ) -> None:
        self.project = project
        same = {one.name: one for one in loaded if isinstance(one, TaskSetup)}
        self.setups: dict[str, TaskSetup] = {
            name: same[name] if setup == same.get(name) else setup
            for name, setup in task_setups(project, tasks).items()
        }
        self.embeddings: dict[str, EmbeddingSetup] = (
            embedding_setups(project, self.setups, loaded) if tasks is None else {}
        )
        self.all_setups: dict[str, AnySetup] = {**self.setups, **self.embeddings}
        self.warehouse = Warehouse(project)
        self._scan: Scan | None = None
        self._failures: dict[str, str] | None = None
        self._swept = False
        self._some = some and self.warehouse.state.local_root is None
        self._focus: set[str] = set()

    def __enter__(self) -> Self:
        if not self._some:
            self.warehouse.index.refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.warehouse.close()

    @property
    def scan(self) -> Scan:
        """The inputs, listed once."""
        if self._scan is None:
            self._scan = scan_input(self.warehouse.input, self.project)
            everything = [*self._scan.inputs.values(), *self._scan.blocked.values()]
            self._scan.days = days_of(self.warehouse.state, self.project, everything)
            for key, reason in self.quarantine().items():
                if self._scan.inputs.pop(key, None) or self._scan.problems.pop(key, None):
                    self._scan.skipped[PAUSED] += 1
                    self._scan.paused[key] = reason
        return self._scan

    @property
    def knows_all(self) -> bool:
        """Whether the records of all inputs are taken over."""
        return not self._some

    def take_over(self) -> None:
        """Take over the records of all inputs, if that was not done yet."""
        if self._some:
            self.warehouse.index.refresh()
            self._some, self._failures = False, None

    def focus(self, keys: Collection[str]) -> None:
        """Take over the records of some inputs; of all of them, where that is no more work."""
        new = set(keys) - self._focus
        if not self._some or not new:
            return None
        scan = self.scan
        found = [(key, one.kind) for key in new if (one := scan.inputs.get(key) or scan.blocked.get(key))]
        possible = possible_units(found, {folder: len(group) for folder, group in scan.images.items()})
        bases = [one.of.name for one in self.all_setups.values() if one.of]
        units = [(task, unit) for unit in possible for task in dict.fromkeys(["", *self.all_setups, *bases])]
        if len(units) > _FEW:
            return self.take_over()
        self.warehouse.index.read_units(units, self.warehouse.records)
        self._focus |= new
        self._failures = None
        return None

    def look_again(self) -> None:
        """List the inputs anew when they are needed next."""
        self._scan = None

    def plan(
        self,
        selection: Selection | None = None,
        keys: Collection[str] | None = None,
        *,
        verify: bool | None = None,
    ) -> Plan:
        """What there is to do. ``verify`` also looks for files that are missing; by default on disk only.

        Raises:
            ModelError: a model cannot be loaded.
            StorageError: a store is out of reach.
        """
        selection = selection or Selection.everything(self.setups, self.embeddings)
        if keys is None:
            self.take_over()
        else:
            self.focus(keys)
        if verify is None:
            verify = self.warehouse.lightly.local_root is not None
        publishing = [name for name, stages in selection.tasks.items() if "task_folder" in stages]
        lost = {name: self.inspect(name).lost for name in publishing} if verify else {}
        known = {*self.scan.inputs, *self.scan.problems, *self.scan.paused}
        for name in selection.tasks:
            self.all_setups[name].meet(known)
        plan = make_plan(
            self.project, self.all_setups, self.scan, self.warehouse.index, selection, keys, lost
        )
        if not self.knows_all and not all(self._is_settled(name) for name in publishing):
            # What all of a task's inputs have to wait for, only all of their records tell.
            self.take_over()
            return self.plan(selection, keys, verify=verify)
        for name in publishing if self.knows_all else ():
            house = self.warehouse
            hold_back(house.index, house.listing, house.lightly.url, self.setups[name], self.scan, plan)
        return plan

    def _is_settled(self, task: str) -> bool:
        """Whether a task is listed with the schema of today, which all of its files have then."""
        house, schema = self.warehouse, self.setups[task].schema
        try:
            if task not in house.listing.tasks() or house.listing.lacks_schema(task, schema):
                return False
        except PublishError:
            return False
        rows = house.index.entries(task, sorted(self._focus))
        return all(row.schema == schema.hash() for row in rows if row.published_from)

    def inspect(self, task: str) -> Inspection:
        """A task folder compared with the records."""
        return inspect_folder(self.warehouse.lightly, task, lambda: self.warehouse.index.entries(task))

    def orphans(self, task: str) -> list[str]:
        """Prediction files of a task that belong to no input, in the Lightly datasource."""
        names = list(self.gone_files(task))
        names += (name for name in self.inspect(task).unknown if name.endswith(".json"))
        return sorted(names)

    def gone_files(self, task: str) -> Iterator[str]:
        """Published files of inputs that are gone."""
        for row in self.warehouse.index.entries(task):
            if row.published_from and not self.is_here(row.input):
                yield from file_keys(task, row.input, row.frames)

    def removed_tasks(self) -> list[str]:
        """Tasks that this project has published and that ``lightly.yaml`` does not name any more."""
        named = {task.name for task in self.project.tasks}
        recorded = self.warehouse.index.tasks()
        return [task for task in recorded if task not in named and not is_embeddings(task)]

    def removed_embeddings(self) -> list[str]:
        """The same of embeddings, by what records call them."""
        named, recorded = self.project.embedding_names, self.warehouse.index.tasks()
        return [name for name in recorded if is_embeddings(name) and name not in named]

    def is_here(self, key: str) -> bool:
        """Whether an input exists, whatever its state."""
        scan = self.scan
        return key in scan.inputs or key in scan.problems or key in scan.paused

    def run(
        self,
        plan: Plan,
        *,
        limits: Limits | None = None,
        on_frames: Callable[[str, int], None] | None = None,
        on_pace: Callable[[str], None] | None = None,
        on_note: Callable[[int, str], None] | None = None,
        sheets: bool = True,
    ) -> Iterator[UnitOutcome]:
        """Do the work; what came of each unit, as soon as it is known.

        ``on_pace`` hears at the end in one sentence what was waited for longest, where there are no workers;
        ``on_note`` gets what workers have to say, as lines for the log with their level.

        Raises:
            EngineError: the workers that the project asks for cannot be had.
            StorageError: a store is out of reach; what was published stays.
        """
        self.remember_plan(plan)
        sheets = sheets and self.project.pictures
        terms = Terms(limits, on_frames or (lambda _, __: None), on_note or log.log, on_pace, sheets)
        with self.workplace() as folder, self._engine(plan, folder, terms) as work:
            again = []
            for outcome in work(plan.units):
                if outcome.retriable or outcome.lost:
                    again.append(outcome)
                    continue
                self.remember(outcome.problems(), outcome.inputs)
                yield outcome
            for outcome in again:
                for _ in ("singletons", "predictions"):  # what those are encoded from may be lost, too
                    second = self._second_plan(plan, outcome)
                    for later in work(second.units):
                        outcome.take(later)
                    if not outcome.lost:
                        break
                self.remember(outcome.problems(), outcome.inputs, outcome.retriable)
                yield outcome
        self.warehouse.garbage.delete()

    @contextmanager
    def _engine(self, plan: Plan, folder: Path, terms: Terms) -> Iterator[Engine]:
        """Who does the work; where there is none, nobody is asked."""
        if not plan.units:
            yield lambda _: iter(())
            return
        scan = self.scan
        known = {*scan.inputs, *scan.problems, *scan.paused}
        wanted = self.all_setups if plan.selection is None else plan.selection.tasks
        setups = {name: setup for name, setup in self.all_setups.items() if name in wanted}
        with open_engine(self.warehouse, setups, known, folder, terms) as engine:
            yield lambda units: engine(units) if units else iter(())

    def _second_plan(self, plan: Plan, outcome: UnitOutcome) -> Plan:
        """Once more with inputs that were replaced while they were read, or whose stored results are lost."""
        keys = []
        lost = {key for some in outcome.lost.values() for key in some} - outcome.failed.keys()
        for (task, table), some in outcome.lost.items():
            self.warehouse.forget_table(task, table, some)
            followers = [one.name for one in self.all_setups.values() if one.of and one.of.name == task]
            for name in (task, *followers):
                for key in some if name in outcome.tasks else ():
                    outcome.tasks[name].failed.pop(key, None)
        outcome.lost = {}
        for key in sorted(outcome.retriable):
            with suppress(StorageError):  # out of reach: what was said about it remains true
                entry = self.warehouse.input.stat(key)
                if entry is not None:
                    self.scan.inputs[key] = replace(self.scan.inputs[key], entry=entry)
                    keys.append(key)
        second = self.plan(plan.selection, [*keys, *sorted(lost)], verify=bool(lost))
        for key in keys:
            del outcome.failed[key]
        if keys and set(keys) == set(outcome.inputs):
            outcome.tasks.clear()  # what was counted is of the version that is gone
        outcome.failed |= {key: next(iter(why.values())) for key, why in second.problems.items()}
        return second

    def finish(self, tasks: Collection[str] | None = None) -> dict[str, str]:
        """Make ``schema.json`` and ``tasks.json`` right; tasks that cannot be listed, with one sentence."""
        setups = [setup for name, setup in self.setups.items() if tasks is None or name in tasks]
        with self.workplace():
            if not self.knows_all and not all(self._is_settled(setup.name) for setup in setups):
                self.take_over()
            if not self.knows_all:
                return {}
            self.forget_gone_failures()
            self.warehouse.index.compact()
            return dict(self.warehouse.heal_listing(setups))

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """A folder for as long as something is written; those of processes that died are removed.

        Such a process may have left temporary files in the roots, too: they are removed with it.
        """
        base = self.project.local_state / "tmp"
        base.mkdir(parents=True, exist_ok=True)
        folder = base / temporary_name()
        folder.mkdir()
        try:
            self._remove_abandoned(base)
            # Not earlier: the folder tells the next process where one was killed, which then tidies up.
            self.warehouse.note_format()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _remove_abandoned(self, base: Path) -> None:
        abandoned = []
        for one in base.iterdir():
            with suppress(FileNotFoundError):  # another process has just ended
                if is_abandoned(one.name, one.stat().st_mtime, older_than=_OTHER_MACHINE_SECONDS):
                    abandoned.append(one)
        for store, prefix in ((self.warehouse.lightly, ".lightly"), (self.warehouse.state, "")):
            if store.local_root is not None:
                # What a doctor left that was killed lies in our own folder, where looking costs nothing.
                store.sweep(prefix if abandoned else OWN_FOLDER, older_than=_OTHER_MACHINE_SECONDS)
            elif not self._swept:
                # One request; a network that broke off leaves things behind without any process dying.
                store.sweep(prefix, older_than=_CLAIM_SECONDS)
        self._swept = True
        # Last, so that a kill here has the sweep done again.
        for one in abandoned:
            shutil.rmtree(one, ignore_errors=True)

    # Failures and the quarantine

    def failures(self) -> dict[str, dict[str, str]]:
        """What failed the last time and has not succeeded since: key → task (``""``: all) → one sentence."""
        notes = read_failures(self.warehouse.state, self._known_failures().values())
        return {note.input: dict(note.problems) for _, note in notes}

    def recovered(self, plan: Plan) -> list[str]:
        """Inputs that failed the last time and are up to date all the same.

        What they failed with was taken back: a file, or a setting.
        """
        known = self._known_failures()
        return [key for key in plan.unchanged if key in known] if self._is_complete(plan) else []

    def _is_complete(self, plan: Plan) -> bool:
        tasks = [task.name for task in self.project.tasks]
        return plan.selection == Selection.everything(tasks, self.project.embedding_names)

    def _known_failures(self) -> dict[str, str]:
        """Where the failure of each input is noted."""
        if self._failures is None:
            state, keys = self.warehouse.state, None
            if not self.knows_all:
                ours = {FailureNote(key, {}).key for key in self._focus}
                keys = [key for key in state.names(FAILURES) if key in ours]
            self._failures = {note.input: key for key, note in read_failures(state, keys)}
        return self._failures

    def remember_plan(self, plan: Plan) -> None:
        """Note what is wrong with inputs before any work, and that others are in order.

        Those have failed once where a run was killed before it noted that they have succeeded.
        """
        self.remember(plan.problems, plan.unchanged if self._is_complete(plan) else ())

    def remember(
        self,
        problems: Mapping[str, Mapping[str, str]],
        inputs: Collection[str] = (),
        retriable: Collection[str] = (),
    ) -> None:
        """Note failures, and that other inputs have succeeded.

        Of those that are ``retriable`` it is not noted what was tried: the sensor asks for the same again.
        """
        known, state = self._known_failures(), self.warehouse.state
        for key, by_task in problems.items():
            one = self.scan.inputs.get(key) or self.scan.blocked.get(key)
            note = FailureNote(key, by_task)
            if one is not None and key not in retriable:
                tried = {task: self._attempt(one, task) for task in by_task}
                note = FailureNote(key, by_task, tried, key in self.scan.colliding)
            state.write(note.key, note.to_bytes())
            known[key] = note.key
        healed = [key for key in inputs if key in known and key not in problems]
        state.delete_many([known.pop(key) for key in healed])

    def _attempt(self, one: Input, task: str) -> str:
        """What was tried: the sensor does not ask for the same again."""
        setup = self.all_setups.get(task)
        made_with = (setup.model_version, setup.settings_hash) if setup else (None, None)
        return attempt_version(one.entry.fingerprint, decode_version(self.project, one.kind), *made_with)

    def gone_failures(self) -> list[str]:
        """Inputs that failed and are gone."""
        return [key for key in self._known_failures() if not self.is_here(key)]

    def forget_gone_failures(self) -> None:
        """Forget what was wrong with inputs that are gone."""
        known = self._known_failures()
        self.warehouse.state.delete_many([known.pop(key) for key in self.gone_failures()])

    def recorded(self) -> set[str]:
        """Inputs that something is recorded of, gone ones included."""
        self.take_over()
        index = self.warehouse.index
        return {row.input for task in ["", *index.tasks()] for row in index.entries(task)}

    def quarantine(self) -> dict[str, str]:
        """Inputs that are left alone on purpose: key → reason."""
        return read_quarantine(self.warehouse.state)

    def pause(self, key: str, reason: str) -> None:
        """Leave an input alone from now on."""
        change_quarantine(self.warehouse.state, lambda known: known | {key: reason})

    def resume(self, key: str) -> None:
        """Take an input up again. Raises KeyError where it is not paused."""
        if key not in self.quarantine():
            raise KeyError(key)
        change_quarantine(
            self.warehouse.state, lambda known: {one: why for one, why in known.items() if one != key}
        )
