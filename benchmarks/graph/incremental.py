"""What it costs to know that nothing, or little, is to be done, and what Dagster costs where something is.

``python -m benchmarks.graph.incremental [--rows 2,3] [--known N] [--batch N] [--clips N] [--keys N]
[--idle N]``. Rows:

1. clips that the daemon sees, queues and has done by processes of their own, against the same work without
   Dagster; with Dagster's webserver beside it
2. Dagster's own cost per input, in one run over a batch
3. a tick of the sensor with many known inputs and 10 new ones
4. ticks over a large bucket, which is played by a listing that answers 1,000 keys in 60 ms as S3 does
5. ``run`` where nothing is to be done
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
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from lightly_assets.commands.project.instance import SETTINGS
from lightly_assets.config import Project, load_project
from lightly_assets.format.names.paths import file_keys
from lightly_assets.graph.partitions import partition_of
from lightly_assets.pipeline.planning.task_setup import decode_version
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state.records import (
    InputRecord,
    Record,
    predictions_version,
    record_key,
    version,
)
from lightly_assets.pipeline.watching.look import Look, Watch
from lightly_assets.pipeline.watching.seen_inputs import Versions
from lightly_assets.storage import Entry
from tests.day.conftest import Dagster
from tests.projects import SmallProject, positions, write_video

Row = tuple[str, str, str, str]
PROGRAM = "from lightly_assets.cli import main; main()"
_INPUTS_TAG = "lightly_assets/inputs"
_PER_REQUEST, _REQUEST_SECONDS = 1000, 0.06


def project_of(folder: Path, **settings: Any) -> SmallProject:
    small = SmallProject(folder)
    small.write(sensor={"trusted_age_seconds": 0} | settings)
    return small


def known(small: SmallProject, count: int, *, files: bool) -> None:
    """Inputs with records as a run would have left them, without the run: those of one, by other names."""
    keys = [f"{number // 1000:04d}/{number:07d}.mp4" for number in range(count)]
    _write_all(small.input, dict.fromkeys(keys, b""))
    project = load_project(small.config)
    with Session(project) as session:
        setup = session.setups["squares"]
        decode = decode_version(project, "video")
        first = session.warehouse.input.stat(keys[0])
        assert first is not None
        plain = InputRecord(first.fingerprint, decode, 1, 96, 64)
        made_from = predictions_version(plain.fingerprint, decode, setup.model_version)
        done = replace(
            plain,
            model=setup.model_version,
            settings=setup.settings_hash,
            singletons_from=made_from,
            published_from=version(made_from, setup.settings_hash),
            schema=setup.schema.hash(),
            published_frames=1,
            hashes=("0" * 32,),
        )
        for task, record in (("", plain), ("squares", done)):
            of_first = Record(task, keys[0], {keys[0]: record}).to_bytes()
            _write_all(
                small.state,
                {record_key(task, key): of_first.replace(keys[0].encode(), key.encode()) for key in keys},
            )
        if files:
            names = (name for key in keys for name in file_keys("squares", key, 1))
            _write_all(small.lightly, dict.fromkeys(names, b""))
            session.warehouse.listing.publish("squares", setup.schema)


def _write_all(root: Path, files: Mapping[str, bytes]) -> None:
    """All of one moment, so that files of one size have one fingerprint."""
    there, moment = set(), time.time_ns()
    for name, data in files.items():
        path = f"{root}/{name}"
        folder = path.rpartition("/")[0]
        if folder not in there:
            Path(folder).mkdir(parents=True, exist_ok=True)
            there.add(folder)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(file, data)
            os.utime(file, ns=(moment, moment))
        finally:
            os.close(file)


def versions_of(project: Project) -> dict[str, Versions]:
    with Session(project) as session:
        return {
            name: Versions(one.model_version, one.settings_hash, one.schema.hash())
            for name, one in session.setups.items()
        }


def timed_look(project: Project, cursor: str, versions: dict[str, Versions]) -> tuple[float, Look]:
    start = time.perf_counter()
    with Watch(project, partition_of) as watch:
        look = watch.look(cursor, versions, lambda _: "ended")
    return time.perf_counter() - start, look


def sensor_tick(count: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        small = project_of(Path(folder) / "p")
        known(small, count, files=False)
        project = load_project(small.config)
        versions = versions_of(project)
        first, _ = timed_look(project, "", versions)
        times = []
        for turn in range(3):
            for number in range(10):
                (small.input / f"new-{turn}-{number}.mp4").touch()
            seconds, look = timed_look(project, "", versions)
            assert look.changes.new == 10 and sum(len(one.inputs) for one in look.requests) >= 10
            times.append(seconds)
        seconds = statistics.median(times)
        print(f"   the first tick, which takes over all records: {first:.1f} s", file=sys.stderr)
    return f"sensor tick, {count:,} known, 10 new", f"{seconds:.2f} s", "≤ 5 s", "1 s"


class Bucket:
    """A bucket that only lists; keys come in order, a thousand for each request."""

    url = "s3://played"

    def __init__(self, count: int) -> None:
        self.count = count
        self.modified = datetime(2026, 1, 1, tzinfo=UTC)

    def list(self, _: str = "", *, after: str | None = None, **__: Any) -> Iterator[Entry]:
        start = 0 if after is None else int(after.removesuffix(".mp4")) + 1
        numbers = iter(range(start, self.count))
        while page := list(islice(numbers, _PER_REQUEST)):
            time.sleep(_REQUEST_SECONDS)
            for number in page:
                yield Entry(f"{number:09d}.mp4", 1 << 20, f"etag:{number:032x}", self.modified)


def large_bucket(count: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        small = project_of(Path(folder) / "p")
        project = load_project(small.config)
        versions = versions_of(project)
        times: list[float] = []
        for _ in range(2):  # all new, then all known
            cursor, ticks = "", 0
            while True:
                start = time.perf_counter()
                with Watch(project, partition_of) as watch:
                    watch.input = Bucket(count)  # type: ignore[assignment]
                    look = watch.look(cursor, versions, lambda _: "open")
                times.append(time.perf_counter() - start)
                cursor, ticks = look.cursor, ticks + 1
                if not cursor:
                    break
            print(f"   {look.inputs:,} keys in {ticks} ticks of at most {max(times):.1f} s", file=sys.stderr)
    return f"{count:,} keys in a bucket, the longest tick", f"{max(times):.1f} s", "≤ 60 s", ""


def nothing_to_do(count: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        small = project_of(Path(folder) / "p")
        known(small, count, files=True)
        times = []
        for _ in range(4):
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, "run", "--json", "-c", str(small.config)],
                capture_output=True,
                text=True,
                check=True,
            )
            times.append(time.perf_counter() - start)
            assert json.loads(done.stdout)["unchanged"] == count
        seconds = statistics.median(times[1:])
        print(f"   the first run, which takes over all records: {times[0]:.1f} s", file=sys.stderr)
    return f"nothing to do, {count:,} inputs", f"{seconds:.2f} s", "≤ 10 s", "2 s"


def without_dagster(small: SmallProject) -> float:
    """All work of a project, and the state as it was before."""
    start = time.perf_counter()
    with Session(load_project(small.config)) as session:
        for outcome in session.run(session.plan()):
            assert not outcome.problems()
        session.finish()
    seconds = time.perf_counter() - start
    forget(small)
    return seconds


def forget(small: SmallProject) -> None:
    for root in (small.lightly, small.state):
        shutil.rmtree(root, ignore_errors=True)


def with_dagster(small: SmallProject, settings: str = SETTINGS) -> float:
    """The same as a run of the sensor's: from the request to the end, in a process of its own."""
    program = "import benchmarks.graph.incremental as b, sys; b.one_run(sys.argv[1])"
    environment = os.environ | {"DAGSTER_HOME": str(small.folder / "home")}
    shutil.rmtree(small.folder / "home", ignore_errors=True)
    (small.folder / "home").mkdir()
    (small.folder / "home/dagster.yaml").write_text(settings)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, str(small.config)], env=environment, check=True)
    seconds = time.perf_counter() - start
    forget(small)
    return seconds


