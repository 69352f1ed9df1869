"""What workers bring, and what they cost, beside a run of one process.

``python -m benchmarks.pipeline.engines [--clips 1000] [--videos 24] [--ms 40] [--ray]``. Rows:

1. two workers of one core against one, with a model that keeps a core busy for ``--ms`` a frame: from the
   moment that all workers are ready to the last outcome
2. clips of one second (10 frames) and a model that costs nothing: the whole run against that of one process

``--ray`` does the same on a Ray cluster of two nodes on loopback as well: with the Python of ``.venv-ray``,
which ``make test-ray`` makes.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
from tests.projects import SmallProject, positions, task, write_video

BUSY = """
import time

import square_model


def find(images):
    until = time.thread_time() + {seconds} * len(images)
    while time.thread_time() < until:
        pass
    return square_model.boxes and [[] for _ in images]
"""


def run(small: SmallProject, engine: dict[str, Any]) -> tuple[float, float]:
    """Everything, from nothing: seconds in all, and since the last worker was ready."""
    for folder in (small.lightly, small.state):
        shutil.rmtree(folder, ignore_errors=True)
    small.write(engine=engine)
    started = ready = time.perf_counter()

    def note(_: int, text: str) -> None:
        nonlocal ready
        if text.endswith("is ready."):
            ready = time.perf_counter()

    with Session(load_project(small.config)) as session:
        plan = session.plan()
        failed = [outcome.problems() for outcome in session.run(plan, on_note=note) if outcome.problems()]
        assert not failed and plan.units, failed
    ended = time.perf_counter()
    return ended - started, ended - ready


def project(folder: Path, count: int, frames: int, seconds: float) -> SmallProject:
    """A project of so many videos, all alike."""
    small = SmallProject(folder)
    (small.folder / "busy_model.py").write_text(BUSY.format(seconds=seconds))
    small.write(tasks=[task("squares", "busy_model:find")])
    first = write_video(small.input / "0000.mp4", positions(frames))
    for number in range(1, count):
        shutil.copy(first, small.input / f"{number:04}.mp4")
    return small


@contextmanager
def engines(*, on_ray: bool) -> Iterator[dict[str, dict[str, Any]]]:
    """By name, each with two workers."""
    found: dict[str, dict[str, Any]] = {"local": {"kind": "local"}}
    if not on_ray:
        yield found
        return
    from tests.ray_cluster.cluster import Cluster

    cluster = Cluster()
    try:
        for host in ("127.0.0.3", "127.0.0.4"):
            cluster.add(host)
        yield found | {"ray": {"kind": "ray", "address": cluster.address, "shared": True}}
    finally:
        cluster.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=1000, help="of one second")
    parser.add_argument("--videos", type=int, default=24, help="for the busy model, of 30 frames")
    parser.add_argument("--ms", type=float, default=40.0, help="of a core for a frame")
    parser.add_argument("--ray", action="store_true", help="on a Ray cluster as well")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, engines(on_ray=asked.ray) as kinds:
        busy = project(Path(folder) / "busy", asked.videos, 30, asked.ms / 1000)
        clips = project(Path(folder) / "clips", asked.clips, 10, 0.0)
        for name, engine in kinds.items():
            two = run(busy, engine | {"workers": 2})[1]
            one = run(busy, engine | {"workers": 1})
            # A run of one process has nobody to wait for.
            alone = one[0] if name == "local" else one[1]
            print(
                f"{name}: one worker {alone:.1f} s, two {two:.1f} s: {alone / two:.2f} times as fast",
                flush=True,
            )
        here = run(clips, {"kind": "local"})[0]
        print(f"{asked.clips} clips, one process: {here:.1f} s", flush=True)
        for name, engine in kinds.items():
            there, working = run(clips, engine | {"workers": 2})
            print(
                f"{asked.clips} clips, {name} with two workers: {there:.1f} s, "
                f"{there / here:.2f} times as long; {working:.1f} s, {working / here:.2f} times, "
                "once the workers were ready",
                flush=True,
            )


if __name__ == "__main__":
    main()
