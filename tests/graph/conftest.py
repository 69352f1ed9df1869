"""Dagster for tests: an instance on disk, and a sensor that is asked directly."""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lightly_assets.commands.project.instance import read_migrations_once
from lightly_assets.config import Project, load_project
from lightly_assets.definitions import build_definitions
from lightly_assets.graph.keys import PLAIN
from lightly_assets.graph.sensors import looked_after, tick
from lightly_assets.pipeline.watching import model_versions
from lightly_assets.pipeline.watching.model_versions import ModelVersions
from tests.processes import Forked
from tests.projects import SmallProject

START_LOADING = model_versions._start
"""The process that loads the models for a sensor, as Dagster's daemon starts it."""


@pytest.fixture(autouse=True)
def quick_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does the same and need not import it first; each new model and setting needs one."""
    monkeypatch.setattr(model_versions, "_start", _start_loading)


def _start_loading(project: Project) -> Forked:
    sections = json.dumps(project.inline) if project.inline else ""
    return Forked(Path.cwd(), os.environ, _load, str(project.path), sections)


def _load(path: str, sections: str) -> None:
    sys.exit(model_versions._main(path, sections))


# For the output of each step Dagster starts four processes; what becomes of it is tested by itself.
_WITHOUT_LOGS = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an instance lies that has done nothing: making its databases takes longer than most tests."""
    read_migrations_once()
    home = tmp_path_factory.mktemp("dagster")
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        assert (instance.get_runs(limit=1), instance.all_asset_keys()) == ([], [])
        assert instance.all_instigator_state() == []
    return home


@pytest.fixture
def instance(new_home: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = shutil.copytree(new_home, tmp_path / "dagster")
    with dg.DagsterInstance.local_temp(str(home), _WITHOUT_LOGS) as instance:
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
