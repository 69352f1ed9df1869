"""``lightly-assets run``: bring everything up to date, through Dagster."""

import builtins
import faulthandler
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightly_assets.commands.completion import tasks_of_project
from lightly_assets.commands.garbage import collect_garbage_as_usual, hardly_collect_garbage
from lightly_assets.commands.project.instance import (
    forget_gone_partitions,
    open_instance,
    runs_broke_off,
    use_instance,
)
from lightly_assets.commands.project.progress import Progress
from lightly_assets.commands.shared import (
    DATABASE_PROBLEM,
    DEFAULT_CONFIG,
    FAILED,
    ConfigOption,
    JsonOption,
    counted,
    errors_for_people,
    is_quiet,
    old_names,
    open_project,
    print_json,
    say,
    shown_bytes,
    wrong_use,
)
from lightly_assets.commands.tables import show_facts
from lightly_assets.errors import BadValue

if TYPE_CHECKING:
    import dagster as dg

    from lightly_assets.config import Project
    from lightly_assets.pipeline.planning.embedding_setup import AnySetup
    from lightly_assets.pipeline.planning.plan import Plan
    from lightly_assets.pipeline.running.outcome import RunSummary
    from lightly_assets.pipeline.session import Session

_MOST_SHOWN = 20
INTERRUPTED = "The run was interrupted; what it had finished is kept, and the next run does the rest."

