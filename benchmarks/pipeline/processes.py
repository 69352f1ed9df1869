"""Whole runs as users start them: how long they take, their CPU seconds, and how busy the cores were."""

import compileall
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CORES = len(os.sched_getaffinity(0))
# A run notes where it stands at its first decoded frame and behind its last file. The decoder is a child.
_WATCHED = """
import json, os, resource, sys, time

def cpu():
    own = resource.getrusage(resource.RUSAGE_SELF)
    total, ticks = own.ru_utime + own.ru_stime, os.sysconf("SC_CLK_TCK")
    gone = resource.getrusage(resource.RUSAGE_CHILDREN)
    total += gone.ru_utime + gone.ru_stime
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = open(f"/proc/{name}/stat").read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid():
                total += (int(fields[11]) + int(fields[12])) / ticks
    return total

from lightly_assets.pipeline.inputs import pixels
from lightly_assets.pipeline.session import Session

seen = []
events, finish = pixels.PixelReader.__iter__, Session.finish

def watched(self):
    for event in events(self):
        if not seen:
            seen.append((time.perf_counter(), cpu()))
        yield event

def finished(self, *given):
    found = finish(self, *given)
    seen.append((time.perf_counter(), cpu()))
    return found

pixels.PixelReader.__iter__, Session.finish = watched, finished
from lightly_assets.cli import main
sys.argv = ["lightly-assets", "run", "--json", "-c", sys.argv[1]]
try:
    main()
finally:
    print(json.dumps([seen[0], seen[-1]]), file=sys.stderr)
"""
_PLAIN = """
import sys
from lightly_assets.cli import main
sys.argv = ["lightly-assets", "run", "--json", "-c", sys.argv[1]]
main()
"""


@dataclass(frozen=True)
class Taken:
    """What a process took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system, of its children, too."""
    busy: float | None = None
    """CPU seconds of the cores' time, from the first decoded frame to the last file."""


def took(command: list[str], **environment: str) -> tuple[Taken, str, str]:
    """Run a program; what it took, and what it printed and complained of.

    Raises:
        SystemExit: it failed.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command[:2]} failed: {done.stdout[-500:]} {done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(wall, cpu), done.stdout, done.stderr


def run_anew(project: Path, *, checkout: Path | None = None, watched: bool = False) -> Taken:
    """``lightly-assets run`` of a project in which nothing was done yet, by a checkout of any version."""
    for name in ("lightly", "state"):
        shutil.rmtree(project / name, ignore_errors=True)
    package = checkout or Path(__file__).parents[2]
    compileall.compile_dir(str(package / "lightly_assets"), quiet=1)
    environment = {"PYTHONPATH": str(package.absolute())}
    script = _WATCHED if watched else _PLAIN
    # -P: the folder that this was started in is no place to import from.
    taken, out, err = took([sys.executable, "-P", "-c", script, str(project)], **environment)
    document: dict[str, Any] = json.loads(out)
    if not document["ok"] or document["failed"]:
        raise SystemExit(out)
    if not watched:
        return taken
    (begin, cpu_before), (end, cpu_after) = json.loads(err.splitlines()[-1])
    return Taken(taken.wall, taken.cpu, (cpu_after - cpu_before) / ((end - begin) * CORES))


def row(text: str, measured: float, least: str, aim: str) -> None:
    """A line of the table."""
    print(f"{text:74}{measured:9.2f}{least:>9}{aim:>7}")


def head() -> None:
    """The first line of the table."""
    print(f"{'':74}{'measured':>9}{'at least':>9}{'aim':>7}")
