"""``lightly-assets run --watch``: runs again whenever the input, the project file or a model has changed."""

import json
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from lightly_assets.commands.shared import FAILED, OK, counted, open_project, say
from lightly_assets.errors import LightlyAssetsError

if TYPE_CHECKING:
    from lightly_assets.commands.project.run import Done
    from lightly_assets.config import Project

# Where nothing works, such as a store that is away: as long as this between two tries at most.
_LONGEST_WAIT_SECONDS = 300.0


class Changes:
    """What has changed from one listing of the input to the next, as far as files are complete.

    A file is complete as the sensor takes it: old enough, the same in two listings, or in object storage.
    """

    def __init__(self) -> None:
        self._before: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._settings: object = None
        self.stable: dict[str, str] = {}
        """Key → fingerprint, of the last listing."""
        self._here: dict[str, str] = {}

    def look(self, project: "Project", now: float) -> bool:
        """List the input; whether there is something that no run has seen.

        Raises:
            StorageError: the input is out of reach.
        """
        settings = tuple(_settings_files(project))
        if settings != self._settings:
            self._taken, self._failed, self._settings = {}, {}, settings
        self._before, self._here, self.stable = self._here, {}, {}
        for key, fingerprint, modified in _listing(project):
            self._here[key] = fingerprint
            old = now - modified >= project.sensor.trusted_age_seconds
            if old or fingerprint.startswith("etag:") or self._before.get(key) == fingerprint:
                self.stable[key] = fingerprint
        changed = any(self._taken.get(key) != fingerprint for key, fingerprint in self.stable.items())
        return changed or any(key not in self._here for key in self._taken) or not self._taken

    def only(self) -> Collection[str] | None:
        """The inputs that a run may work on; None for all."""
        wanted = {key for key, found in self.stable.items() if self._failed.get(key) != found}
        return None if len(wanted) == len(self._here) else wanted

    def waiting(self) -> int:
        """Files that are perhaps still being written."""
        return len(self._here) - len(self.stable)

    def take(self, failed: Collection[str]) -> None:
        """A run has seen all that is complete; what has failed waits for another content or settings."""
        self._taken = dict(self.stable)
        self._failed |= {key: self.stable[key] for key in failed if key in self.stable}


def watch(
    config: Path,
    select: Collection[str],
    tasks: tuple[str, ...] | None,
    every: float,
    *,
    as_json: bool,
) -> int:
    """Runs until somebody presses Ctrl-C; the exit code."""
    try:
        with _noted_interrupt() as pressed:
            if _watch_until(pressed, config, select, tasks, every, as_json=as_json):
                return FAILED
    except KeyboardInterrupt:
        pass
    say("Stopped.", error=True)
    return OK


def _watch_until(
    pressed: Collection[int],
    config: Path,
    select: Collection[str],
    tasks: tuple[str, ...] | None,
    every: float,
    *,
    as_json: bool,
) -> bool:
    """Looks and runs until there is something in ``pressed``. Returns whether a run was interrupted."""
    changes, told, tries = Changes(), "", 0
    while not pressed:
        try:
            ended = _look_and_run(changes, config, select, tasks, every, as_json=as_json, first=not told)
            told, tries = "watching", 0
        except LightlyAssetsError as error:
            # Perhaps a store that is away, or a file that is being edited: it is told once.
            if str(error) != told:
                say(f"Error: {error}", error=True)
            told, tries, ended = str(error), tries + 1, False
        if ended:
            return True
        time.sleep(min(every * 2 ** min(tries, 10), max(_LONGEST_WAIT_SECONDS, every)))
    return False


@contextmanager
def _noted_interrupt() -> Iterator[Collection[int]]:
    """Ctrl-C raises as always, and is noted: Python drops what is raised while it cleans up objects."""
    pressed: list[int] = []

    def note(number: int, _: object) -> NoReturn:
        pressed.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _look_and_run(
    changes: Changes,
    config: Path,
    select: Collection[str],
    tasks: tuple[str, ...] | None,
    every: float,
    *,
    as_json: bool,
    first: bool,
) -> bool:
    """One look, and a run where there is something to do. Returns whether somebody has pressed Ctrl-C."""
    from lightly_assets.commands.project.run import INTERRUPTED, run_project
    from lightly_assets.config import load_project

    project = open_project(config, as_json=as_json) if first else load_project(config)
    if first and not as_json:
        say(f"Watching {project.root('input')}, every {every:g} s; Ctrl-C ends it.")
    if not changes.look(project, time.time()):
        return False
    only = changes.only()
    if only is not None and not only and changes.waiting():
        return False
    done = run_project(project, select, tasks, quiet=as_json, only=only)
    changes.take([one["input"] for one in done.summary.failed if one["input"]])
    _show(done, changes.waiting(), as_json=as_json)
    return any(one["error"] == INTERRUPTED for one in done.summary.failed)


def _show(done: "Done", waiting: int, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(done.document, ensure_ascii=False))
        return
    say(time.strftime("%Y-%m-%d %H:%M:%S"))
    done.show()
    done.tell()
    if waiting:
        say(f"Waiting: {counted(waiting, 'file')} perhaps still being written.")


def _listing(project: "Project") -> Iterator[tuple[str, str, float]]:
    """Key, fingerprint and time of change of each input."""
    from lightly_assets.format.names.suffixes import input_kind
    from lightly_assets.pipeline.inputs.globs import Globs
    from lightly_assets.storage import open_store

    store = open_store(project.root("input"), options=project.storage_of("input"))
    selected = Globs(project.include, project.exclude)
    for entry in store.list(skip=project.own_folders):
        if input_kind(entry.key) is not None and selected.admit(entry.key):
            yield entry.key, entry.fingerprint, entry.modified.timestamp()


def _settings_files(project: "Project") -> Iterator[tuple[str, int, int]]:
    """The project file and the files of its models: name, size, time of change."""
    named = [getattr(task.model, "path", None) for task in project.tasks]
    for name in [project.path, *named]:
        path = None if name is None else Path(project.base_dir) / name
        if path is not None and path.is_file():
            status = path.stat()
            yield str(path), status.st_size, status.st_mtime_ns
