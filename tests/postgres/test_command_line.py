"""What the command line says of an instance that cannot be reached: one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.projects import SmallProject, positions, write_video

PROGRAM = [sys.executable, "-c", "from lightly_assets.cli import main; main()", "run"]


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("postgresql", "install 'lightly-assets[postgres]'"),
        ("postgresql+psycopg2", "The PostgreSQL server of Dagster's instance does not answer:"),
    ],
)
def test_one_sentence(tmp_path: Path, scheme: str, said: str) -> None:
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "a.mp4", positions(3))
    small.write()
    home = tmp_path / "home"
    home.mkdir()
    url = f"{scheme}://somebody:secret@127.0.0.1:1/dagster"
    storage = {"storage": {"postgres": {"postgres_url": url}}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(storage))
    result = subprocess.run(
        PROGRAM,
        cwd=small.folder,
        env={"PATH": "/usr/bin:/bin", "DAGSTER_HOME": str(home), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )
    last = result.stderr.strip().splitlines()[-1]
    assert result.returncode == 1 and said in last and "Traceback" not in result.stderr, result.stderr
    assert "secret" not in result.stdout + result.stderr


def test_a_project_runs_on_it(tmp_path: Path, postgres_url: str) -> None:
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "a.mp4", positions(3))
    small.write()
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        yaml.safe_dump({"storage": {"postgres": {"postgres_url": postgres_url}}})
    )
    environment = {"PATH": "/usr/bin:/bin", "DAGSTER_HOME": str(home), "PYTHONPATH": str(Path.cwd())}
    for _ in range(2):
        result = subprocess.run(
            [*PROGRAM, "--json"],
            cwd=small.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        assert '"ok": true' in result.stdout
    assert len(small.files()) == 3 + 2
