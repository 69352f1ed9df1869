"""How long the web UI takes to fill its pages, in Chromium, with many partitions.

``python -m benchmarks.graph.browse [--partitions 6000] [--postgres] [--queries]``

Dagster's own webserver on loopback, over an instance that ``benchmarks/graph/fill.py`` fills. A page is
filled when the last of its requests is answered that come before a second without any. Needs Playwright
(``make test-browser`` installs it into ``.venv-browser``) and Chromium.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.graph.fill import environment, filled
from tests.projects import SmallProject

CHROMIUM = "/usr/bin/chromium"
_QUIET_SECONDS, _PATIENCE = 1.0, 300.0
PAGES = {
    "asset page": "/assets/squares/singletons",
    "its partitions": "/assets/squares/singletons?view=partitions",
    "its checks": "/assets/squares/singletons?view=checks",
    "graph": "/asset-groups",
}
# Without the answers to these a page has nothing to show.
_NEEDED = {
    "asset page": {"AssetGraphLiveQuery", "AssetViewDefinitionQuery"},
    "its partitions": {"PartitionHealthQuery"},
    "its checks": {"AssetChecksQuery", "AssetCheckDetailsQuery"},
    "graph": {"AssetGraphLiveQuery"},
}


@contextmanager
def webserver(small: SmallProject) -> Iterator[str]:
    """Dagster's webserver for a project; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    arguments = ["-h", "127.0.0.1", "-p", str(port), "-m", "lightly_assets.definitions"]
    program = "from dagster_webserver.cli import main; main()"
    log = (small.folder / "webserver.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments], env=environment(small), stdout=log, stderr=log
        ) as server,
    ):
        try:
            while True:
                try:
                    urllib.request.urlopen(f"{url}/server_info").close()
                    break
                except OSError:
                    assert server.poll() is None, (small.folder / "webserver.log").read_text()
                    time.sleep(0.2)
            yield url
        finally:
            server.terminate()


class Page:
    """A page of Chromium's, and the queries that it asks."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.queries: dict[str, list[float]] = defaultdict(list)
        self._open: dict[Any, tuple[str, float]] = {}
        self._last = 0.0
        page.on("request", self._asked)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)

    def _asked(self, request: Any) -> None:
        if "/graphql" in request.url and request.method == "POST":
            name = json.loads(request.post_data).get("operationName") or "?"
            self._open[request] = name, time.perf_counter()

    def _answered(self, request: Any) -> None:
        if request in self._open:
            name, start = self._open.pop(request)
            self._last = time.perf_counter()
            self.queries[name].append(self._last - start)

    def fill(self, url: str, name: str) -> float:
        """Open one of :data:`PAGES`, and the seconds until all of it is there."""
        self.queries.clear()
        self._open.clear()
        start = self._last = time.perf_counter()
        self.page.goto(url)
        self._last = time.perf_counter()
        while (
            self._open
            or not _NEEDED[name] <= self.queries.keys()
            or time.perf_counter() - self._last < _QUIET_SECONDS
        ):
            assert time.perf_counter() - start < _PATIENCE, (
                f"{url} has asked for {sorted(self.queries)} only."
            )
            self.page.wait_for_timeout(50)
        return self._last - start


@contextmanager
def chromium() -> Iterator[Page]:
    """A page in a browser of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield Page(browser.new_page(viewport={"width": 1600, "height": 1000}))
        browser.close()


def measure(small: SmallProject, turns: int, *, queries: bool) -> dict[str, float]:
    """The median of some turns for each page; the first one, which everything is new to, aside."""
    found = {}
    with webserver(small) as url, chromium() as page:
        for name, path in PAGES.items():
            times = [page.fill(url + path, name) for _ in range(turns + 1)]
            found[name] = statistics.median(times[1:])
            print(f"   {name}: first {times[0]:.1f} s, then {found[name]:.1f} s", file=sys.stderr)
            for query, seconds in sorted(page.queries.items(), key=lambda one: -max(one[1]))[: 9 * queries]:
                print(f"      {query}: {', '.join(f'{one:.2f}' for one in seconds)} s", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--partitions", type=int, default=6_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--postgres", help="URL of an empty database, postgresql+psycopg2://…")
    parser.add_argument("--queries", action="store_true", help="name the slowest queries")
    parser.add_argument("--folder", type=Path, help="one that was filled before, or where to fill it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "p"
        if folder.exists():
            small = SmallProject.at(folder)
        else:
            small = filled(folder, options.partitions, options.postgres)
        found = measure(small, options.turns, queries=options.queries)
    limits = ("≤ 3 s", "1.5 s") if options.partitions <= 6_000 else ("≤ 8 s", "3 s")
    print(f"{'':<52}{'measured':>10}{'at least':>12}{'aim':>8}")
    for name, seconds in found.items():
        what, measured = f"{name}, {options.partitions:,} partitions", f"{seconds:.1f} s"
        print(f"{what:<52}{measured:>10}{limits[0]:>12}{limits[1]:>8}")


if __name__ == "__main__":
    main()
