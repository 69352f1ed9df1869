"""What a fleet needs for so many videos a day: ``python -m benchmarks.plan``, with options.

Nothing is measured here. The constants are what the other benchmarks measured on 2 shared cores, each with
its command; prices are to be replaced by yours. The same for 10 and 100 times as many videos shows what
gives way first.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

DAY = 86_400


@dataclass(frozen=True)
class Measured:
    """Each with the command that says it."""

    frames_per_core_second: float = 130.0
    """1080p h264, the whole chain without a model, 7.7 ms of CPU: ``benchmarks.frame --measure``."""
    dagster_seconds: float = 0.041
    """Of an input of its own partition, the slower of two: ``benchmarks.graph.incremental --rows 2``."""
    dagster_bytes: float = 35e3
    """Of an input of its own partition and a task, SQLite: ``benchmarks.graph.event_bytes``."""
    record_reads: int = 2
    """Requests for records of a new input with one task; one more for each further task:
    ``benchmarks.pipeline.takeover``."""
    record_writes: int = 3
    """The same; two more for each further task."""
    take_over_seconds_per_record: float = 3.0 / 20_000
    """From a segment at 20 ms a request, listing included: ``benchmarks.pipeline.takeover``."""
    listed_per_request: int = 1_000
    many_partitions: int = 50_000
    """So many were tried in the web UI."""


@dataclass(frozen=True)
class Asked:
    """What is to be done in a day, on what."""

    videos: int
    frames: int
    """Of a video."""
    tasks: int
    model_ms: float
    """Of a GPU, for a frame, all tasks together; 0 where models run on the CPU as part of the frame rate."""
    cores: int
    """Of a machine; one GPU each, where models need one."""
    machine_dollars: float
    """An hour."""
    use: float
    """The share of a machine's time that is work."""
    put_dollars: float
    """A thousand writing or listing requests."""
    get_dollars: float
    """A thousand reading requests."""
    batch: int
    """Inputs of a run."""
    kept_days: int
    """How long inputs stay in the project."""


@dataclass(frozen=True)
class Plan:
    """What it comes to, a day."""

    machine_hours: float
    machines: int
    bound_by: str
    prediction_writes: int
    other_writes: int
    reads: int
    lists: int
    """Of the input, by all runs."""
    record_lists: int
    """Of records, by all runs, where a partition has thousands of inputs, as with ``partitions: day``."""
    dollars_machines: float
    dollars_requests: float
    dagster_hours: float
    """With a partition for each video, one run after the other."""
    dagster_bytes: float
    take_over_seconds: float
    """Of a machine without an index, at the end of ``kept_days``."""
    partitions: int
    """Known at the end of ``kept_days``, one for each video."""


def plan(asked: Asked, measured: Measured) -> Plan:
    """The arithmetic; every figure is a day's, for a fleet that is evenly busy."""
    frames = asked.videos * asked.frames
    cpu = frames / (measured.frames_per_core_second * asked.cores)
    gpu = frames * asked.model_ms / 1000
    hours = max(cpu, gpu) / asked.use / 3600
    reads = asked.videos * (measured.record_reads + asked.tasks - 1)
    # Records, and two tables of a task; tasks.json and notes are few.
    writes = asked.videos * (measured.record_writes + 2 * (asked.tasks - 1) + 2 * asked.tasks)
    predictions = frames * asked.tasks
    runs = math.ceil(asked.videos / asked.batch)
    records = asked.videos * asked.kept_days * (1 + asked.tasks)
    # Each run lists the input once, and does without a list of records where its partitions are small.
    lists = runs * math.ceil(asked.videos * asked.kept_days / measured.listed_per_request)
    requests = (predictions + writes + lists) * asked.put_dollars + (reads + asked.videos) * asked.get_dollars
    return Plan(
        machine_hours=hours,
        machines=math.ceil(hours / 24),
        bound_by="GPU" if gpu > cpu else "CPU",
        prediction_writes=predictions,
        other_writes=writes,
        reads=reads,
        lists=lists,
        record_lists=runs * math.ceil(records / measured.listed_per_request),
        dollars_machines=hours * asked.machine_dollars,
        dollars_requests=requests / 1000,
        dagster_hours=asked.videos * measured.dagster_seconds / 3600,
        dagster_bytes=asked.videos * asked.tasks * measured.dagster_bytes,
        take_over_seconds=records * measured.take_over_seconds_per_record,
        partitions=asked.videos * asked.kept_days,
    )


