"""The alert of docs/operations.md names the inputs that failed."""

import re
from pathlib import Path

import dagster as dg
import pytest

from tests.graph.test_chain import run_keys
from tests.projects import SmallProject, positions, write_video

TEXT = (Path(__file__).parents[2] / "docs/operations.md").read_text()


def test_the_alert_names_what_failed(
    small: SmallProject,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_video(small.input / "a.mp4", positions(2))
    (small.input / "broken.mp4").write_bytes(b"no video")
    monkeypatch.chdir(small.folder)
    (code,) = re.findall(r"```python\n(import dagster.*?run_failure_sensor.*?)```", TEXT, re.DOTALL)
    names: dict[str, dg.Definitions | dg.SensorDefinition] = {}
    exec(code, names)
    definitions = names["defs"]
    assert isinstance(definitions, dg.Definitions)
    assert definitions.resolve_job_def("predictions") and definitions.resolve_sensor_def("tell_somebody")
    result = run_keys(small, instance, ["a.mp4", "broken.mp4"])
    assert not result.success
    (event,) = [one for one in result.all_events if one.event_type == dg.DagsterEventType.RUN_FAILURE]
    context = dg.build_run_status_sensor_context(
        "tell_somebody", dagster_instance=instance, dagster_run=result.dagster_run, dagster_event=event
    ).for_run_failure()
    sensor = names["tell_somebody"]
    assert callable(sensor)
    sensor(context)
    told = capsys.readouterr().out
    assert "frame_count_matches of broken.mp4: 'broken.mp4'" in told and "of a.mp4" not in told
