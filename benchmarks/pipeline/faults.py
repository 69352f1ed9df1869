"""Whole runs through seeded fault scripts, all three roots on a real S3 server.

    python -m benchmarks.pipeline.faults [--scripts 100] [--first-seed 0] [--server seaweedfs|rclone]

Each script disturbs a run (a first publication, a longer video, another threshold, a changed schema, ``gc``)
in one of four ways: a shaky network, a bad one with hardly any retries, an outage that begins at some
request, rights that are taken away at some request. Then everything that is listed must be whole, every
failure one sentence without a secret, and the next undisturbed run must heal to the bytes of one that nothing
disturbed.
"""

import argparse
import tempfile
import time
import traceback
from functools import cache
from pathlib import Path

import pytest

from benchmarks import programs
from tests.pipeline.buckets import Template, scenario_of, survives_script, template, use, use_short_claims
from tests.storage.proxy import FaultProxy
from tests.storage.servers import rclone, seaweedfs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--server", choices=["seaweedfs", "rclone"], default="seaweedfs")
    options = parser.parse_args()
    programs.server(options.server)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        (folder / "data").mkdir()
        with (seaweedfs if options.server == "seaweedfs" else rclone)(folder / "data") as server:
            use(server, folder / "cache", patch)
            if options.server == "rclone":
                use_short_claims(patch)
            with FaultProxy(server.port).running() as proxy:
                try_scripts(folder, range(options.first_seed, options.first_seed + options.scripts), proxy)


def try_scripts(folder: Path, seeds: range, proxy: FaultProxy) -> None:
    @cache
    def made(scenario: str) -> Template:
        return template(folder / scenario, scenario)

    survived = succeeded = spoiled = 0
    started = time.monotonic()
    for seed in seeds:
        scenario = scenario_of(seed)
        try:
            through, count = survives_script(made(scenario), folder / f"run-{seed}", seed, proxy)
        except Exception:  # noqa: BLE001 - whatever it is, it is counted
            print(f"script {seed}, {scenario}:\n{traceback.format_exc(limit=-2)}", flush=True)
            continue
        survived, succeeded, spoiled = survived + 1, succeeded + through, spoiled + count
    print(
        f"seeded fault scripts through the whole pipeline, tried / survived: {len(seeds)} / {survived} "
        f"({spoiled} requests spoiled; {succeeded} runs got through, {survived - succeeded} said why not; "
        f"{time.monotonic() - started:.0f} s)"
    )


if __name__ == "__main__":
    main()
