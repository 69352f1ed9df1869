"""Dagster for tests: an instance on disk, and a sensor that is asked directly."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lightly_assets.config import load_project
from lightly_assets.definitions import build_definitions
from lightly_assets.graph.keys import PLAIN
from lightly_assets.graph.sensors import looked_after, tick
from lightly_assets.pipeline.watching.model_versions import ModelVersions
from tests.projects import SmallProject


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


class Daemon:
    """Does what Dagster's daemon does with a sensor, when it is told to."""

    def __init__(self, small: SmallProject, instance: dg.DagsterInstance) -> None:
        self.small, self.instance = small, instance
        self.cursor: str | None = None
        self.models = ModelVersions()
        self.last: dg.SensorResult | None = None

    def tick(self) -> list[dg.RunRequest]:
        """One tick: partitions are made known, verdicts stored; the runs that are asked for."""
        project = load_project(self.small.config)
        context = dg.build_sensor_context(self.instance, self.cursor, last_sensor_start_time=1.0)
        result = tick(context, project, looked_after(project), self.models)
        self.cursor, self.last = result.cursor or self.cursor, result  # as Dagster's daemon does it
        for request in result.dynamic_partitions_requests or []:
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition(request.partitions_def_name, key)
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        return list(result.run_requests or [])

    def launch(self, request: dg.RunRequest) -> Any:
        """Do what was asked for."""
        job = build_definitions(self.small.config).resolve_job_def(PLAIN.predictions_job)
        return job.execute_in_process(
            instance=self.instance,
            run_config=request.run_config,
            tags={"dagster/run_key": str(request.run_key)},
            raise_on_error=False,
        )

    def work(self) -> list[list[str]]:
        """A tick, and all that it asks for: the inputs of each run."""
        requests = self.tick()
        for request in requests:
            self.launch(request)
        return [inputs(request) for request in requests]

    def watched(self) -> list[str]:
        """The inputs that the sensor knows."""
        with closing(sqlite3.connect(self.small.state / "sightings.sqlite")) as connection:
            return [key for (key,) in connection.execute("SELECT key FROM inputs")]

    @property
    def reason(self) -> str:
        """Why the last tick asked for nothing."""
        assert self.last is not None
        return self.last.skip_reason.skip_message if self.last.skip_reason else ""


def inputs(request: dg.RunRequest) -> list[str]:
    found: list[str] = request.run_config["ops"]["chain"]["config"]["inputs"]
    return found


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    small.write(sensor={"trusted_age_seconds": 0})
    return small


@pytest.fixture
def daemon(small: SmallProject, instance: dg.DagsterInstance) -> Daemon:
    return Daemon(small, instance)
