"""Keys that Dagster's own syntax trips over, in backfills as the UI starts them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from lightly_assets.partitions import decode_key
from tests.day.conftest import Dagster
from tests.day.test_day import CHAIN
from tests.projects import SmallProject, positions, write_video

ODD = [
    "a...b.mp4",
    "c|d.mp4",
    "new\nline.mp4",
    "tab\tstop.mp4",
    "100%7C.mp4",
    "...mp4.mp4",
    " blank at the front.mp4",
    "cafe\N{COMBINING ACUTE ACCENT}.mp4",
    "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve.mp4",
    "quote'\"\\.mp4",
    "{json: [1, 2]}.mp4",
    "/".join([*["long" * 55] * 5, "long" * 55 + ".mp4"]),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["video", "day"])
def test_odd_keys_are_backfilled(small: SmallProject, start: Callable[[], Dagster], mode: str) -> None:
    keys = [f"2026-11-{number % 3 + 1:02}/{key}" for number, key in enumerate(ODD)]
    plain = write_video(small.folder / "plain.mp4", positions(3))
    for key in keys:
        (small.input / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(plain, small.input / key)
    small.write(partitions=mode)
    program = [sys.executable, "-c", "from lightly_assets.cli import main; main()", "run"]
    environment = {name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"}
    subprocess.run([*program, "-c", str(small.config)], env=environment, check=True)
    files = small.files()
    dagster = start()
    shown = dagster.partitions("squares/task_folder")
    assert shown["failed"] == shown["missing"] == []
    if mode == "day":
        assert shown["made"] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    else:
        assert sorted(decode_key(one) for one in shown["made"]) == sorted(keys)

    # All of history, where nothing is left of it; then every third, which are no neighbours.
    shutil.rmtree(small.lightly)
    shutil.rmtree(small.state / "manifests")
    small.calls()
    assert dagster.backfill(CHAIN, shown["made"]) == "COMPLETED_SUCCESS"
    assert small.files() == files and small.images_seen() == 3 * len(keys)
    some = shown["made"][::3]
    assert dagster.backfill(["squares/predictions"], some) == "COMPLETED_SUCCESS"
    assert small.images_seen() == 0
    # One that is broken shows as failed, under its own name.
    (small.input / keys[0]).write_bytes(b"no video" * 99)
    (name,) = [one for one in shown["made"] if one == "2026-11-01" or decode_key(one) == keys[0]]
    assert dagster.backfill(CHAIN, [name]) == "COMPLETED_FAILED"
    assert dagster.partitions("squares/task_folder")["failed"] == [name]