SelectOption = Annotated[
    list[str] | None,
    typer.Option("--select", help="Only this input (a key, or a glob such as 'front/**'); repeatable."),
]
TaskOption = Annotated[
    list[str] | None,
    typer.Option("--task", help="Only this task; repeatable.", autocompletion=tasks_of_project),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def run_command(
    config: ConfigOption = DEFAULT_CONFIG,
    select: SelectOption = None,
    task: TaskOption = None,
    dry_run: DryRunOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run again whenever the input has changed; Ctrl-C ends it.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=0.1, help="With --watch: seconds from one listing of the input to the next.")
    ] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Bring the predictions of all inputs up to date; what is up to date already costs nothing.

    With --watch and --json, one document a line for each run.
    """
    if watch:
        from lightly_assets.commands.project.watch import watch as watch_input

        if dry_run:
            wrong_use("--dry-run and --watch exclude each other; name one of them.", as_json=as_json)
        code = watch_input(config, select or (), tuple(task) if task else None, every, as_json=as_json)
        raise typer.Exit(code)
    hardly_collect_garbage()
    from lightly_assets.pipeline.running.outcome import RunSummary

    empty = RunSummary().to_json()
    project = open_project(config, as_json=as_json, document=empty)
    with errors_for_people(as_json=as_json, document=empty):
        done = run_project(
            project, select or (), tuple(task) if task else None, dry_run=dry_run, quiet=as_json
        )
    if as_json:
        print_json(done.document)
    else:
        done.show()
        with errors_for_people():
            done.tell()
    raise typer.Exit(0 if done.ok else FAILED)


class Done:
    """What a run did, for people and machines."""

    def __init__(self, project: "Project", summary: "RunSummary") -> None:
        self.project = project
        self.summary = summary
        self.seconds = 0.0
        self.checks: tuple[int, int] | None = None
        """Passed and all."""
        self.warnings: list[str] = []
        """What checks warn about; nothing was stopped by it."""
        self.planned: dict[str, Any] | None = None
        """What there would be to do, of a dry run."""
        self.paused: list[str] = []
        """Inputs that are left alone on purpose."""
        self.of_before = False
        """Whether the state was of a version that did not say its format."""

    @property
    def ok(self) -> bool:
        return self.summary.ok

    @property
    def document(self) -> dict[str, Any]:
        return self.summary.to_json() | ({"planned": self.planned} if self.planned is not None else {})

    def show(self) -> None:
        summary = self.summary
        if self.planned is not None:
            self._show_plan()
        elif not summary.updated and summary.ok:
            count = counted(summary.inputs, "input")
            if summary.inputs:
                say(f"All up to date: {count}, nothing to do ({self.seconds:.1f} s).")
            else:
                say(f"Nothing to do: there is no input in {self.project.root('input')}.")
            if summary.files_deleted:
                say(f"{counted(summary.files_deleted, 'orphaned prediction file')} deleted.")
        else:
            self._show_table()
        for warning in self.warnings[:_MOST_SHOWN]:
            say(f"Warning: {warning}")
        if len(self.warnings) > _MOST_SHOWN:
            say(f"… and {len(self.warnings) - _MOST_SHOWN} more warnings.")
        for text in summary.waiting:
            say(f"Waiting: {text}")
        # Inputs that collide fail with the same sentence, which names them all.
        failed = list(dict.fromkeys(failed["error"] for failed in summary.failed))
        for error in failed[:_MOST_SHOWN]:
            say(f"Failed: {error}", error=True)
        if len(failed) > _MOST_SHOWN:
            say(f"… and {len(failed) - _MOST_SHOWN} more.", error=True)

    def tell(self) -> None:
        """What stops nothing and should be known: once, and not again before it has changed."""
        from lightly_assets.storage import StorageError

        try:
            self._tell()
        except StorageError:
            # A run may have failed because it lost the store that remembers what was told: that was said.
            if self.ok:
                raise

    def _tell(self) -> None:
        from lightly_assets.pipeline.roots import Roots
        from lightly_assets.pipeline.watching.notices import notices, remember, untold

        state = Roots(self.project).state
        taken_over = state.url if self.of_before else ""
        there_are = notices(
            old_names(self.project), self.summary.skipped, self.paused, taken_over, self.project.tasks
        )
        for one in untold(state, there_are):
            say(one.text)
        if not is_quiet() and self.planned is None:
            remember(state, there_are)

    def _show_table(self) -> None:
        from lightly_assets.config.sections.embeddings import embeddings_words

        summary = self.summary
        rows = [
            ("inputs", _counts(summary)),
            ("frames", f"{summary.frames:,}"),
            *((f"predictions {task}", f"{count:,}") for task, count in sorted(summary.predictions.items())),
            *(
                (embeddings_words(name), f"{count:,} vectors")
                for name, count in sorted(summary.vectors.items())
            ),
            ("files", f"{summary.files_written:,} written, {summary.files_deleted:,} deleted"),
        ]
        if self.checks is not None:
            rows.append(("checks", f"{self.checks[0]} of {self.checks[1]} passed"))
        rows.append(("seconds", f"{self.seconds:.1f}"))
        rows.append(("folder", f"{self.project.root('lightly').rstrip('/')}/.lightly/predictions"))
        show_facts(rows)

    def _show_plan(self) -> None:
        planned = self.planned or {}
        for one in planned["inputs"][:_MOST_SHOWN]:
            frames = f"{one['frames']:,} frames" if one["frames"] is not None else "frames not known yet"
            say(f"{one['input']}: {frames}, {shown_bytes(one['bytes'])}; {', '.join(one['tasks'])}")
        if len(planned["inputs"]) > _MOST_SHOWN:
            say(f"… and {len(planned['inputs']) - _MOST_SHOWN} more.")
        say(
            f"{counted(len(planned['inputs']), 'input')} to do ({shown_bytes(planned['bytes'])}), "
            f"{self.summary.unchanged} up to date."
        )


def run_project(
    project: "Project",
    select: Collection[str] = (),
    tasks: tuple[str, ...] | None = None,
    *,
    dry_run: bool = False,
    quiet: bool = False,
    only: Collection[str] | None = None,
) -> Done:
    """Do what a project's state asks for. Dagster is not even imported where there is nothing to do.

    Of what is selected, ``only`` these inputs; None for all.

    Raises:
        BadValue: a selection or a task name fits nothing.
        ModelError: a model cannot be loaded.
        StorageError: a store is out of reach.
    """
    started = time.monotonic()
    found = _looked(project, select, tasks, only, dry_run=dry_run)
    if isinstance(found, Done):
        found.seconds = time.monotonic() - started
        return found
    done = _run_dagster(project, found.partitions, found.keys, tasks, found.setups, quiet=quiet)
    # The run itself knows only the partitions that had something to do.
    summary, seen = done.summary, found.summary
    summary.unchanged, summary.inputs, summary.skipped = seen.unchanged, seen.inputs, seen.skipped
    done.paused, done.of_before = found.told
    done.seconds = time.monotonic() - started
    return done


@dataclass(frozen=True)
class _Work:
    """What a look at a project has come to, where there is something to do."""

    partitions: list[str]
    keys: list[str] | None
    """The inputs that were selected; None for all."""
    setups: "list[AnySetup]"
    summary: "RunSummary"
    told: tuple[list[str], bool]
    """Inputs that are paused, and whether the state is one of before."""


def _looked(
    project: "Project",
    select: Collection[str],
    tasks: tuple[str, ...] | None,
    only: Collection[str] | None,
    *,
    dry_run: bool,
) -> "Done | _Work":
    """Look at a project, and do what needs no run; a run looks by itself, so that nothing of this is kept."""
    from lightly_assets.pipeline.running.outcome import RunSummary
    from lightly_assets.pipeline.session import Session

    with Session(project, tasks, some=bool(select) or only is not None) as session:
        keys = _selected(session, select, only)
        plan = session.plan(keys=keys)
        everything = len(session.scan.inputs) + len(session.scan.problems)
        summary = RunSummary(everything if keys is None else len(keys), unchanged=len(plan.unchanged))
        summary.skipped = dict(session.scan.skipped)
        summary.fail(plan.problems)
        summary.waiting += plan.waiting.values()
        summary.failed += [{"input": None, "task": task, "error": plan.waiting[task]} for task in plan.stuck]
        told = list(session.scan.paused), session.warehouse.of_before
        if dry_run:
            done = Done(project, summary)
            done.planned = _planned(session, plan)
            done.paused, done.of_before = told
            return done
        recovered = session.recovered(plan)
        whole = keys is None and tasks is None
        idle = not (plan.units or recovered or (whole and runs_broke_off(session)))
        if gone := session.gone_failures():
            forget_gone_partitions(session, gone, plan.waiting if idle else None)
        if idle:
            session.remember_plan(plan)
            for task, problem in session.finish().items():
                summary.failed.append({"input": None, "task": task, "error": problem})
            done = Done(project, summary)
            done.warnings = _left_behind(session, summary)
            done.paused, done.of_before = told
            return done
        partitions = _partitions(session, plan, recovered)
        return _Work(partitions, keys, [*session.all_setups.values()], summary, told)


def _left_behind(session: "Session", summary: "RunSummary") -> list[str]:
    """See to what inputs that are gone have left behind, where no run does; what is to be said about it."""
    from lightly_assets.pipeline.gc import collect_by_policy

    collected, kept = collect_by_policy(session)
    summary.files_deleted += len(collected.files)
    if kept:
        return [kept]
    left = sum(1 for task in session.setups for _ in session.gone_files(task))
    if not left:
        return []
    return [f"{counted(left, 'prediction file')} of inputs that are gone: 'lightly-assets gc' deletes them."]


def _counts(summary: "RunSummary") -> str:
    updated, failed = len(summary.updated), len(summary.failed)
    return f"{updated} updated, {summary.unchanged} up to date, {failed} failed"


def _selected(session: "Session", select: Collection[str], only: Collection[str] | None) -> list[str] | None:
    """The keys that a selection names; None for all."""
    if not select and only is None:
        return None
    from lightly_assets.pipeline.inputs.globs import glob_pattern

    scan = session.scan
    known = [*scan.inputs, *scan.problems]
    allowed = known if only is None else [key for key in known if key in only]
    if not select:
        return allowed
    found: dict[str, None] = {}
    for one in select:
        if one in scan.inputs or one in scan.problems:
            found[one] = None
            continue
        matching = [key for key in known if glob_pattern([one]).fullmatch(key)]
        if not matching:
            raise BadValue(
                f"No input is called '{one}' or fits it; {session.project.root('input')} has "
                f"{counted(len(known), 'input')}, and 'lightly-assets status' lists what is left out."
            )
        found |= dict.fromkeys(matching)
    return [key for key in found if only is None or key in only]


def _partitions(session: "Session", plan: "Plan", recovered: Collection[str]) -> list[str]:
    """The partitions with something to do or to say; those of recovered inputs are not failed any more."""
    from lightly_assets.graph.partitions import partition_of_key

    keys = dict.fromkeys([*plan.inputs, *plan.problems, *recovered])
    return list(dict.fromkeys(partition_of_key(key, session.scan) for key in keys))


def _planned(session: "Session", plan: "Plan") -> dict[str, Any]:
    known = {row.input: row.frames for row in session.warehouse.index.entries("")}
    inputs = []
    for unit in plan.units:
        for key, one in unit.inputs.items():
            tasks = [
                name for name, work in unit.tasks.items() if key in work.predict | work.encode | work.publish
            ]
            entry = {"input": key, "bytes": one.entry.size, "tasks": tasks}
            inputs.append(entry | {"frames": 1 if one.kind == "image" else known.get(key)})
    return {"inputs": inputs, "bytes": sum(one["bytes"] for one in inputs)}


def _run_dagster(
    project: "Project",
    partitions: list[str],
    keys: list[str] | None,
    tasks: tuple[str, ...] | None,
    setups: "Collection[AnySetup]",
    *,
    quiet: bool,
) -> Done:
    """One run of the chain in this process, on the project's instance."""
    use_instance(project)

    from lightly_assets.definitions import build_definitions
    from lightly_assets.graph.assets.chain import loaded, watcher
    from lightly_assets.graph.dagster_private import run_here
    from lightly_assets.graph.dead_runs import end_dead_runs, process_tags
    from lightly_assets.graph.keys import PLAIN
    from lightly_assets.graph.partitions import add_partitions
    from lightly_assets.graph.reporting.recording import recorded_together
    from lightly_assets.pipeline.roots import Roots

    definitions = build_definitions(project)
    job = definitions.resolve_job_def(PLAIN.predictions_job)
    chain: dict[str, Any] = {"partitions": partitions, "inputs": keys or [], "tasks": list(tasks or ())}
    run_config = {
        "ops": {PLAIN.chain: {"config": chain}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    _show_crashes()
    collect_garbage_as_usual()
    with open_instance() as instance, Progress(quiet=quiet) as progress:
        end_dead_runs(instance, Roots(project).state)
        add_partitions(instance, partitions)
        token, loaded_token = watcher.set(progress), loaded.set(setups)
        heard = _Heard()
        try:
            # Dagster's daemon cannot start it once more: that is up to whoever called.
            tags = {"lightly_assets/started_by": "command line", "dagster/max_retries": "0"}
            together = recorded_together(instance)
            all_tags = tags | process_tags()
            for event in run_here(job, instance, run_config=run_config, tags=all_tags, together=together):
                heard.take(event)
        finally:
            watcher.reset(token)
            loaded.reset(loaded_token)
        summary = progress.summary
        if summary is None:
            # The chain broke off, or could not do its work at all: its own words are the best there are.
            summary = progress.so_far
            summary.failed.append({"input": None, "task": None, "error": heard.failure})
        done = Done(project, summary)
        done.checks = heard.passed, heard.verdicts
        done.warnings = heard.warnings
    return done


def _show_crashes() -> None:
    """Say on standard error where a model's own code brought the process down.

    Dagster redirects standard error into its logs while a step works; a copy of it stays where people look.
    """
    if not faulthandler.is_enabled():
        faulthandler.enable(os.dup(2), all_threads=False)


class BugInRunError(RuntimeError):
    """What was raised in a run of Dagster, which keeps only its trace; nobody's data are to blame."""


class _Heard:
    """What the events of a run say."""

    def __init__(self) -> None:
        self.verdicts = self.passed = 0
        self.warnings: list[str] = []
        self.failure = "The run did not get to its end."

    def take(self, event: "dg.DagsterEvent") -> None:
        import dagster as dg

        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            verdict = event.asset_check_evaluation_data
            self.verdicts += 1
            self.passed += verdict.passed
            if not verdict.passed and verdict.severity == dg.AssetCheckSeverity.WARN:
                self.warnings.append(str(verdict.description))
        elif event.is_step_failure:
            self.failure = _failure(event) or self.failure


def _failure(event: "dg.DagsterEvent") -> str | None:
    error = event.step_failure_data.error
    if error is None:
        return None
    data = event.step_failure_data.user_failure_data
    if data and data.description:
        return str(data.description)
    while error.cause is not None:
        error = error.cause
    if error.cls_name == "DagsterExecutionInterruptedError":
        return INTERRUPTED
    text = error.message.strip()
    if error.cls_name == "OperationalError":
        return DATABASE_PROBLEM.format(text.partition(": ")[2])
    kind = getattr(builtins, error.cls_name or "", None)
    if str(error.cls_name).startswith("Dagster") or (kind and issubclass(kind, OSError | MemoryError)):
        return str(text)
    raise BugInRunError(f"The run ended by a bug of lightly-assets:\n{error.to_string()}")
