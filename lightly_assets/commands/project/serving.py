"""Dagster's web server and daemon, side by side, until one ends or somebody ends both.

This module is also a program that outlives the one that serves, and only for this: the end of a pipe tells it
that nobody is there any more, whatever killed them, and it ends what is left.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

MODULE = "lightly_assets.definitions"

_SECONDS = 20.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Ended(BaseException):
    """Somebody wants it to end."""


def programs(host: str, port: int) -> list[list[str]]:
    """The two command lines. Raises FileNotFoundError: a program is not installed."""
    return [
        [_beside_us("dagster-webserver"), "-m", MODULE, "-h", host, "-p", str(port)],
        [_beside_us("dagster-daemon"), "run", "-m", MODULE],
    ]


def _beside_us(name: str) -> str:
    """A program of this interpreter's environment, also where that is not on PATH."""
    path = Path(sys.executable).with_name(name)
    if not path.is_file():
        raise FileNotFoundError(name)
    return str(path)


def serve(commands: Sequence[Sequence[str]], folder: Path) -> int:
    """Run programs until a signal comes, or one of them ends; then all are ended. What to exit with."""
    with _heir() as bequeath:
        running: list[subprocess.Popen[bytes]] = []
        try:
            with _signals_end_it():
                for command in commands:
                    # A group of its own: Ctrl+C reaches it through us, and once.
                    running.append(subprocess.Popen(command, cwd=folder, process_group=0))  # noqa: S603 - no shell
                    bequeath(running[-1].pid)
                while True:
                    for one in running:
                        if one.poll() is not None:
                            return one.returncode or 1
                    time.sleep(0.2)
        except _Ended:
            return 0
        finally:
            _end(running)


@contextmanager
def _signals_end_it() -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise _Ended

    before = {one: signal.signal(one, end) for one in _SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def _heir() -> Iterator[Callable[[int], None]]:
    """Who ends the programs that it is told of, should we be killed before we have done it."""
    program = [sys.executable, "-I", "-S", __file__, str(_SECONDS)]
    # A session of its own: what ends all of a terminal does not end it.
    with subprocess.Popen(program, stdin=subprocess.PIPE, start_new_session=True) as heir:  # noqa: S603 - no shell
        pipe = heir.stdin
        assert pipe is not None

        def bequeath(leader: int) -> None:
            pipe.write(b"%d\n" % leader)
            pipe.flush()

        try:
            yield bequeath
        finally:
            heir.kill()  # before the pipe is closed


def inherit(pipe: IO[bytes], seconds: float) -> None:
    """Waits until nobody holds the pipe's other end, and ends the programs whose numbers came through."""
    leaders = [int(line) for line in pipe]
    for leader in leaders:
        with suppress(ProcessLookupError):
            os.kill(leader, signal.SIGINT)
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(map(_is_there, leaders)):
        time.sleep(0.2)
    for leader in leaders:
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)


def _is_there(group: int) -> bool:
    """Whether a program is there, or one that it has started."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """As Ctrl+C does; who does not follow in time, or before it comes once more, is killed."""
    for one in running:
        with suppress(ProcessLookupError):
            one.send_signal(signal.SIGINT)
    until = time.monotonic() + _SECONDS
    for one in running:
        try:
            one.wait(max(0.0, until - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            one.kill()
            one.wait()


if __name__ == "__main__":
    inherit(sys.stdin.buffer, float(sys.argv[1]))
