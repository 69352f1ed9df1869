"""One look for work: list a part of the input, compare it with the records, and choose what to ask for.

A look is bounded: it lists for some seconds, takes over some records, and goes on from there the next time.
Nothing here runs anything, and no model is loaded in this process.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Literal, Self

from lightly_assets.config import Project
from lightly_assets.format.names.suffixes import InputKind, input_kind
from lightly_assets.pipeline.inputs.days import days_of
from lightly_assets.pipeline.inputs.globs import Globs
from lightly_assets.pipeline.inputs.listing import Input, folder_of, possible_units
from lightly_assets.pipeline.planning.task_setup import decode_version
from lightly_assets.pipeline.roots import Roots
from lightly_assets.pipeline.state import failures
from lightly_assets.pipeline.state.index import Index
from lightly_assets.pipeline.state.paused import read_quarantine
from lightly_assets.pipeline.state.records import Records, version
from lightly_assets.pipeline.state.state_format import check_format
from lightly_assets.pipeline.watching.requests import Batches, Request, Wants
from lightly_assets.pipeline.watching.seen_inputs import CAME_BACK, Changes, SeenInputs, Stale, Versions
from lightly_assets.pipeline.watching.stale_summary import Staleness
from lightly_assets.pipeline.watching.untold import untold_runs
from lightly_assets.storage import Entry

RunState = Literal["open", "ended", "cancelled", "unknown"]

_REFRESH_SECONDS = 300.0
_REFRESH_AT_MOST = 15.0
# So often is the same asked for where runs end without a result or a reason.
_ATTEMPTS = 3
# So many stale inputs are looked at; of more, once the runs are full, it is only known that there are more.
_LOOK_AT_MOST = 20_000
# A run that Dagster knows nothing of after this time was never started.
_LOST_SECONDS = 300.0
# What another instance of Dagster has asked for is its matter for so long.
_GONE_SECONDS = 86_400.0
# The fact of which run was asked for to tell what is untold, and how often.
_UNTOLD = "untold"


@dataclass(slots=True)
class Look:
    """What a look came to."""

    cursor: str = ""
    """Where the next one goes on; empty: from the beginning."""
    changes: Changes = field(default_factory=Changes)
    inputs: int = 0
    unstable: int = 0
    paused: int = 0
    stale: int = 0
    """Inputs that need work, without those that are known to fail."""
    more: bool = False
    """Whether there are more stale inputs than were looked at."""
    failed: int = 0
    """Inputs that need work, and are known to fail at it."""
    given_up: int = 0
    """Inputs that were asked for several times in vain."""
    under_way: int = 0
    """Inputs that were asked for in runs that have not ended."""
    open_runs: int = 0
    requests: list[Request] = field(default_factory=list)
    tidy: str | None = None
    """Run key of a run that looks after what inputs that are gone, or were, and broken runs left behind."""
    empty_partitions: list[str] = field(default_factory=list)
    """Partitions of which nothing is left."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Tasks whose schema changes, and how many of their inputs are not encoded with the new one yet."""
    staleness: dict[str, Staleness] = field(default_factory=dict)
    """What is stale in each task."""
    taking_over: bool = False
    """Whether records are still to be read, on a machine that never had them: it asks for nothing yet."""

    def sentence(self) -> str:
        """Why nothing is asked for, or what is left beside what is."""
        parts = []
        if self.cursor:
            parts.append(f"listing goes on behind '{self.cursor}'")
        if self.taking_over:
            parts.append("the next look goes on reading what is recorded of them")
        waiting = self.stale - self.under_way - self.given_up - sum(len(one.inputs) for one in self.requests)
        if self.open_runs:
            parts.append(f"{_runs(self.open_runs)} under way with {_inputs(self.under_way)}")
        if waiting > 0:
            until = "a run to end" if self.open_runs else "the next look"
            parts.append(f"{_inputs(waiting)}{' or more' if self.more else ''} waiting for {until}")
        for task, count in self.waiting.items():
            parts.append(f"the new schema of '{task}' waits for {_inputs(count)}")
        if self.unstable:
            parts.append(f"{_inputs(self.unstable)} perhaps still being written")
        if self.failed:
            parts.append(f"{_inputs(self.failed)} left alone because of failures ('lightly-assets status')")
        if self.given_up:
            parts.append(f"{_inputs(self.given_up)} asked for in vain; run them by hand to see why")
        if self.paused:
            parts.append(f"{_inputs(self.paused)} paused")
        if self.requests:
            parts.append(f"asked for {_inputs(sum(len(one.inputs) for one in self.requests))}")
        elif self.tidy:
            parts.append(
                "asked for a look after what removed inputs, or runs that broke off, have left behind"
            )
        return f"{_inputs(self.inputs)} known; {'; '.join(parts) or 'all up to date'}."


