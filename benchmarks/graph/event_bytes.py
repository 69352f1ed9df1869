"""What Dagster's storage holds of an input and task.

``python -m benchmarks.graph.event_bytes [--inputs 60] [--postgres]``

Images, each in a folder and so in a partition of its own, in one run of the command line, on the instance
that it makes; ``--postgres`` does the same on a server, which needs Debian's package postgresql. The pictures
are worse than most: noise hardly becomes smaller as a JPEG.
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
from sqlalchemy import create_engine, text

from tests.postgres.conftest import server, settings
from tests.projects import SmallProject

PROGRAM = "from lightly_assets.cli import main; main()"


def photo(path: Path, number: int) -> None:
    """A picture with detail, as a photo has it, and a bright square that the model finds."""
    noise = np.random.default_rng(number).integers(0, 60, (90, 160, 3), np.uint8)
    pixels = np.array(Image.fromarray(noise).resize((1280, 720), Image.Resampling.BICUBIC))
    pixels[200:320, 100:220] = 250
    path.parent.mkdir(parents=True)
    Image.fromarray(pixels).save(path, quality=90)


def run(small: SmallProject, home: Path | None) -> None:
    """On the instance that it makes, or on another one."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    if home:
        environment["DAGSTER_HOME"] = str(home)
    subprocess.run(
        [sys.executable, "-c", PROGRAM, "run", "--json", "-c", str(small.config)],
        check=True, env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def in_files(small: SmallProject) -> tuple[int, Counter[str]]:
    """Bytes of the databases of events, and those of events and pictures in them."""
    total, parts = 0, Counter[str]()
    for path in (small.state / "dagster/history/runs").glob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for kind, event in connection.execute("SELECT dagster_event_type, event FROM event_logs"):
                parts[str(kind)] += len(event)
                parts["pictures in them"] += sum(map(len, _pictures(json.loads(event))))
            (parts["verdicts by themselves"],) = connection.execute(
                "SELECT sum(length(evaluation_event)) FROM asset_check_executions"
            ).fetchone()
        total += path.stat().st_size
    return total, parts


def on_a_server(url: str) -> tuple[int, Counter[str]]:
    """Bytes of a PostgreSQL database, with indexes, and of its tables without them.

    Without rows that were replaced: a server's own vacuum, gives their room to others.
    """
    size = text(
        "SELECT relname, pg_table_size(relid), pg_total_relation_size(relid) FROM pg_stat_user_tables"
    )
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        held = sum(whole for _, _, whole in connection.execute(size))
        connection.execute(text("VACUUM FULL"))
        rows = connection.execute(size).fetchall()
    engine.dispose()
    total = sum(whole for _, _, whole in rows)
    parts = Counter({f"table {name}": table for name, table, _ in rows})
    parts["indexes"] = sum(whole - table for _, table, whole in rows)
    parts["replaced rows, not counted"] = held - total
    return total, parts


def _pictures(event: object) -> list[str]:
    if isinstance(event, str):
        return [event] if event.startswith("![") else []
    inside = event.values() if isinstance(event, dict) else event if isinstance(event, list) else []
    return [found for one in inside for found in _pictures(one)]


def of_an_input(count: int, url: str | None) -> float:
    """Kilobytes, on a PostgreSQL server or in SQLite files."""
    with tempfile.TemporaryDirectory() as folder:
        small = SmallProject(Path(folder) / "p")
        home = None if url is None else Path(folder) / "home"
        if home and url:
            home.mkdir()
            (home / "dagster.yaml").write_text(settings(url))
        photo(small.input / "first/0.jpg", 0)
        run(small, home)
        before, parts_before = on_a_server(url) if url else in_files(small)
        for number in range(count):
            photo(small.input / f"{number:05d}/{number}.jpg", number)
        run(small, home)
        total, parts = on_a_server(url) if url else in_files(small)
    for name, size in (parts - parts_before).most_common(8):
        print(f"   {size / count / 1000:7.1f} KB an input: {name}", file=sys.stderr)
    return (total - before) / count / 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=60)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL as well")
    options = parser.parse_args()
    print(f"{'':<52}{'measured':>10}{'at least':>12}{'aim':>8}")
    measured = {"SQLite": of_an_input(options.inputs, None)}
    if options.postgres:
        with server() as url:
            measured["PostgreSQL"] = of_an_input(options.inputs, url)
    for what, size in measured.items():
        name = f"bytes in Dagster of an input and task, {what}"
        print(f"{name:<52}{f'{size:.1f} KB':>10}{'≤ 40 KB':>12}{'20 KB':>8}")


if __name__ == "__main__":
    main()
