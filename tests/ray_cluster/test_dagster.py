"""Dagster's own daemon runs a project with workers: what it tells of each partition, and cancellation."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.day.conftest import Dagster
from tests.graph.test_chain import run_keys
from tests.graph.test_recording import rows
from tests.projects import SmallProject, task
from tests.ray_cluster.cluster import Cluster, processes, wait_for
from tests.ray_cluster.conftest import copy
from tests.ray_cluster.test_ray import SLOWLY
from tests.ray_cluster.work import on

KEYS = ["0.mp4", "1.mp4", "2.mp4", "3.mp4", "4.mp4", "broken.mp4", "stills/"]


@contextmanager
def running(small: SmallProject, log: Path) -> Iterator[Dagster]:
    """Webserver and daemon of a project; its sensor asks for all new input."""
    small.write(sensor={"running": True, "interval_seconds": 1, "trusted_age_seconds": 0})
    dagster = Dagster(small, log)
    try:
        yield dagster
    finally:
        dagster.stop()


def home(small: SmallProject) -> Path:
    return small.state / "dagster"


def told(instance: dg.DagsterInstance) -> Counter[tuple[Any, ...]]:
    """What a run has said of each partition: what was made, with its numbers, and verdicts with reasons."""
    found: Counter[tuple[Any, ...]] = Counter()
    (run,) = instance.get_runs()
    for entry in instance.all_logs(run.run_id):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            made = event.step_materialization_data.materialization
            values = {name: value.value for name, value in made.metadata.items()}
            # Pictures are kept elsewhere by some instances; seconds differ.
            kept = {
                name: value
                for name, value in values.items()
                if isinstance(value, int | str) and name != "preview"
            }
            found[("made", str(made.asset_key), made.partition, *sorted(map(str, kept.items())))] += 1
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            verdict = event.asset_check_evaluation_data
            found[
                "verdict",
                str(verdict.asset_check_key),
                verdict.partition,
                verdict.passed,
                verdict.severity,
                verdict.description,
            ] += 1
        elif event.event_type is dg.DagsterEventType.STEP_FAILURE:
            failure = event.step_failure_data.user_failure_data
            found["failure", failure.description if failure else None] += 1
    return found


@pytest.mark.timeout(400)
def test_a_run_by_the_daemon_tells_what_one_without_workers_tells(
    small: SmallProject, cluster: Cluster, tmp_path: Path
) -> None:
    (small.input / "broken.mp4").write_bytes(b"no video" * 99)
    alone = copy(small, "alone")
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        assert not run_keys(alone, instance, KEYS).success
        expected, index = told(instance), rows(instance)
    assert len([one for one in expected if one[0] == "made"]) > 20
    assert len([one for one in expected if one[0] == "failure"]) == 1
    small.write(engine=on(cluster))
    with running(small, tmp_path / "dagster.log") as dagster:
        (run,) = dagster.settled(1)
        assert run["status"] == "FAILURE"
    with dg.DagsterInstance.from_config(str(home(small))) as instance:
        assert told(instance) == expected
        assert index <= rows(instance)  # the daemon and the sensor have told more
    assert small.files() == alone.files()
    assert cluster.left() == [] and cluster.workers() == []
    assert _said(small, "is ready.")


def _said(small: SmallProject, words: str) -> int:
    """How often the logs of runs have these words."""
    with closing(sqlite3.connect(home(small) / "history" / "runs" / "index.db")) as connection:
        texts = connection.execute("SELECT event FROM event_logs").fetchall()
    return sum(text.count(words) for (text,) in texts)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["local", "ray"])
def test_a_run_that_is_cancelled_ends_and_leaves_nothing(
    small: SmallProject, whole: SmallProject, request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    (small.folder / "slow_model.py").write_text(SLOWLY.replace("sleep(1)", "sleep(10**6)"))
    cluster: Cluster | None = request.getfixturevalue("cluster") if kind == "ray" else None
    engine = {"kind": "local", "workers": 2} if cluster is None else on(cluster)
    small.write(tasks=[task("squares", "slow_model:find", version="1")], engine=engine)
    with running(small, tmp_path / "dagster.log") as dagster:
        dagster.wait("both workers are ready", lambda: _said(small, "is ready.") == 2)
        assert len(_workers(small, cluster)) == 2
        (run,) = dagster.runs()
        answer = dagster.ask(
            "mutation($id: String!) { terminateRun(runId: $id) { __typename } }", id=run["runId"]
        )
        assert answer["terminateRun"]["__typename"] == "TerminateRunSuccess"
        # Another run, over no input, may look after what this one has left untold.
        cancelled = run["runId"], "CANCELED"
        dagster.wait(
            "it is cancelled", lambda: cancelled in [(one["runId"], one["status"]) for one in dagster.runs()]
        )
        # The model never returns: who ends does not wait for it. How long a busy machine takes is not asked.
        wait_for(lambda: not _workers(small, cluster), 60, "workers are left")
        assert [one for one in small.folder.rglob("*-tmp-*") if "dagster" not in one.parts] == []
        assert [name for name in small.files() if "mp4" in name or "png" in name] == []
        assert cluster is None or cluster.left() == []
    (small.folder / "slow_model.py").write_text(SLOWLY.replace("time.sleep(1)", "pass"))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_keys(small, instance, [key for key in KEYS if key != "broken.mp4"]).success
    assert small.files() == whole.files()


def _workers(small: SmallProject, cluster: Cluster | None) -> list[int]:
    """Processes that run the project's models for its run."""
    if cluster is not None:
        return cluster.workers()
    here = str(small.folder).encode()
    return [
        one.pid for one in processes() if "process_worker" in one.command and here in _environment(one.pid)
    ]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
