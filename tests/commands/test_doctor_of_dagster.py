"""``doctor`` looks whether Dagster's daemon is there, where something needs it."""

import json
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import reconstructable
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.commands.project.instance import use_instance
from lightly_assets.config import load_project
from tests.projects import SmallProject, positions, write_video


@dg.job
def _job() -> None: ...


def doctor(small: SmallProject) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(app, ["doctor", "-c", str(small.config), "--json"])
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    return result.exit_code, document["dagster"]


def beat(instance: dg.DagsterInstance, ago: float) -> None:
    """As a daemon leaves it that was alive some seconds ago."""
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - ago, "SENSOR", "daemon", []))


def test_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "a.mp4", positions(3))
    assert doctor(small) == (0, []) and not (small.state / "dagster").exists(), "it makes no instance"
    use_instance(load_project(small.config))
    code, (one,) = doctor(small)
    assert code == 0 and "nothing needs one" in one["message"]

    small.write(sensor={"running": True})
    code, (one,) = doctor(small)
    assert code == 1 and one == {
        "name": "daemon",
        "ok": False,
        "message": "The sensor is on, but Dagster's daemon has never been heard of; start it: "
        "lightly-assets ui, or dagster-daemon run.",
    }
    with dg.DagsterInstance.get() as instance:
        beat(instance, 7 * 3600)
        code, (one,) = doctor(small)
        assert code == 1 and "was last heard of 7 hours ago" in one["message"]
        beat(instance, 20)
        code, (one,) = doctor(small)
        assert code == 0 and one["message"].startswith("Dagster's daemon was heard of 2")


LOCATION = RegisteredCodeLocationOrigin("lightly_assets.definitions")
REPOSITORY = RemoteRepositoryOrigin(LOCATION, "__repository__")


def switched(to: InstigatorStatus) -> InstigatorState:
    """What the UI's switch of the sensor leaves."""
    return InstigatorState(RemoteInstigatorOrigin(REPOSITORY, "new_input"), InstigatorType.SENSOR, to)


def enqueue(instance: dg.DagsterInstance) -> None:
    """A run that a daemon has to take out of the queue."""
    run = instance.create_run_for_job(
        _job,
        remote_job_origin=RemoteJobOrigin(REPOSITORY, _job.name),
        job_code_origin=reconstructable(_job).get_python_origin(),
    )
    instance.report_dagster_event(dg.DagsterEvent("PIPELINE_ENQUEUED", _job.name), run.run_id)


def test_what_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch of a sensor, which goes before the project file, and runs in the queue."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    small = SmallProject(tmp_path / "project")
    use_instance(load_project(small.config))
    with dg.DagsterInstance.get() as instance:
        instance.add_instigator_state(switched(InstigatorStatus.RUNNING))
        code, (one,) = doctor(small)
        assert code == 1 and one["message"].startswith("new_input is on, but")
        instance.update_instigator_state(switched(InstigatorStatus.STOPPED))
        small.write(sensor={"running": True})
        code, (one,) = doctor(small)
        assert code == 0 and "nothing needs one" in one["message"]
        for count, waiting in ((1, "A run waits"), (2, "2 runs wait")):
            enqueue(instance)
            code, (one,) = doctor(small)
            assert code == 1 and one["message"].startswith(f"{waiting} in the queue, but"), count