def one_run(config: str) -> None:
    """What a run process of the daemon does: load, and execute what the sensor asks for."""
    import dagster as dg

    from lightly_assets.definitions import build_definitions
    from lightly_assets.graph.partitions import add_partitions
    from lightly_assets.graph.sensors import tick
    from lightly_assets.pipeline.watching.model_versions import ModelVersions

    project = load_project(config)
    with dg.DagsterInstance.get() as instance:
        context = dg.build_sensor_context(instance=instance, last_sensor_start_time=1.0)
        models, tasks = ModelVersions(), tuple(one.name for one in project.tasks)
        # A busy machine may need a second tick to know the models' versions.
        (request,) = next(
            found for _ in range(60) if (found := tick(context, project, tasks, models).run_requests)
        )
        add_partitions(instance, request.run_config["ops"]["chain"]["config"]["partitions"])
        job = build_definitions(config).resolve_job_def("predictions")
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        assert job.execute_in_process(instance=instance, run_config={**request.run_config, **quiet}).success


def dagster_cost(count: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        small = project_of(Path(folder) / "p", partitions=count)
        first = write_video(small.input / "0000.mp4", positions(1))
        for number in range(1, count):
            shutil.copy(first, small.input / f"{number:04d}.mp4")
        pairs = [(with_dagster(small), without_dagster(small)) for _ in range(2)]
        cost = statistics.median(more - less for more, less in pairs) / count
    return f"Dagster's cost per input, {count} in a run", f"{cost * 1000:.0f} ms", "≤ 200 ms", "80 ms"


def through_the_daemon(small: SmallProject, count: int) -> float:
    """From the moment that clips appear in the input to the end of the last run over them."""
    small.write(sensor={"running": True, "interval_seconds": 1, "trusted_age_seconds": 0})
    arrived, waiting = small.input / "clips", small.folder / "clips"
    arrived.rename(waiting)
    dagster = Dagster(small, small.folder / "dagster.log")
    try:
        dagster.wait("the sensor has looked", dagster.tick)
        start = time.time()
        waiting.rename(arrived)
        while True:
            time.sleep(2)
            runs = dagster.runs()
            asked = sum(int(tag["value"]) for run in runs for tag in run["tags"] if tag["key"] == _INPUTS_TAG)
            if asked >= count and all(run["status"] in ("SUCCESS", "FAILURE") for run in runs):
                break
        assert {run["status"] for run in runs} == {"SUCCESS"}
        seconds = max(float(run["endTime"]) for run in runs) - start
    finally:
        dagster.stop()
    print(f"   {len(runs)} runs", file=sys.stderr)
    forget(small)
    return seconds


def clips(count: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        small = project_of(Path(folder) / "p")
        (small.folder / "square_model.py").write_text("def find(images):\n    return [[] for _ in images]\n")
        first = _clip(small.input / "clips/0000.mp4")
        for number in range(1, count):
            shutil.copy(first, first.with_name(f"{number:04d}.mp4"))
        # Each is compared with what came right before and right after it.
        without, with_it = [without_dagster(small)], []
        for _ in range(2):
            with_it.append(through_the_daemon(small, count))
            without.append(without_dagster(small))
        ratio = statistics.median(
            2 * more / sum(less) for more, less in zip(with_it, pairwise(without), strict=True)
        )
        texts = (", ".join(f"{one:.1f}" for one in some) for some in (with_it, without))
        print(f"   {' s; without: '.join(texts)} s", file=sys.stderr)
    return f"{count} clips of 5 s at 720p, with : without Dagster", f"{ratio:.2f}×", "≤ 1.5×", "1.15×"


def _clip(path: Path) -> Path:
    import av
    import numpy as np

    path.parent.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "30"}
        for index in range(125):
            image = np.roll(noise // 4 + 64, index * 4, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1,2,3,4,5")
    parser.add_argument("--known", type=int, default=100_000, help="known inputs of row 3")
    parser.add_argument("--batch", type=int, default=500, help="inputs of row 2")
    parser.add_argument("--clips", type=int, default=200, help="clips of row 1")
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys of row 4")
    parser.add_argument("--idle", type=int, default=10_000, help="inputs of row 5")
    options = parser.parse_args()
    rows = {
        "1": lambda: clips(options.clips),
        "2": lambda: dagster_cost(options.batch),
        "3": lambda: sensor_tick(options.known),
        "4": lambda: large_bucket(options.keys),
        "5": lambda: nothing_to_do(options.idle),
    }
    print(f"{'':<52}{'measured':>10}{'at least':>12}{'aim':>8}")
    for number in options.rows.split(","):
        name, measured, least, aim = rows[number]()
        print(f"{name:<52}{measured:>10}{least:>12}{aim:>8}", flush=True)


if __name__ == "__main__":
    main()
