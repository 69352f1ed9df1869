"""An instance with many partitions, filled at once: the rows of one run, again for each partition."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from sqlalchemy import Connection, Table, func, insert, select, text

from lightly_assets.graph.keys import PLAIN
from tests.projects import SmallProject, write_image

PROGRAM = "from lightly_assets.cli import main; main()"
# The partition of the run that is copied; its length is that of the others.
_MODEL = "0000000/"
_OF_A_RUN = 500
_AT_ONCE = 100


def environment(small: SmallProject) -> dict[str, str]:
    """Of a program that looks at a project's own instance, or at one that a test has set up beside it."""
    home = small.folder / "home"
    found = {name: one for name, one in os.environ.items() if name != "DAGSTER_HOME"}
    found |= {"LIGHTLY_ASSETS_CONFIG": str(small.config), "PYTHONPATH": os.environ.get("PYTHONPATH", ".")}
    return found | {"DAGSTER_HOME": str(home if home.exists() else small.state / "dagster")}


def filled(folder: Path, count: int, postgres_url: str | None = None) -> SmallProject:
    """A project with one input, whose instance knows so many partitions of one task."""
    small = SmallProject(folder)
    write_image(small.input / _MODEL / "0.png", 8)
    if postgres_url:
        _on_postgres(small, postgres_url)
    subprocess.run(
        [sys.executable, "-c", PROGRAM, "run", "--json", "-c", str(small.config)],
        check=True, env=environment(small) if postgres_url else _without_home(), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with _home(environment(small)["DAGSTER_HOME"]), dg.DagsterInstance.get() as instance:
        fill(instance, count)
    return small


def _without_home() -> dict[str, str]:
    return {name: one for name, one in os.environ.items() if name != "DAGSTER_HOME"}


def _on_postgres(small: SmallProject, url: str) -> None:
    from tests.postgres.conftest import settings

    (small.folder / "home").mkdir()
    (small.folder / "home/dagster.yaml").write_text(settings(url))


@contextmanager
def _home(folder: str) -> Iterator[None]:
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = folder
    try:
        yield
    finally:
        os.environ.pop("DAGSTER_HOME")
        if before is not None:
            os.environ["DAGSTER_HOME"] = before


def fill(instance: dg.DagsterInstance, count: int) -> None:
    """Copy what the one partition has left, with other keys, ids and runs."""
    (run,) = instance.get_runs()
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        events = _rows(connection, SqlEventLogStorageTable)
        verdicts = _rows(connection, AssetCheckExecutionsTable)
        wanted = AssetEventTagsTable.c.event_id.in_([row["id"] for row in events])
        tags = [dict(row) for row in connection.execute(select(AssetEventTagsTable).where(wanted)).mappings()]
        highest = int(connection.execute(select(func.max(SqlEventLogStorageTable.c.id))).scalar_one())
    keys = [f"{number:07d}/" for number in range(1, count)]
    for first in range(0, len(keys), _OF_A_RUN):
        mine = run._replace(run_id=str(uuid.uuid4()))
        instance.add_run(mine)
        some = keys[first : first + _OF_A_RUN]
        instance.add_dynamic_partitions(PLAIN.partitions, some)
        for begin in range(0, len(some), _AT_ONCE):
            rows: dict[Any, list[dict[str, Any]]] = {
                one: [] for one in (SqlEventLogStorageTable, AssetCheckExecutionsTable, AssetEventTagsTable)
            }
            for key in some[begin : begin + _AT_ONCE]:
                ids: dict[int, int] = {row["id"]: highest + place + 1 for place, row in enumerate(events)}
                highest += len(events)
                again = partial(_copy, key=key, run=mine.run_id, old_run=run.run_id, ids=ids)
                rows[SqlEventLogStorageTable] += (again(row, event="event") for row in events)
                rows[AssetEventTagsTable] += (
                    _without_id(row) | {"event_id": ids[row["event_id"]]} for row in tags
                )
                rows[AssetCheckExecutionsTable] += (
                    _without_id(again(row, event="evaluation_event")) for row in verdicts
                )
            with storage.index_connection() as connection:
                for table, some_rows in rows.items():
                    connection.execute(insert(table), some_rows)
    with storage.index_connection() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT setval('event_logs_id_seq', {highest + 1})"))
            connection.execute(text("ANALYZE"))


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    query = select(table).where(table.c.partition == _MODEL).order_by(table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _without_id(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def _copy(
    row: Mapping[str, Any], *, key: str, run: str, old_run: str, ids: Mapping[int, int], event: str
) -> dict[str, Any]:
    told = json.loads(row[event].replace(_MODEL, key).replace(old_run, run))
    about = told["dagster_event"]["event_specific_data"].get("target_materialization_data")
    if about:
        about["storage_id"] = ids[about["storage_id"]]
    copy = dict(row) | {"partition": key, "run_id": run, event: json.dumps(told, separators=(",", ":"))}
    for name in ("id", "evaluation_event_storage_id", "materialization_event_storage_id"):
        if copy.get(name) in ids:
            copy[name] = ids[copy[name]]
    return copy
