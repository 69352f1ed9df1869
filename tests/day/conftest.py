"""Dagster's own webserver and daemon for a project, asked through GraphQL."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.buckets import BucketProject, use
from tests.projects import SmallProject
from tests.storage.servers import seaweedfs

_PATIENCE = 240.0


class Dagster:
    """`lightly-assets ui` of a project."""

    def __init__(self, small: SmallProject, log: Path, home: Path | None = None) -> None:
        """``home`` is the instance's folder; else the project has one of its own."""
        self.small = small
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program = [sys.executable, "-c", "from lightly_assets.cli import main; main()"]
        arguments = ["ui", "-c", str(small.config), "--port", str(self.port)]
        environment = {name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        environment |= {"DAGSTER_HOME": str(home)} if home else {}
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [*program, *arguments],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            self.wait("the webserver answers", self._answers)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def _answers(self) -> bool:
        try:
            return bool(self.ask("{ version }"))
        except OSError:
            return False

    def wait(self, what: str, holds: Callable[[], Any]) -> Any:
        """Until something holds."""
        ends = time.monotonic() + _PATIENCE
        while not (found := holds()):
            assert time.monotonic() < ends, f"Waited in vain until {what}."
            assert self._process.poll() is None, "Dagster has ended."
            time.sleep(0.3)
        return found

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            answer = json.load(reply)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    @property
    def selector(self) -> dict[str, str]:
        nodes = self.ask(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
        )["repositoriesOrError"]["nodes"]
        return {
            "repositoryName": nodes[0]["name"],
            "repositoryLocationName": nodes[0]["location"]["name"],
        }

    def reload(self) -> None:
        """The code location, as with the UI's button: the graph has other tasks now."""
        name = self.selector["repositoryLocationName"]
        self.ask(
            "mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) "
            "{ __typename } }",
            name=name,
        )

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the oldest first."""
        found: list[dict[str, Any]] = self.ask(
            """{ runsOrError(limit: 200) { ... on Runs {
                results { runId status endTime tags { key value } } } } }"""
        )["runsOrError"]["results"]
        return found[::-1]

    def tick(self) -> str:
        """What the sensor's last tick said."""
        state = self.ask(
            """query($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) {
                ... on Sensor { sensorState { status ticks(limit: 1) {
                    status timestamp skipReason error { message } } } } } }""",
            selector=self.selector | {"sensorName": "new_input"},
        )["sensorOrError"]["sensorState"]
        assert state["status"] == "RUNNING"
        for one in state["ticks"]:
            assert one["error"] is None, one["error"]["message"]
            return f"{one['timestamp']} {one['skipReason'] or ''}"
        return ""

    def settled(self, runs: int) -> list[dict[str, Any]]:
        """Wait until so many runs have ended in all, and the sensor has nothing more to ask for."""

        def ended() -> bool:
            found = self.runs()
            assert len(found) <= runs, "more runs than there is work for"
            over = [one for one in found if one["status"] in ("SUCCESS", "FAILURE", "CANCELED")]
            return len(over) == runs

        self.wait(f"{runs} runs have ended", ended)
        before = self.tick()
        self.wait("the sensor has looked again", lambda: self.tick() not in ("", before))
        before = self.tick()
        last = self.wait("the sensor has looked once more", lambda: (now := self.tick()) != before and now)
        assert "under way" not in last and "waiting" not in last, last
        found = self.runs()
        assert len(found) == runs
        return found

    def partitions(self, asset: str) -> dict[str, list[str]]:
        """The partitions of an asset as the UI shows them."""
        node = self.ask(
            """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
                assetPartitionStatuses { ... on DefaultPartitionStatuses { materializedPartitions
                    failedPartitions unmaterializedPartitions materializingPartitions } } } } }""",
            key={"path": asset.split("/")},
        )["assetNodeOrError"]["assetPartitionStatuses"]
        return {
            "made": sorted(node["materializedPartitions"]),
            "failed": sorted(node["failedPartitions"]),
            "missing": sorted(node["unmaterializedPartitions"]),
        }

    def metadata(self, asset: str, partition: str) -> dict[str, Any]:
        """Of the latest materialisation of a partition."""
        found = self.ask(
            """query($key: AssetKeyInput!, $partitions: [String!]) { assetNodeOrError(assetKey: $key) {
                ... on AssetNode { assetMaterializations(partitions: $partitions, limit: 1) {
                    metadataEntries { label ... on IntMetadataEntry { intValue }
                        ... on TextMetadataEntry { text } } } } } }""",
            key={"path": asset.split("/")},
            partitions=[partition],
        )["assetNodeOrError"]["assetMaterializations"][0]["metadataEntries"]
        return {one["label"]: one.get("intValue", one.get("text")) for one in found}

    def check(self, asset: str, name: str) -> str | None:
        """What an unpartitioned check says: None where it passed."""
        found = self.ask(
            """query($key: AssetKeyInput!, $name: String!) { assetCheckExecutions(assetKey: $key,
                checkName: $name, limit: 1) { status runId evaluation { success description } } }""",
            key={"path": asset.split("/")},
            name=name,
        )["assetCheckExecutions"]
        evaluation = found[0]["evaluation"]
        assert evaluation is not None, found
        return None if evaluation["success"] else evaluation["description"]

    def launch(self, job: str, assets: list[str]) -> str:
        """A run of some assets, as from the UI; its id."""
        selector = self.selector | {
            "pipelineName": job,
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
        }
        found = self.ask(
            """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
                __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
            params={"selector": selector, "runConfigData": {}, "mode": "default"},
        )["launchPipelineExecution"]
        assert found["__typename"] == "LaunchRunSuccess", found
        return str(found["run"]["runId"])

    def failure(self, run_id: str) -> str | None:
        """Wait for a run; why it failed, None where it did not."""

        def over() -> Any:
            found = self.ask(
                """query($id: ID!) { runOrError(runId: $id) { ... on Run { status eventConnection { events {
                    ... on ExecutionStepFailureEvent { failureMetadata { description } } } } } } }""",
                id=run_id,
            )["runOrError"]
            return found if found["status"] in ("SUCCESS", "FAILURE") else None

        run = self.wait("the run has ended", over)
        if run["status"] == "SUCCESS":
            return None
        events = [one["failureMetadata"] for one in run["eventConnection"]["events"] if one]
        return str(next(one["description"] for one in events if one))

    def backfill(self, assets: list[str], partitions: list[str]) -> str:
        """A backfill, as from the UI; how it ended."""
        found = self.ask(
            """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
                __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            params={
                "assetSelection": [{"path": asset.split("/")} for asset in assets],
                "partitionNames": partitions,
                "fromFailure": False,
            },
        )["launchPartitionBackfill"]
        assert found["__typename"] == "LaunchBackfillSuccess", found

        def over() -> str | None:
            status = self.ask(
                """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
                    ... on PartitionBackfill { status } } }""",
                id=found["backfillId"],
            )["partitionBackfillOrError"]["status"]
            return status if str(status).startswith(("COMPLETED", "FAILED")) else None

        return str(self.wait("the backfill has ended", over))


@pytest.fixture
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallProject]:
    """A project; with the parameter "S3" all of its roots lie on a real server."""
    if getattr(request, "param", "disk") == "disk":
        yield SmallProject(tmp_path / "project")
        return
    (tmp_path / "data").mkdir()
    with pytest.MonkeyPatch.context() as patch, seaweedfs(tmp_path / "data") as server:
        use(server, tmp_path / "cache", patch)
        yield BucketProject(tmp_path / "project")


@pytest.fixture
def home() -> Path | None:
    """The folder of Dagster's instance; None for the project's own."""
    return None


@pytest.fixture
def start(small: SmallProject, tmp_path: Path, home: Path | None) -> Iterator[Callable[[], Dagster]]:
    """Starts Dagster for the project; it is stopped at the end."""
    started: list[Dagster] = []

    def now() -> Dagster:
        started.append(Dagster(small, tmp_path / "dagster.log", home))
        return started[-1]

    yield now
    for one in started:
        one.stop()
