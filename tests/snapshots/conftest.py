"""The project of ``tests/earlier``, made from nothing by the code of today, once for all tests here."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

EARLIER = Path(__file__).parents[1] / "earlier" / "project"


class Made(NamedTuple):
    folder: Path
    document: Any
    """Of ``run --json``."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made") / "project"
    shutil.copytree(EARLIER, folder, ignore=shutil.ignore_patterns("state", ".lightly"))
    program = Path(sys.executable).with_name("lightly-assets")
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    done = subprocess.run(
        [program, "run", "--json"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Made(folder, json.loads(done.stdout))
