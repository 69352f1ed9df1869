"""Runs of small projects, and what they leave."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
from tests.projects import SmallProject, read_folder
from tests.ray_cluster.cluster import Cluster

_PROGRAM = """
import sys
from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
with Session(load_project(sys.argv[1])) as session:
    for outcome in session.run(session.plan(), on_note=lambda _, text: print(text, flush=True)):
        print("done", outcome.unit, flush=True)
    session.finish()
"""


def on(cluster: Cluster, **settings: Any) -> dict[str, Any]:
    """``engine:`` for a cluster; all roots of these tests lie on the disk of this machine."""
    return {"kind": "ray", "address": cluster.address, "shared": True} | settings


def run(small: SmallProject, notes: list[str] | None = None) -> dict[str, str]:
    """Bring a project up to date; what failed."""
    said = [] if notes is None else notes
    failed = {}
    with Session(load_project(small.config)) as session:
        for outcome in session.run(session.plan(), on_note=lambda _, text: said.append(text)):
            for key, by_task in outcome.problems().items():
                failed[key] = next(iter(by_task.values()))
        assert session.finish() == {}
    return failed


@contextmanager
def begun(small: SmallProject, *, ready: int = 0) -> "Iterator[subprocess.Popen[str]]":
    """The same in a process of its own, which says line by line what is done; from when workers are ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(small.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for _ in range(ready):
            heard(process, "is ready.")
        yield process
    finally:
        process.kill()
        process.wait()


def heard(process: "subprocess.Popen[str]", word: str) -> list[str]:
    """What it says up to the first line with a word."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if word in line:
            return lines
    raise AssertionError(f"it ended without '{word}': {lines}")


def everything(small: SmallProject) -> dict[str, bytes]:
    """All that is published and stored."""
    state = {name: data for name, data in read_folder(small.state).items() if ".sqlite" not in name}
    return small.files() | {f"state/{name}": data for name, data in state.items()}
