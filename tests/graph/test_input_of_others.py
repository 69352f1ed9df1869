"""The asset ``videos``, made by assets of others: whatever is said of it, every way to run works."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lightly_assets.definitions import build_definitions
from lightly_assets.graph.keys import Names
from lightly_assets.graph.partitions import add_partitions, partitions_definition
from tests.graph.conftest import Daemon
from tests.graph.test_chain import materialised, run_keys, run_range
from tests.processes import call, environment
from tests.projects import SmallProject, positions, write_video

Maker = Callable[[dg.DagsterInstance], None]
DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")
KEYS = ["a.mp4", "b.mp4"]


@pytest.fixture
def videos(small: SmallProject, instance: dg.DagsterInstance) -> SmallProject:
    for key in KEYS:
        write_video(small.input / key, positions(3))
    add_partitions(instance, KEYS)
    return small


def reported(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("videos", partition="a.mp4"))


def reported_as_a_whole(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("videos"))


def observed(instance: dg.DagsterInstance) -> None:
    @dg.observable_source_asset(name="videos", partitions_def=partitions_definition())
    def source() -> dg.DataVersionsByPartition:
        return dg.DataVersionsByPartition({"a.mp4": "1"})

    assert dg.materialize([source], instance=instance, selection="videos").success


def checked(instance: dg.DagsterInstance) -> None:
    reported(instance)
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(dg.AssetKey("videos"), "present", passed=False, partition="a.mp4")
    )


def of_another_code_location(definition: dg.PartitionsDefinition[str] | None, *keys: str | None) -> Maker:
    """An asset of the same key, in definitions that know nothing of ours."""

    def make(instance: dg.DagsterInstance) -> None:
        @dg.asset(key="videos", partitions_def=definition)
        def theirs() -> dg.MaterializeResult[None]:
            return dg.MaterializeResult(metadata={"clips": 2})

        for key in keys:
            assert dg.materialize([theirs], instance=instance, partition_key=key).success

    return make


MAKERS: dict[str, Maker] = {
    "reported": reported,
    "reported as a whole": reported_as_a_whole,
    "observed": observed,
    "checked": checked,
    "another code location": of_another_code_location(partitions_definition(), "a.mp4"),
    "one without partitions": of_another_code_location(None, None),
    "one with days": of_another_code_location(DAYS, "2026-01-01", "2026-01-02"),
}


@pytest.mark.parametrize("made", MAKERS.values(), ids=MAKERS.keys())
def test_the_sensors_run_goes_on(
    videos: SmallProject, instance: dg.DagsterInstance, daemon: Daemon, made: Maker
) -> None:
    made(instance)
    (request,) = daemon.tick()
    assert daemon.launch(request).success
    assert materialised(instance, "squares/task_folder") == set(KEYS)


def by_partition(small: SmallProject, instance: dg.DagsterInstance) -> Any:
    job = build_definitions(small.config).resolve_job_def("predictions")
    return job.execute_in_process(instance=instance, partition_key="a.mp4", raise_on_error=False)


def some_assets(small: SmallProject, instance: dg.DagsterInstance) -> Any:
    """Only the end of the chain, which reads what earlier runs have made."""
    job = build_definitions(small.config).resolve_job_def("predictions")
    return job.execute_in_process(
        instance=instance,
        run_config={"ops": {"chain": {"config": {"partitions": KEYS}}}},
        asset_selection=[dg.AssetKey(["squares", "task_folder"])],
        raise_on_error=False,
    )


@pytest.mark.parametrize(
    "run",
    [
        by_partition,
        lambda small, instance: run_range(small, instance, *KEYS),
        lambda small, instance: run_range(small, instance, *KEYS, ["squares/singletons"]),
        some_assets,
    ],
    ids=["a partition", "a backfill", "a backfill of one asset", "some assets by configuration"],
)
def test_every_way_of_the_ui_goes_on(
    videos: SmallProject, instance: dg.DagsterInstance, run: Callable[..., Any]
) -> None:
    assert run_keys(videos, instance, KEYS).success
    reported(instance)
    assert run(videos, instance).success


def test_the_command_line_goes_on(videos: SmallProject, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        add_partitions(instance, KEYS)
        reported(instance)
    done = call(videos.folder, "run", env=environment(DAGSTER_HOME=str(home)))
    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        assert materialised(instance, "squares/task_folder") == set(KEYS)


def test_only_our_own_step_is_left_alone(instance: dg.DagsterInstance) -> None:
    """What Dagster says of others' assets stays as it is."""
    theirs = partitions_definition(Names("theirs"))

    @dg.asset(partitions_def=theirs)
    def source() -> None: ...

    @dg.asset(partitions_def=theirs, deps=[source])
    def target() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult()

    instance.report_runless_asset_event(dg.AssetMaterialization("source", partition="a"))
    job = dg.Definitions(
        assets=[source, target], jobs=[dg.define_asset_job("only", selection=["target"])]
    ).resolve_job_def("only")
    with pytest.raises(dg.DagsterInvariantViolationError, match="non-partitioned run"):
        job.execute_in_process(instance=instance)


def test_an_asset_that_writes_the_input_and_two_projects_behind_it(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """In one code location: the asset by days, the projects by video; all of it is run."""
    front, rear = (SmallProject(tmp_path / name) for name in ("front", "rear"))

    @dg.multi_asset(
        specs=[
            dg.AssetSpec("clips", partitions_def=DAYS),
            dg.AssetSpec(["raw", "rear"], partitions_def=DAYS),
        ]
    )
    def written(context: dg.AssetExecutionContext) -> Any:
        for name, key, small in (("front", "clips", front), ("rear", "raw/rear", rear)):
            video = write_video(small.input / f"{context.partition_key}.mp4", positions(3))
            add_partitions(context.instance, [video.name], Names(name))
            context.log_event(dg.AssetMaterialization([name, "videos"], partition=video.name))
            yield dg.MaterializeResult(asset_key=dg.AssetKey.from_user_string(key))

    both = dg.Definitions.merge(
        dg.Definitions(assets=[written]),
        build_definitions(front.config, prefix="front", upstream=["clips"]),
        build_definitions(rear.config, prefix="rear", upstream=["raw/rear"]),
    )
    dg.Definitions.validate_loadable(both)
    graph = both.resolve_asset_graph()
    assert graph.get(dg.AssetKey(["rear", "videos"])).parent_keys == {dg.AssetKey(["raw", "rear"])}
    result = dg.materialize([written], instance=instance, partition_key="2026-01-01")
    assert result.success
    for name in ("front", "rear"):
        done = both.resolve_job_def(Names(name).predictions_job).execute_in_process(
            instance=instance,
            run_config={"ops": {Names(name).chain: {"config": {"partitions": ["2026-01-01.mp4"]}}}},
        )
        assert done.success
        assert materialised(instance, f"{name}/squares/task_folder") == {"2026-01-01.mp4"}
