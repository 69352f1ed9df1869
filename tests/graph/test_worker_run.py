"""The asset ``worker_run``: it opens only on what is right now."""

import json
from typing import Any

import dagster as dg
import pytest

from lightly_assets.config import ConfigError
from lightly_assets.definitions import build_definitions
from lightly_assets.graph.keys import PLAIN
from tests.graph.conftest import Daemon
from tests.projects import SmallProject, positions, write_video

SETTINGS = {
    "dataset": "streets",
    "input_type": "videos",
    "selection_config": {
        "n_samples": 2,
        "strategies": [{"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}],
    },
}


def run_worker(small: SmallProject, instance: dg.DagsterInstance) -> Any:
    """The asset alone, as from the UI."""
    job = build_definitions(small.config).resolve_job_def(PLAIN.worker_job)
    return job.execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey("worker_run")], raise_on_error=False
    )


def reason(result: Any) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    return str(failure.step_failure_data.user_failure_data.description)


def test_it_is_there_only_where_it_is_configured(small: SmallProject) -> None:
    assert not build_definitions(small.config).resolve_asset_graph().has(dg.AssetKey("worker_run"))
    small.write(worker_run=SETTINGS)
    graph = build_definitions(small.config).resolve_asset_graph()
    assert graph.get(dg.AssetKey("worker_run")).parent_keys == {dg.AssetKey("tasks_json")}
    small.write(worker_run=SETTINGS | {"input_type": "sounds"})
    with pytest.raises(ConfigError, match="worker_run"):
        build_definitions(small.config)


def test_it_checks_now_and_writes_the_request(
    small: SmallProject, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIGHTLY_TOKEN", raising=False)
    small.write(worker_run=SETTINGS)
    video = write_video(small.input / "a.mp4", positions(5))
    assert "new or has changed" in reason(run_worker(small, daemon.instance))
    daemon.work()
    result = run_worker(small, daemon.instance)
    assert result.success
    (event,) = result.get_asset_materialization_events()
    metadata = {name: value.value for name, value in event.materialization.metadata.items()}
    assert metadata["scheduled"] is False and "request by hand" in str(metadata["not_scheduled"])
    request = json.loads((small.lightly / ".lightly/lightly_assets/worker_run.json").read_bytes())
    assert request["dataset"]["name"] == "streets"
    assert small.lightly.joinpath(str(metadata["relevant_filenames"])).read_text().split() == ["a.mp4"]
    assert str(metadata["request"]).endswith("worker_run.json")
    # An earlier success counts for nothing: the video is replaced, or a file is lost.
    write_video(video, positions(12))
    assert "'a.mp4' has no predictions of its present content" in reason(run_worker(small, daemon.instance))
    daemon.work()
    (small.predictions / "squares/a-07-mp4.json").unlink()
    assert "a-07-mp4.json" in reason(run_worker(small, daemon.instance))


def test_in_one_run_with_the_chain(small: SmallProject, daemon: Daemon) -> None:
    small.write(worker_run=SETTINGS)
    write_video(small.input / "a.mp4", positions(5))
    job = build_definitions(small.config).resolve_job_def(PLAIN.worker_job)

    def run() -> Any:
        keys = [path.name for path in sorted(small.input.iterdir())]
        daemon.instance.add_dynamic_partitions("lightly_inputs", keys)
        config = {"ops": {"chain": {"config": {"partitions": keys}}}}
        return job.execute_in_process(instance=daemon.instance, run_config=config, raise_on_error=False)

    made = [one.asset_key.to_user_string() for one in run().get_asset_materialization_events()]
    assert made[-2:] == ["tasks_json", "worker_run"]
    (small.input / "b.mp4").write_bytes(b"nothing" * 99)
    result = run()
    assert not result.success
    made = [one.asset_key.to_user_string() for one in result.get_asset_materialization_events()]
    assert "tasks_json" in made and "worker_run" not in made
