"""A tick of the sensor as the daemon has it done, on PostgreSQL, and the memory of whoever does the work.

``python -m benchmarks.graph.tick [--known 100000]``

The inputs are known from before; 10 are new in each tick. Memory is the most that a process has held: that of
the ticks, which is Dagster's code server, and that of a run of the command line with as many inputs, of which
10 are new, and that of Dagster's real daemon and its code server. Needs Debian's package postgresql.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import dagster as dg

from benchmarks.graph.daemon_memory import daemon_memory
from benchmarks.graph.incremental import PROGRAM, known, project_of
from lightly_assets.config import load_project
from lightly_assets.graph.keys import PLAIN
from lightly_assets.graph.sensors import tick
from lightly_assets.pipeline.watching.model_versions import ModelVersions
from tests.postgres.conftest import server, settings
from tests.projects import SmallProject, positions, write_video

_TURNS = 3
# A run, and what its process has held in the end.
RUN = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-c", *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)
"""


def ticks(small: SmallProject, instance: dg.DagsterInstance) -> tuple[float, float]:
    """Seconds until all records are taken over and the first inputs asked for, and of later ticks."""
    project, models, times = load_project(small.config), ModelVersions(), []
    tasks = tuple(one.name for one in project.tasks)
    cursor = None
    for turn in range(_TURNS + 1):
        for number in range(10):
            (small.input / f"new-{turn}-{number}.mp4").touch()
        start = time.perf_counter()
        while True:
            context = dg.build_sensor_context(instance, cursor, last_sensor_start_time=1.0)
            result = tick(context, project, tasks, models)
            cursor = result.cursor
            if turn or "the next look goes on" not in str(result.skip_reason):
                break
        for request in result.dynamic_partitions_requests or []:
            name, keys = request.partitions_def_name, request.partition_keys
            # As Dagster's daemon does it.
            new = [key for key in keys if not instance.has_dynamic_partition(name, key)]
            instance.add_dynamic_partitions(name, new)
        times.append(time.perf_counter() - start)
        assert result.run_requests, result.skip_reason
    return times[0], statistics.median(times[1:])


def megabytes() -> float:
    """The most that this process has held; Linux counts kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def run(small: SmallProject) -> float:
    """Megabytes of a run of the command line, with 10 new inputs."""
    for path in small.input.glob("new-*"):
        path.unlink()
    for number in range(10):
        write_video(small.input / f"fresh/{number}.mp4", positions(3))
    environment = {name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, PROGRAM, "run", "--json", "-c", str(small.config)],
        check=True, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--known", type=int, default=100_000)
    count = parser.parse_args().known
    with tempfile.TemporaryDirectory() as folder, server() as url:
        small = project_of(Path(folder) / "p", runs=9)
        other = get_context("spawn").Process(target=known, args=(small, count), kwargs={"files": True})
        other.start()  # its memory is not that of a tick
        other.join()
        assert other.exitcode == 0, f"the inputs were not made: {other.exitcode}"
        home = Path(folder) / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text(settings(url))
        os.environ["DAGSTER_HOME"] = str(home)
        with dg.DagsterInstance.get() as instance:
            for begin in range(0, count, 1000):
                numbers = range(begin, min(begin + 1000, count))
                keys = [f"{number // 1000:04d}/{number:07d}.mp4" for number in numbers]
                instance.add_dynamic_partitions(PLAIN.partitions, keys)
            first, others = ticks(small, instance)
        held = megabytes()
        of_run = run(small)
        daemon, code_server = daemon_memory(small)
    print(f"   until all records are taken over, and the first tick: {first:.1f} s", file=sys.stderr)
    print(f"{'':<52}{'measured':>10}{'at least':>12}{'aim':>8}")
    for what, value, least, aim in (
        (f"tick on PostgreSQL, {count:,} partitions, 10 new", f"{others:.2f} s", "≤ 5 s", "1 s"),
        (f"memory of a tick, {count:,} inputs", f"{held:.0f} MB", "≤ 500 MB", "250 MB"),
        (f"memory of a run, {count:,} inputs, 10 new", f"{of_run:.0f} MB", "≤ 500 MB", "250 MB"),
        (f"memory of the daemon, {count:,} inputs", f"{daemon:.0f} MB", "≤ 500 MB", "250 MB"),
        (f"memory of its code server, {count:,} inputs", f"{code_server:.0f} MB", "≤ 500 MB", "250 MB"),
    ):
        print(f"{what:<52}{value:>10}{least:>12}{aim:>8}")


if __name__ == "__main__":
    main()
