"""These tests need Dagster's programs dg and create-dagster, which are no development requirements."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

collect_ignore_glob = [] if find_spec("dagster_dg_cli") and find_spec("create_dagster") else ["test_*.py"]


class Project:
    """A project of ``create-dagster``, and what is typed in it."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.env = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "CAMERA_DATA": str(folder / "data"),
            "PYTHONPATH": os.pathsep.join([str(folder / "src"), os.environ.get("PYTHONPATH", "")]),
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def call(self, *words: str, ok: bool = True, **env: str | None) -> str:
        """What a program prints; it must end well, or badly."""
        changed = {name: value for name, value in (self.env | env).items() if value is not None}
        done = subprocess.run(
            words, cwd=self.folder, env=changed, capture_output=True, text=True, timeout=300
        )
        assert (done.returncode == 0) == ok, done.stdout[-5000:] + done.stderr[-5000:]
        return done.stdout if ok else done.stdout + done.stderr

    def write(self, path: str, text: str) -> None:
        place = self.folder / "src" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
