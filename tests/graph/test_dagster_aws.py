"""The snippets of ``docs/storage.md`` about Dagster's own use of S3, against a real server."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest

from lightly_assets.definitions import build_definitions
from lightly_assets.graph.keys import PLAIN
from tests.pipeline.buckets import use
from tests.projects import SmallProject, positions, write_video
from tests.storage.servers import SECRET_KEY, seaweedfs

PAGE = Path(__file__).parents[2] / "docs" / "storage.md"


def snippet(language: str, word: str) -> str:
    """The block of the page that holds a word."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if word in block]
    return found


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of a server with the buckets of the page."""
    folder = tmp_path_factory.mktemp("server") / "data"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch, seaweedfs(folder) as server:
        use(server, folder.parent / "cache", patch)
        client = boto3.client("s3")
        for bucket in ("lightly-state", "lightly-data"):
            client.create_bucket(Bucket=bucket)
        yield client


def test_what_runs_print_lies_in_the_bucket(client: Any, small: SmallProject, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(snippet("yaml", "compute_logs:"))
    write_video(small.input / "a.mp4", positions(3))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        job = build_definitions(small.config).resolve_job_def(PLAIN.predictions_job)
        result = job.execute_in_process(
            instance=instance, run_config={"ops": {"chain": {"config": {"partitions": ["a.mp4"]}}}}
        )
        assert result.success
    stored = client.list_objects_v2(Bucket="lightly-state", Prefix="site-7/dagster/")["Contents"]
    bodies = [client.get_object(Bucket="lightly-state", Key=one["Key"])["Body"].read() for one in stored]
    assert any(result.run_id in one["Key"] for one in stored)
    assert any(b"STEP_SUCCESS" in body for body in bodies)
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(SECRET_KEY.encode() in data for data in [*bodies, *files])


def test_assets_of_others_use_the_same_credentials(
    client: Any, small: SmallProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.write(datasource=small.settings["datasource"] | {"lightly": "s3://lightly-data/site-7/"})
    write_video(small.input / "a.mp4", positions(3))
    monkeypatch.chdir(small.folder)
    names: dict[str, Any] = {"__name__": "of_the_page"}
    exec(snippet("python", "S3Resource"), names)
    defs: dg.Definitions = names["defs"]
    job = defs.resolve_job_def(PLAIN.predictions_job)
    config = {"ops": {"chain": {"config": {"partitions": ["a.mp4"]}}}}
    assert job.execute_in_process(instance=instance, run_config=config).success
    result = dg.materialize([names["listed_tasks"]], resources=defs.resources, instance=instance)
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["tasks"].value == ["squares"]
