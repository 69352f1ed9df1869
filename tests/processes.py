"""Processes for tests, forked from one that has loaded everything and used nothing: they begin at once.

What starting costs, two seconds of imports each time, is nothing that most tests are about. Those that are
start Python anew. (Forks of a process that has used object storage cannot use it: that one never has.)
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("lightly-assets")

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.preloaded"])


def environment(**more: str) -> dict[str, str]:
    """Of this process, without an instance of Dagster that somebody has named."""
    return {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"} | more


class Forked:
    """A process that calls a function in some folder and environment; talked to as to one of subprocess."""

    def __init__(
        self, folder: Path, env: Mapping[str, str], function: Callable[..., object], *arguments: object
    ) -> None:
        self._said = tempfile.TemporaryDirectory()
        self._process = processes.Process(
            target=_run, args=(str(folder), dict(env), self._said.name, function, arguments)
        )
        self._process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def communicate(self, timeout: float | None = 120) -> tuple[str, str]:
        """What it has written to standard output and standard error, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not ended.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("forked", timeout or 0)
        with self._said:
            out, err = (Path(self._said.name, name).read_text() for name in ("out", "err"))
        return out, err

    def kill(self) -> None:
        self._process.kill()


def _run(
    folder: str,
    env: dict[str, str],
    said: str,
    function: Callable[..., object],
    arguments: tuple[object, ...],
) -> None:
    for stream, name in ((1, "out"), (2, "err")):
        file = os.open(Path(said, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, stream)
        os.close(file)
    run_in(folder, env, function, *arguments)


def run_in(folder: str, env: Mapping[str, str], function: Callable[..., object], *arguments: object) -> None:
    """Call a function in a process that is there for nothing else, and end as Python does."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    try:
        function(*arguments)
    finally:
        atexit._run_exitfuncs()


def begin(folder: Path, *words: str | Path, env: Mapping[str, str] | None = None) -> Forked:
    """``lightly-assets`` in a folder, with :func:`environment` unless another one is given."""
    return Forked(folder, environment() if env is None else env, program, *map(str, words))


def call(
    folder: Path, *words: str | Path, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """What comes of ``lightly-assets`` in a folder."""
    begun = begin(folder, *words, env=env)
    out, err = begun.communicate()
    assert begun.returncode is not None
    return subprocess.CompletedProcess(words, begun.returncode, out, err)


def program(*words: str) -> None:
    """What the installed program does."""
    sys.argv = [str(PROGRAM), *words]
    from lightly_assets.cli import main

    main()
