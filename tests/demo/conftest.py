"""The demo's footage, drawn once for all tests here."""

from pathlib import Path

import pytest

from lightly_assets.demo import write_demo_input


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("demo") / "input"
    return folder, write_demo_input(folder)
