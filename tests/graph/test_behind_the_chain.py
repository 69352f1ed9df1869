"""Assets behind the chain, made in the same run of Dagster: the report, the selection, and a user's own."""

import sys
from collections import Counter
from typing import Any

import dagster as dg
import pytest

from lightly_assets.definitions import build_definitions
from tests.graph.test_selection_and_evaluated import SELECTION
from tests.graph.test_worker_run import SETTINGS
from tests.projects import SmallProject, positions, write_video


def test_assets_behind_the_chain_are_made_in_the_same_run(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    """What another asset depends on is an output of the run, and no second materialisation."""
    for key in ("a.mp4", "b.mp4"):
        write_video(small.input / key, positions(3))

    @dg.asset(deps=["tasks_json"])
    def handed_on() -> None: ...

    @dg.asset(deps=[dg.AssetKey(["squares", "task_folder"])])
    def counted() -> None: ...

    merged = dg.Definitions.merge(
        build_definitions(small.config), dg.Definitions(assets=[handed_on, counted])
    )
    job = merged.resolve_implicit_global_asset_job_def()

    def run(**config: Any) -> dict[str, int]:
        result = job.execute_in_process(
            instance=instance, run_config={"ops": {"chain": {"config": config}}}, raise_on_error=False
        )
        made = [one.asset_key.to_user_string() for one in result.get_asset_materialization_events()]
        return dict(Counter(made)) | {"ok": int(result.success)}

    each = dict.fromkeys(("frames", "squares/predictions", "squares/singletons", "squares/task_folder"), 2)
    once = dict.fromkeys(("tasks_json", "report", "handed_on", "counted", "ok"), 1)
    assert run(everything=True) == each | once
    (small.input / "bad.mp4").write_bytes(b"no video" * 99)
    assert {"handed_on", "counted", "report"}.isdisjoint(run(everything=True))


def test_a_selection_whose_package_is_missing_is_left_out_of_a_run_of_all(
    small: SmallProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for alone it fails with what to install."""
    write_video(small.input / "a.mp4", positions(12))
    small.write(worker_run=SETTINGS | {"selection_config": SELECTION})
    job = build_definitions(small.config).resolve_implicit_global_asset_job_def()

    def run(only: list[dg.AssetKey] | None = None) -> dict[str, bool]:
        config = None if only else {"ops": {"chain": {"config": {"everything": True}}}}
        result = job.execute_in_process(
            instance=instance, run_config=config, asset_selection=only, raise_on_error=False
        )
        made = {one.asset_key.to_user_string() for one in result.get_asset_materialization_events()}
        return {"ok": result.success, "selection": "selection" in made}

    monkeypatch.setitem(sys.modules, "lightly", None)  # worker_run would load it, which takes its time
    assert run() == {"ok": True, "selection": True}
    monkeypatch.setitem(sys.modules, "lightly_mundig", None)
    assert run() == {"ok": True, "selection": False}
    assert run([dg.AssetKey("selection")]) == {"ok": False, "selection": False}
