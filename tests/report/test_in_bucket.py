"""Reports and evaluations of a bucket, whose frames lie in one, too."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.storage import open_store
from tests.report.projects import write_project
from tests.storage.servers import BUCKET, rclone


def test_from_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = write_project(tmp_path)
    (tmp_path / "server/data").mkdir(parents=True)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with rclone(tmp_path / "server/data") as server:
        for name, value in server.environment(None).items():
            monkeypatch.setenv(name, value)
        root = f"s3://{BUCKET}/{uuid4().hex}"
        for folder in ("lightly", "input"):
            store = open_store(f"{root}/{folder}/")
            files = [one for one in (tmp_path / folder).rglob("*") if one.is_file()]
            store.write_many(
                (one.relative_to(tmp_path / folder).as_posix(), one.read_bytes()) for one in files
            )
        arguments = [f"{root}/lightly/", "--input", f"{root}/input/", "--labels", str(labels)]
        out = tmp_path / "bucket.html"
        result = CliRunner().invoke(app, ["report", *arguments, "--out", str(out), "--json"])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["frames"] == 30 and b"report-pictures" in out.read_bytes()
        judged = CliRunner().invoke(
            app, ["evaluate", f"{root}/lightly/", "--task", "boxes", "--labels", str(labels), "--json"]
        )
        assert json.loads(judged.stdout)["worst"][0]["missed"] == 5
