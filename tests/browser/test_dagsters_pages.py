"""Dagster's own pages over our event log: they ask the database as often for many partitions as for few."""

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from sqlalchemy import Engine, event

from benchmarks.graph.browse import PAGES, Page
from benchmarks.graph.fill import environment, filled
from tests.projects import SmallProject

SHOWN = {
    "asset page": "singletons",
    "its partitions": "Materialized ({count})",
    "its checks": "boxes_are_xywh",
    "graph": "squares",
}


@contextmanager
def webserver(small: SmallProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Dagster's webserver in this process, so that its statements can be counted."""
    for name, value in environment(small).items():
        monkeypatch.setenv(name, value)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    target = ModuleTarget("lightly_assets.definitions", None, None, None)
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as context:
        app = create_app_from_workspace_process_context(context)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(20)


@contextmanager
def statements() -> Iterator[Counter[str]]:
    """Of all engines of this process."""
    found: Counter[str] = Counter()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found[statement.split(" WHERE ")[0][:200]] += 1

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def asked(folder: Path, count: int, chromium: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    found = {}
    small = filled(folder, count)
    with webserver(small, monkeypatch) as url:
        for name, path in PAGES.items():
            page = Page(chromium.new_page(viewport={"width": 1600, "height": 1000}))
            page.fill(url + path, name)  # what is read once is read now
            with statements() as some:
                page.fill(url + path, name)
            shown = page.page.inner_text("body")
            assert SHOWN[name].format(count=count) in shown, shown
            found[name] = some.total()
            page.page.close()
    return found


def test_no_page_asks_for_partitions_one_by_one(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", str(Path(__file__).parents[2]) + os.pathsep + os.environ.get("PYTHONPATH", "")
    )
    few = asked(tmp_path / "few", 10, chromium, monkeypatch)
    many = asked(tmp_path / "many", 310, chromium, monkeypatch)
    # The UI asks for its pages' state again every few seconds: a page that is open for longer asks more.
    for name, count in many.items():
        print(name, few[name], count)
        assert count < 1.5 * few[name] + 60, (few, many)
