"""These tests need Playwright and a Chromium, which are no development requirements."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
collect_ignore_glob = [] if find_spec("playwright") and CHROMIUM.exists() else ["test_*.py"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page, and everything that it should not do."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.troubles: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", lambda dialog: (self.troubles.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))

    def _said(self, message: Any) -> None:
        # Reading a canvas back is what tests do.
        if "willReadFrequently" not in message.text:
            self.troubles.append(f"{message.type}: {message.text}")

    def open(self, url: str) -> Any:
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]")
        return self.page


@pytest.fixture
def watched(chromium: Any) -> Iterator[Any]:
    """Makes pages; at the end nothing may have gone wrong in any of them."""
    made: list[Watched] = []

    def make(**options: Any) -> Watched:
        made.append(Watched(chromium.new_page(**options)))
        return made[-1]

    yield make
    troubles = [one for page in made for one in page.troubles]
    for one in made:
        one.page.close()
    assert troubles == []
