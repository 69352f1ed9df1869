"""What Dagster costs for each input: on SQLite, on a PostgreSQL server on loopback, in runs at once there.

``python -m benchmarks.graph.instance_cost [--batch 500] [--runs 4]``

One-frame videos, each a partition of its own, one task; the same work without Dagster is subtracted, the
start of the run's process is not. Needs Debian's package postgresql.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.graph.incremental import project_of, with_dagster, without_dagster
from lightly_assets.commands.project.instance import EVENT_LOG, SETTINGS
from tests.postgres.conftest import server, settings
from tests.postgres.test_runs import ONE_RUN
from tests.projects import SmallProject, positions, write_video


def inputs(small: SmallProject, count: int) -> list[str]:
    first = write_video(small.input / "0000.mp4", positions(1))
    for number in range(1, count):
        shutil.copy(first, small.input / f"{number:04d}.mp4")
    return [f"{number:04d}.mp4" for number in range(count)]


def cost(small: SmallProject, count: int, instance: str) -> float:
    """Seconds an input."""
    pairs = [(with_dagster(small, instance), without_dagster(small)) for _ in range(2)]
    return statistics.median(more - less for more, less in pairs) / count


def at_once(small: SmallProject, keys: list[str], runs: int, instance: str) -> float:
    """Seconds until all inputs are done by so many runs, each a process."""
    home = small.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "dagster.yaml").write_text(instance)
    start = time.perf_counter()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_RUN, str(small.folder), *keys[first::runs]],
            env=os.environ | {"DAGSTER_HOME": str(home)},
            stderr=subprocess.DEVNULL,
        )
        for first in range(runs)
    ]
    assert [one.wait() for one in processes] == [0] * runs
    seconds = time.perf_counter() - start
    for root in (small.lightly, small.state):
        shutil.rmtree(root)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=500, help="inputs of a run")
    parser.add_argument("--runs", type=int, default=2, help="at once")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        small = project_of(Path(folder) / "p", partitions=options.batch)
        keys = inputs(small, options.batch)
        ours = EVENT_LOG.replace("FOLDER", json.dumps(str(small.folder / "home/history/runs")))
        rows.append(("SQLite", cost(small, options.batch, SETTINGS + ours), "≤ 200 ms", "80 ms"))
        with server() as url:
            postgres = yaml.safe_dump(yaml.safe_load(SETTINGS) | yaml.safe_load(settings(url)))
            rows.append(("PostgreSQL", cost(small, options.batch, postgres), "≤ 60 ms", "30 ms"))
            one, many = (at_once(small, keys, runs, postgres) for runs in (1, options.runs))
    print(f"{'':<52}{'measured':>10}{'at least':>12}{'aim':>8}")
    for name, seconds, least, aim in rows:
        what = f"Dagster's cost per input, {options.batch} in a run, {name}"
        print(f"{what:<52}{f'{seconds * 1000:.0f} ms':>10}{least:>12}{aim:>8}")
    print(f"{f'PostgreSQL, {options.runs} runs at once : one run':<52}{f'{one / many:.2f}×':>10}")


if __name__ == "__main__":
    main()