def breaks(found: Plan, measured: Measured) -> Iterator[str]:
    """What gives way, and what to do."""
    if found.partitions > measured.many_partitions:
        yield (
            f"{found.partitions:,} partitions, where {measured.many_partitions:,} were tried in the web UI: "
            "`partitions: day`"
        )
    if found.dagster_hours > 24:
        yield (
            f"{found.dagster_hours:.0f} h of events a day for one instance: `partitions: day`, or several "
            "instances, each with a project for some cameras"
        )
    if found.take_over_seconds > 600:
        yield (
            f"{found.take_over_seconds / 60:.0f} min until a fresh machine has taken over everything: a "
            "project for each month or each group of cameras"
        )
    if found.lists > 10_000_000:
        yield f"{found.lists:,} requests that list the input: larger batches, or a project for each month"
    if found.prediction_writes > 3_500 * DAY:
        yield (
            f"{found.prediction_writes / DAY:,.0f} files a second, where a prefix of S3 takes 3,500: only "
            "folders of inputs spread them"
        )


def row(name: str, values: list[str]) -> None:
    print(f"{name:<44}" + "".join(f"{value:>18}" for value in values))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=100_000, help="a day")
    parser.add_argument("--frames", type=int, default=600, help="of a video")
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument(
        "--model-ms", type=float, default=5.0, help="of a GPU for a frame, all tasks together"
    )
    parser.add_argument("--cores", type=int, default=8, help="of a machine, which has one GPU")
    parser.add_argument("--dollars", type=float, default=1.2, help="of a machine, an hour")
    parser.add_argument("--use", type=float, default=0.7, help="share of its time that is work")
    parser.add_argument(
        "--put-dollars", type=float, default=0.005, help="of 1,000 requests that write or list"
    )
    parser.add_argument("--get-dollars", type=float, default=0.0004, help="of 1,000 requests that read")
    parser.add_argument("--batch", type=int, default=500, help="inputs of a run")
    parser.add_argument("--days", type=int, default=30, help="how long inputs stay")
    given = parser.parse_args()
    asked = Asked(
        given.videos, given.frames, given.tasks, given.model_ms, given.cores, given.dollars, given.use,
        given.put_dollars, given.get_dollars, given.batch, given.days,
    )  # fmt: skip
    measured = Measured()
    factors = (1, 10, 100)
    plans = [plan(replace(asked, videos=asked.videos * factor), measured) for factor in factors]
    row("videos a day", [f"{asked.videos * factor:,}" for factor in factors])
    row("machine hours", [f"{one.machine_hours:,.0f}" for one in plans])
    row("machines, bound by", [f"{one.machines:,}, {one.bound_by}" for one in plans])
    row("dollars for machines", [f"{one.dollars_machines:,.0f}" for one in plans])
    row("prediction files written", [f"{one.prediction_writes:,}" for one in plans])
    row("other requests that write", [f"{one.other_writes:,}" for one in plans])
    row("requests for records", [f"{one.reads:,}" for one in plans])
    row("requests that list the input", [f"{one.lists:,}" for one in plans])
    row("the same for records, `partitions: day`", [f"{one.record_lists:,}" for one in plans])
    row("dollars for requests", [f"{one.dollars_requests:,.0f}" for one in plans])
    row("Dagster's hours, a partition each video", [f"{one.dagster_hours:,.1f}" for one in plans])
    row("Dagster's storage, GB", [f"{one.dagster_bytes / 1e9:,.0f}" for one in plans])
    row(f"full take-over after {asked.kept_days} days, s", [f"{one.take_over_seconds:,.0f}" for one in plans])
    for factor, one in zip(factors, plans, strict=True):
        for text in breaks(one, measured):
            print(f"{factor}×: {text}")


if __name__ == "__main__":
    main()