def _inputs(count: int) -> str:
    return f"{count:,} input{'' if count == 1 else 's'}"


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


class Watch:
    """Looks for work in a project; use it in a ``with`` block."""

    def __init__(
        self,
        project: Project,
        partition_of: Callable[[Input, Mapping[str, str]], str],
        *,
        clock: Callable[[], float] = time.time,
        preview: bool = False,
        instance: str | None = None,
    ) -> None:
        """With ``preview``, what a look asks for is not remembered: nobody is going to start it.

        ``instance`` is the mark of the one that runs are asked for in; None where it does not matter.
        """
        self._project = project
        self._settings = project.sensor
        self._partition_of = partition_of
        self._clock = clock
        self._instance = instance
        roots = Roots(project)
        self.input, self.state = roots.input, roots.state
        check_format(self.state)
        self._index = Index(project.local_state / "index.sqlite", self.state)
        self.seen_inputs = SeenInputs(
            project.local_state / "sightings.sqlite", project.local_state / "index.sqlite"
        )
        if preview:
            self.seen_inputs.only_try()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()
        self.seen_inputs.close()

    def look(
        self, cursor: str, versions: Mapping[str, Versions], run_states: Callable[[str], RunState]
    ) -> Look:
        """List from ``cursor`` on, compare, and choose.

        ``versions`` are those of the tasks that are looked after, ``run_states`` tells of a run key what
        became of its run.

        Raises:
            StorageError: a root is out of reach.
        """
        now = self._clock()
        cursor = self._same_rules(cursor)
        look = Look(taking_over=not self._refresh(now))
        look.cursor, look.changes = self._list(cursor, now)
        self.seen_inputs.note("listed to", look.cursor)
        self._take_over(self._close_batches(run_states, now), versions)
        self._read_failures()
        if look.changes.gone:
            self._unblock()
        if not look.taking_over:
            self._choose(look, versions, now)
            if not look.cursor:
                self._look_after_gone(look, now)
                self._look_after_untold(look, now)
        look.inputs = self.seen_inputs.count()
        look.unstable = self.seen_inputs.count("unstable")
        return look

    # The input

    def _same_rules(self, cursor: str) -> str:
        """Where a look that was broken off goes on.

        That is the beginning where inputs are cut into partitions otherwise now, and where the cursor is not
        the one of the last look: somebody has set it, or the table is new. What was not listed would be gone.
        """
        rules = version(self._project.partitions, self._project.day_pattern, self._project.root("input"))
        if self.seen_inputs.fact("rules") != rules:
            self.seen_inputs.forget_inputs()
            self.seen_inputs.note("rules", rules)
            return ""
        return cursor if cursor == self.seen_inputs.fact("listed to") else ""

    def _list(self, cursor: str, now: float) -> tuple[str, Changes]:
        stop = time.monotonic() + self._settings.list_seconds
        last = cursor
        complete = False

        def listed() -> Iterator[Entry]:
            nonlocal last, complete
            for number, entry in enumerate(
                self.input.list(skip=self._project.own_folders, after=cursor or None)
            ):
                last = entry.key
                yield entry
                if number % 256 == 255 and time.monotonic() > stop:
                    return
            complete = True

        changes = self.seen_inputs.take(
            self._inputs_of(listed()),
            first=not cursor,
            complete=lambda: complete,
            now=now,
            trusted_age=self._settings.trusted_age_seconds,
            partitions_of=self._partitions_of,
        )
        return "" if complete else last, changes

    def _partitions_of(self, inputs: Collection[Input]) -> dict[str, str]:
        days = days_of(self.state, self._project, inputs)
        return {one.key: self._partition_of(one, days) for one in inputs}

    def _inputs_of(self, entries: Iterator[Entry]) -> Iterator[tuple[str, InputKind, Entry]]:
        selected = Globs(self._project.include, self._project.exclude)
        for entry in entries:
            key = entry.key
            kind = input_kind(key)
            if kind is None:
                continue
            if selected.admit(key):
                yield key, kind, entry

    # The state

    def _refresh(self, now: float) -> bool:
        """Take over what other machines have recorded; this one's runs write the index themselves.

        False where this machine has not read all of it even once: what it does not know yet may be done.
        """
        after = self.seen_inputs.fact("refresh from") or ""
        last = self.seen_inputs.fact("refreshed")
        if not after and last and _is_recent(float(last), now, _REFRESH_SECONDS):
            return True
        stop = time.monotonic() + _REFRESH_AT_MOST
        after = self._index.refresh_some(after, lambda: time.monotonic() > stop) or ""
        self.seen_inputs.note("refresh from", after)
        if not after:
            self.seen_inputs.note("refreshed", str(now))
            self._index.compact()
        return not after or bool(last)

    def _read_failures(self) -> None:
        known = self.seen_inputs.known_notes()
        there = {entry.key: entry.fingerprint for entry in self.state.list(failures.FOLDER)}
        changed = [key for key, fingerprint in there.items() if known.get(key) != fingerprint]
        self.seen_inputs.take_failures(
            ((key, there[key], note) for key, note in failures.read_failures(self.state, changed)),
            [key for key in known if key not in there],
        )

    def _unblock(self) -> None:
        """An input that collided with another may be fine now that something is gone."""
        self.seen_inputs.note("unblocked", str(self._clock()))

    def _close_batches(
        self, run_states: Callable[[str], RunState], now: float
    ) -> list[tuple[str, InputKind]]:
        """Notice runs that have ended; what they were about: key and kind."""
        done = []
        for run_key, asked in self.seen_inputs.under_way():
            if self._is_of_others(run_key):
                # Only they know what became of it. An instance that is gone holds nothing up for ever.
                state: RunState = "open" if _is_recent(asked, now, _GONE_SECONDS) else "unknown"
            else:
                state = run_states(run_key)
            if state == "unknown" and not _is_recent(asked, now, _LOST_SECONDS):
                state = "ended"
                self.seen_inputs.told_nobody()
            if state in ("ended", "cancelled"):
                self.seen_inputs.ended(run_key, for_good=state == "cancelled")
                done += self.seen_inputs.asked_for(run_key)
        return done

    def _take_over(self, inputs: Collection[tuple[str, InputKind]], tasks: Iterable[str]) -> None:
        """Take over what runs on other machines have recorded, before the same is asked for again."""
        if self.state.local_root is not None:
            return
        folders = {folder_of(key) for key, kind in inputs if kind == "image"}
        images = {folder: self.seen_inputs.images_below(folder) for folder in folders}
        units = possible_units(inputs, images)
        self._index.read_units([(task, unit) for unit in units for task in ["", *tasks]], Records(self.state))

    # What to ask for

    def _choose(self, look: Look, versions: Mapping[str, Versions], now: float) -> None:
        decode: dict[InputKind, str] = {
            "video": decode_version(self._project, "video"),
            "image": decode_version(self._project, "image"),
        }
        wants = Wants(versions, decode, self.seen_inputs.failures(), self.seen_inputs.fact("unblocked") or "")
        paused = read_quarantine(self.state)
        requested = self.seen_inputs.requested()
        look.staleness = {task: Staleness() for task in versions}
        look.waiting = {
            task: count
            for task, wanted in versions.items()
            if (count := self.seen_inputs.not_encoded(task, wanted, decode))
        }
        look.open_runs = len(self.seen_inputs.under_way())
        batches = Batches(self._settings.runs - look.open_runs, self._project)
        seen = set()
        for number, stale in enumerate(self.seen_inputs.stale(versions, decode)):
            if number >= _LOOK_AT_MOST and batches.are_full():
                look.more = True
                break
            key = stale.input.key
            seen.add(key)
            if key in paused:
                look.paused += 1
                continue
            if stale.known:
                for task, stage in stale.stages.items():
                    if task:
                        look.staleness[task].add(key, stale.partition, stage)
            for task in look.waiting:
                # What is encoded waits until all are; then one run publishes them.
                if stale.stages.get(task) == "task_folder":
                    del stale.stages[task]
            before, attempts, is_open = requested.pop(key, ("", 0, False))
            if not stale.stages:
                continue
            _offer(look, batches, stale, wants.of(stale), (before, attempts, is_open))
        # What they failed with was taken back; a run records that they are in order.
        for stale in self.seen_inputs.recovered(seen) if not look.more else ():
            if stale.input.key not in paused:
                asked = requested.pop(stale.input.key, ("", 0, False))
                _offer(look, batches, stale, wants.of(stale), asked)
        for staleness in look.staleness.values():
            staleness.more = look.more
        if not look.more:
            self.seen_inputs.drop_requests([key for key, (_, _, is_open) in requested.items() if not is_open])
        for request, chosen in batches.requests(self.seen_inputs.fact("ended") or ""):
            request = replace(request, run_key=self._ours(request.run_key))
            self.seen_inputs.ask(request.run_key, chosen, now)
            look.requests.append(request)

    def _look_after_gone(self, look: Look, now: float) -> None:
        left_nothing = self.seen_inputs.left_nothing()
        look.empty_partitions = sorted({partition for _, partition in left_nothing if partition})
        self.seen_inputs.forget_gone([key for key, _ in left_nothing])
        untold = [key for key, _, told in self.seen_inputs.gone() if not told]
        if not untold and not self.seen_inputs.fact(CAME_BACK):
            return
        self.seen_inputs.note(CAME_BACK, "")
        if not look.requests or self._left_failed(look):
            # A run of the chain looks after it anyway; without one, a run over no input does.
            look.tidy = self._ours(version("gone", now, *untold))
            self.seen_inputs.ask(look.tidy, {}, now)
        self.seen_inputs.told(untold)

    def _look_after_untold(self, look: Look, now: float) -> None:
        """Where runs have broken off: one run that tells Dagster what they have not, a few times at most."""
        notes, fact = untold_runs(self.state, self._instance), self._ours(_UNTOLD)
        run_key, _, times = (self.seen_inputs.fact(fact) or " 0").partition(" ")
        if not notes:
            if run_key:
                self.seen_inputs.note(fact, "")
            return
        under_way = any(one == run_key for one, _ in self.seen_inputs.under_way())
        if look.tidy or under_way or int(times) >= _ATTEMPTS:
            return
        look.tidy = self._ours(version("untold", now, *notes))
        self.seen_inputs.ask(look.tidy, {}, now)
        self.seen_inputs.note(fact, f"{look.tidy} {int(times) + 1}")

    def _ours(self, name: str) -> str:
        """A name that other instances of Dagster, which share this table, do not use."""
        return f"{self._instance}-{name}" if self._instance else name

    def _is_of_others(self, run_key: str) -> bool:
        whose, dash, _ = run_key.rpartition("-")
        return bool(dash and self._instance) and whose != self._instance

    def _left_failed(self, look: Look) -> bool:
        """Whether a partition is failed by an input that is gone, and no run that is asked for says so."""
        failed = self.seen_inputs.failures()
        told_of = {partition for request in look.requests for partition in request.partitions}
        return any(
            key in failed and partition not in told_of and self.seen_inputs.has_inputs(partition)
            for key, partition, told in self.seen_inputs.gone()
            if not told
        )


def _is_recent(then: float, now: float, seconds: float) -> bool:
    """Whether something was so many seconds ago at most; a clock that was put back says nothing of it."""
    return 0 <= now - then <= seconds


def _offer(
    look: Look,
    batches: Batches,
    stale: Stale,
    wanted: tuple[str | None, bool],
    asked: tuple[str, int, bool],
) -> None:
    """Take an input into a run, unless it is known to fail, is under way, or was asked for too often."""
    want, blocked = wanted
    before, attempts, is_open = asked
    if want is None or (blocked and want == before and not is_open):
        look.failed += 1
        return
    look.stale += 1
    attempts = attempts if before == want else 0
    if is_open:
        look.under_way += 1
    elif attempts >= _ATTEMPTS:
        look.given_up += 1
    else:
        batches.offer(stale, want, attempts + 1)
