"""What workers bring, and what they cost, beside a run of one process.

``python -m benchmarks.pipeline.engines [--clips 1000] [--videos 24] [--ms 40] [--rounds 3] [--ray]``. Rows:

1. two workers of one core against one, with a model that keeps a core busy for ``--ms`` a frame: from the
   moment that all workers are ready to the last outcome
2. clips of one second (10 frames) and a model that costs nothing: the whole run against that of one process,
   by the clock, and in seconds of processor time of all processes of the run and of the cluster, which others
   on the machine disturb less

Runs that are compared alternate; the median of ``--rounds`` counts. ``--ray`` does the same on a Ray cluster
of two nodes on loopback as well: with the Python of ``.venv-ray``, which ``make test-ray`` makes.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Taken:
    """Of a run: seconds in all, since the last worker was ready, and of processor time."""

    wall: float
    working: float
    cpu: float


def cpu(roots: Collection[int] = ()) -> float:
    """Seconds of processor time of this process, of some others and of all below them."""
    ticks: dict[int, float] = {}
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
                ticks[int(entry.name)] = sum(map(int, fields[11:15]))
    found, last = {os.getpid(), *roots} & ticks.keys(), 0
    while len(found) != last:
        last = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return sum(ticks[pid] for pid in found) / os.sysconf("SC_CLK_TCK")


def run(small: SmallProject, engine: dict[str, Any], cluster: Collection[int] = ()) -> Taken:
    """Everything, from nothing; ``cluster`` are processes that work for it beside its own."""
    for folder in (small.lightly, small.state):
        shutil.rmtree(folder, ignore_errors=True)
    small.write(engine=engine)
    began = cpu(cluster)
    started = ready = time.perf_counter()

    def note(_: int, text: str) -> None:
        nonlocal ready
        if text.endswith("is ready."):
            ready = time.perf_counter()

    with Session(load_project(small.config)) as session:
        plan = session.plan()
        for number, outcome in enumerate(session.run(plan, on_note=note), 1):
            assert not outcome.problems()
            if number == len(plan.units):
                spent = cpu(cluster) - began  # of Ray's actors nobody knows once they have ended
    ended = time.perf_counter()
    return Taken(ended - started, ended - ready, spent)


def alternated(
    small: SmallProject, kinds: dict[str, dict[str, Any]], rounds: int, cluster: Collection[int]
) -> dict[str, Taken]:
    """Medians of runs with several engines, which take turns, after one of each that does not count."""
    taken: dict[str, list[Taken]] = {name: [] for name in kinds}
    for number in range(rounds + 1):
        for name, engine in kinds.items():
            found = run(small, engine, cluster if engine["kind"] == "ray" else ())
            if number:
                taken[name].append(found)
    return {
        name: Taken(*(statistics.median(getattr(one, what) for one in some) for what in Taken.__slots__))
        for name, some in taken.items()
    }


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
def engines(*, on_ray: bool) -> Iterator[tuple[dict[str, dict[str, Any]], list[int]]]:
    """By name, and the processes of the cluster."""
    found: dict[str, dict[str, Any]] = {"local": {"kind": "local"}}
    if not on_ray:
        yield found, []
        return
    from tests.ray_cluster.cluster import Cluster

    cluster = Cluster()
    try:
        for host in ("127.0.0.3", "127.0.0.4"):
            cluster.add(host)
        yield found | {"ray": {"kind": "ray", "address": cluster.address, "shared": True}}, cluster.pids()
    finally:
        cluster.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=1000, help="of one second")
    parser.add_argument("--videos", type=int, default=24, help="for the busy model, of 30 frames")
    parser.add_argument("--ms", type=float, default=40.0, help="of a core for a frame")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ray", action="store_true", help="on a Ray cluster as well")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, engines(on_ray=asked.ray) as (kinds, cluster):
        if asked.videos:
            busy = project(Path(folder) / "busy", asked.videos, 30, asked.ms / 1000)
            for name, engine in kinds.items():
                two_and_one = {f"{count}": engine | {"workers": count} for count in (2, 1)}
                found = alternated(busy, two_and_one, asked.rounds, cluster)
                # A run of one process has nobody to wait for.
                alone = found["1"].wall if name == "local" else found["1"].working
                two = found["2"].working
                print(
                    f"{name}: one worker {alone:.1f} s, two {two:.1f} s: {alone / two:.2f} times as fast",
                    flush=True,
                )
        if asked.clips:
            clips = project(Path(folder) / "clips", asked.clips, 10, 0.0)
            pairs = {name: engine | {"workers": 2} for name, engine in kinds.items()}
            found = alternated(clips, {"here": {"kind": "local"}} | pairs, asked.rounds, cluster)
            here = found.pop("here")
            print(f"{asked.clips} clips, one process: {here.wall:.1f} s, {here.cpu:.1f} s of CPU")
            for name, one in found.items():
                print(
                    f"{asked.clips} clips, {name} with two workers: {one.wall:.1f} s, "
                    f"{one.wall / here.wall:.2f} times as long; {one.working:.1f} s, "
                    f"{one.working / here.wall:.2f} times, once the workers were ready; "
                    f"{one.cpu:.1f} s of CPU, {one.cpu / here.cpu:.2f} times",
                    flush=True,
                )


if __name__ == "__main__":
    main()
