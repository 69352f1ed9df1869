"""What Dagster's storage holds of an input and task.

``python -m benchmarks.graph.event_bytes [--inputs 60]``

Images, each in a folder and so in a partition of its own, in one run of the command line, on the instance
that it makes. The pictures are worse than most: noise hardly becomes smaller as a JPEG.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from tests.projects import SmallProject

PROGRAM = "from lightly_assets.cli import main; main()"


def photo(path: Path, number: int) -> None:
    """A picture with detail, as a photo has it, and a bright square that the model finds."""
    noise = np.random.default_rng(number).integers(0, 60, (90, 160, 3), np.uint8)
    pixels = np.array(Image.fromarray(noise).resize((1280, 720), Image.Resampling.BICUBIC))
    pixels[200:320, 100:220] = 250
    path.parent.mkdir(parents=True)
    Image.fromarray(pixels).save(path, quality=90)


def run(small: SmallProject) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    subprocess.run(
        [sys.executable, "-c", PROGRAM, "run", "--json", "-c", str(small.config)],
        check=True, env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def stored(small: SmallProject) -> tuple[int, Counter[str]]:
    """Bytes of the databases of events, and those of events and pictures in them."""
    total, parts = 0, Counter[str]()
    for path in (small.state / "dagster/history/runs").glob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for kind, event in connection.execute("SELECT dagster_event_type, event FROM event_logs"):
                place = "shared" if path.stem == "index" else "run's"
                parts[f"{place} {kind}"] += len(event)
                parts[f"{place} pictures"] += sum(len(text) for text in _pictures(json.loads(event)))
        total += path.stat().st_size
    return total, parts


def _pictures(event: object) -> list[str]:
    if isinstance(event, str):
        return [event] if event.startswith("![") else []
    inside = event.values() if isinstance(event, dict) else event if isinstance(event, list) else []
    return [text for one in inside for text in _pictures(one)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=60)
    count = parser.parse_args().inputs
    with tempfile.TemporaryDirectory() as folder:
        small = SmallProject(Path(folder) / "p")
        photo(small.input / "first/0.jpg", 0)
        run(small)
        before, _ = stored(small)
        for number in range(count):
            photo(small.input / f"{number:05d}/{number}.jpg", number)
        run(small)
        total, parts = stored(small)
    for name, size in parts.most_common(16):
        print(f"   {size / count / 1000:7.1f} KB an input: {name}", file=sys.stderr)
    print(f"{'':<52}{'measured':>10}{'at least':>12}{'aim':>8}")
    measured = f"{(total - before) / count / 1000:.1f} KB"
    print(f"{'bytes in Dagster of an input and task':<52}{measured:>10}{'≤ 40 KB':>12}{'20 KB':>8}")


if __name__ == "__main__":
    main()
