"""Keys that Dagster's own syntax trips over, in backfills as the UI starts them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from lightly_assets.graph.partitions import decode_key
from tests.day.conftest import Dagster
from tests.day.test_day import CHAIN
from tests.projects import SmallProject, positions, write_video

ODD = [
    "a...b.mp4",
    "c|d.mp4",
    "100%7C.mp4",
    "...mp4.mp4",
    " blank at the front.mp4",
    "cafe\N{COMBINING ACUTE ACCENT}.mp4",
    "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve.mp4",
    "quote'\".mp4",
    "{json: [1, 2]}.mp4",
    "/".join([*["long" * 50] * 3, "long" * 50 + ".mp4"]),
]
# No store takes these as keys, but an input that has them must be told so, under its name.
REFUSED = ["new\nline.mp4", "tab\tstop.mp4", "back\\slash.mp4"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["video", "day"])
def test_odd_keys_are_backfilled(small: SmallProject, start: Callable[[], Dagster], mode: str) -> None:
    good = [f"2026-11-{number % 3 + 1:02}/{key}" for number, key in enumerate(ODD)]
    refused = [f"2026-11-04/{key}" for key in REFUSED]
    plain = write_video(small.folder / "plain.mp4", positions(3))
    for key in (*good, *refused):
        (small.input / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(plain, small.input / key)
    small.write(partitions=mode)
    program = [sys.executable, "-c", "from lightly_assets.cli import main; main()", "run"]
    environment = {name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"}
    assert subprocess.run([*program, "-c", str(small.config)], env=environment).returncode == 1
    files = small.files()
    assert len([name for name in files if name.startswith("squares/2026")]) == 3 * len(good)

    def keys(partitions: list[str]) -> list[str]:
        if mode == "day":
            return sorted(key for key in (*good, *refused) if key[:10] in partitions)
        return sorted(map(decode_key, partitions))

    dagster = start()
    shown = dagster.partitions("squares/task_folder")
    assert keys(shown["made"]) == sorted(good) and keys(shown["failed"]) == sorted(refused)
    assert shown["missing"] == shown["failed"]

    # All of history, where nothing is left of it.
    shutil.rmtree(small.lightly)
    shutil.rmtree(small.state / "manifests")
    small.calls()
    assert dagster.backfill(CHAIN, [*shown["made"], *shown["failed"]]) == "COMPLETED_FAILED"
    assert dagster.partitions("squares/task_folder") == shown
    assert small.files() == files and small.images_seen() == 3 * len(good)
    # Every third, which are no neighbours; one of them is broken now, and fails alone under its own name.
    (small.input / good[0]).write_bytes(b"no video" * 99)
    (name,) = [one for one in shown["made"] if good[0] in keys([one])]
    some = shown["made"][shown["made"].index(name) % 3 :: 3]
    assert dagster.backfill(CHAIN, some) == "COMPLETED_FAILED"
    assert dagster.partitions("squares/task_folder")["failed"] == sorted([*shown["failed"], name])
    assert small.images_seen() == 0
