"""Dagster's web server and daemon, side by side, until one ends or somebody ends both."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

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
    running: list[subprocess.Popen[bytes]] = []
    try:
        with _signals_end_it():
            for command in commands:
                # A group of its own: Ctrl+C reaches it through us, and once.
                running.append(subprocess.Popen(command, cwd=folder, process_group=0))  # noqa: S603 - no shell
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
