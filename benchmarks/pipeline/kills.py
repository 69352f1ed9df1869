"""Kill a run at every single write, on disk and with all three roots on a real S3 server.

    python -m benchmarks.pipeline.kills [SCENARIO…] [--on disk seaweedfs rclone] [--every 1]

For each scenario and each write of the run a fresh copy of the project is killed there: on disk before or
after the system call, on S3 before the request and, once more, after it. Then nothing that is listed may be
wrong, and the next run must heal it to the bytes of an undisturbed one and leave nothing temporary behind.
Where a schema changes, the task is as it was, or as it will be, or not listed.
"""

import argparse
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import programs
from tests.pipeline import bucket_kills, buckets, test_kills
from tests.pipeline.test_kills import SCENARIOS
from tests.storage.proxy import FaultProxy
from tests.storage.servers import rclone, seaweedfs

SERVERS = {"seaweedfs": seaweedfs, "rclone": rclone}
Point = Callable[[Path], bool]


def points_on_disk(folder: Path, scenario: str) -> dict[str, Point]:
    made = test_kills.template(folder, scenario)
    return {
        f"write {deadly}": lambda copy, deadly=deadly: test_kills.survives(made, copy, deadly)  # type: ignore[misc]
        for deadly in range(1, made.writes + 1)
    }


def points_in_bucket(folder: Path, scenario: str, proxy: FaultProxy) -> dict[str, Point]:
    made = buckets.template(folder, scenario)
    writes = bucket_kills.count_writes(made, folder / "counted", proxy)
    return {
        f"{'after' if done else 'before'} write {deadly}": lambda copy, deadly=deadly, done=done: (  # type: ignore[misc]
            bucket_kills.survives_kill(made, copy, proxy, deadly, done=done)
        )
        for deadly in range(1, writes + 1)
        for done in (False, True)
    }


class Count:
    """How many kill points were tried, and survived."""

    def __init__(self) -> None:
        self.tried = self.survived = 0

    def try_all(self, title: str, folder: Path, points: dict[str, Point]) -> None:
        tried = survived = 0
        started = time.monotonic()
        for name, point in points.items():
            try:
                # Threads delete and write: now and then a run has a write less than the one that was counted.
                killed = point(folder / name.replace(" ", "-"))
                tried, survived = tried + killed, survived + killed
            except Exception:  # noqa: BLE001 - whatever it is, it is counted
                tried += 1
                print(f"{title}, {name}:\n{traceback.format_exc(limit=-2)}", flush=True)
        print(f"{title}: {tried} / {survived} ({time.monotonic() - started:.0f} s)", flush=True)
        self.tried += tried
        self.survived += survived


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS])
    parser.add_argument("--on", nargs="+", choices=["disk", *SERVERS], default=["disk", "seaweedfs"])
    parser.add_argument("--every", type=int, default=1, help="try only every n-th point")
    options = parser.parse_args()
    for name in {*SERVERS} & {*options.on}:
        programs.server(name)
    scenarios = options.scenarios or list(SCENARIOS)
    count = Count()
    print("kill points, tried / survived:")
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        for scenario in scenarios if "disk" in options.on else ():
            points = points_on_disk(folder / "disk" / scenario, scenario)
            count.try_all(f"  disk, {scenario}", folder / "disk" / scenario, chosen(points, options.every))
        for kind, serve in SERVERS.items():
            if kind not in options.on:
                continue
            (folder / kind / "data").mkdir(parents=True)
            with serve(folder / kind / "data") as server, FaultProxy(server.port).running() as proxy:
                buckets.use(server, folder / kind / "cache", patch)
                if kind == "rclone":
                    buckets.use_short_claims(patch)
                for scenario in scenarios:
                    points = points_in_bucket(folder / kind / scenario, scenario, proxy)
                    count.try_all(
                        f"  {kind}, {scenario}", folder / kind / scenario, chosen(points, options.every)
                    )
    print(f"all: {count.tried} / {count.survived}")


def chosen(points: dict[str, Point], every: int) -> dict[str, Point]:
    return dict(list(points.items())[::every])


if __name__ == "__main__":
    main()
