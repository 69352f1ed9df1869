"""Our event log says of every check what Dagster's own says, whatever happened in between."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.storage.asset_check_state import AssetCheckState, bulk_update_asset_check_state
from dagster._core.utils import make_new_run_id

from lightly_assets.graph import event_log
from lightly_assets.graph.checks.verdicts import latest, verdict
from lightly_assets.graph.event_log import ManyPartitions, SqliteEventLog

PARTITIONS = dg.DynamicPartitionsDefinition(name="inputs")
ASSETS = [dg.AssetKey("frames"), dg.AssetKey(["people", "singletons"])]
CHECKS = [dg.AssetCheckKey(asset, name) for asset in ASSETS for name in ("valid", "complete")]
KEYS = [(key, PARTITIONS) for key in CHECKS]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "event_log_storage: {module: lightly_assets.graph.event_log, class: SqliteEventLog, config: {}}\n"
    )
    with dg.DagsterInstance.get() as instance:
        yield instance


def _shape(state: AssetCheckState) -> Any:
    subsets = {status: set(one.subset_value.get_partition_keys()) for status, one in state.subsets.items()}
    runs = {run: set(one.subset_value.get_partition_keys()) for run, one in state.in_progress_runs.items()}
    return {k: v for k, v in subsets.items() if v}, {k: v for k, v in runs.items() if v}


def _agrees(instance: dg.DagsterInstance) -> dict[dg.AssetCheckKey, Any]:
    ours = instance.event_log_storage.get_asset_check_state(KEYS)
    nothing = {key: AssetCheckState.empty() for key in CHECKS}
    with partition_loading_context(dynamic_partitions_store=instance):
        theirs = bulk_update_asset_check_state(instance, KEYS, initial_states=nothing)
    shapes = {key: _shape(ours[key]) for key in CHECKS}
    assert shapes == {key: _shape(theirs[key]) for key in CHECKS}
    return shapes


class _History:
    """Things that may happen to an instance, at random."""

    def __init__(self, instance: dg.DagsterInstance, seed: int) -> None:
        self.instance, self.random = instance, random.Random(seed)
        self.running: list[str] = []

    def step(self) -> None:
        chances = {
            "make": 6,
            "judge": 9,
            "add": 3,
            "delete": 1,
            "wipe": 0.3,
            "plan": 3,
            "end": 2,
            "stray": 0.3,
        }
        name = self.random.choices(list(chances), list(chances.values()))[0]
        getattr(self, name)()

    def partition(self) -> str:
        return f"v{self.random.randrange(5)}.mp4"

    def add(self) -> None:
        self.instance.add_dynamic_partitions("inputs", [self.partition()])

    def delete(self) -> None:
        self.instance.delete_dynamic_partition("inputs", self.partition())

    def make(self) -> None:
        asset = self.random.choice(ASSETS)
        self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=self.partition()))

    def judge(self) -> None:
        key, one = self.random.choice(CHECKS), self.partition()
        about = latest(self.instance, key.asset_key, one)
        problem = self.random.choice([None, "bad"])
        event = DagsterEvent(
            event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION.value,
            job_name=_job.name,
            event_specific_data=verdict(key.asset_key, key.name, one, problem, about=about),
        )
        # Without a run Dagster takes one verdict of a partition only.
        run = self.random.choice(self.running) if self.running else make_new_run_id()
        self.instance.report_dagster_event(event, run)

    def stray(self) -> None:
        """A materialisation without a partition: it speaks for all of them."""
        self.instance.report_runless_asset_event(dg.AssetMaterialization(self.random.choice(ASSETS)))

    def wipe(self) -> None:
        self.instance.wipe_assets([self.random.choice(ASSETS)])

    def plan(self) -> None:
        run = self.instance.create_run_for_job(_job, status=dg.DagsterRunStatus.STARTED)
        self.running.append(run.run_id)
        key = self.random.choice(CHECKS)
        subset = self.random.choice(
            [None, PARTITIONS.subset_with_partition_keys({self.partition(), self.partition()})]
        )
        event = DagsterEvent(
            event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
            job_name=_job.name,
            event_specific_data=AssetCheckEvaluationPlanned(
                asset_key=key.asset_key, check_name=key.name, partitions_subset=subset
            ),
        )
        self.instance.report_dagster_event(event, run.run_id)

    def end(self) -> None:
        if self.running:
            run = self.instance.get_run_by_id(self.running.pop())
            assert run is not None
            ended = self.random.choice([DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE])
            event = DagsterEvent(event_type_value=ended.value, job_name=_job.name)
            self.instance.report_dagster_event(event, run.run_id)


@dg.op
def nothing() -> None: ...


@dg.job
def _job() -> None:
    nothing()


@pytest.mark.parametrize("seed", range(3))
def test_the_state_is_that_of_dagsters_own(instance: dg.DagsterInstance, seed: int) -> None:
    assert isinstance(instance.event_log_storage, SqliteEventLog)
    agrees_all_along(instance, seed)


def agrees_all_along(instance: dg.DagsterInstance, seed: int) -> None:
    """A random history, and every now and then the question."""
    assert isinstance(instance.event_log_storage, ManyPartitions)
    history = _History(instance, seed)
    instance.add_dynamic_partitions("inputs", [f"v{number}.mp4" for number in range(5)])
    seen: set[Any] = set()
    for _ in range(8):
        for _ in range(history.random.randrange(4, 12)):
            history.step()
        instance.event_log_storage._members.clear()  # as after two seconds
        seen |= {status for subsets, _ in _agrees(instance).values() for status in subsets}
    assert len(seen) >= 4, "this history says little"


def test_only_partitions_with_news_are_read_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_only_news(instance, monkeypatch)


def reads_only_news(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of the database, beside how much there is."""
    storage = instance.event_log_storage
    assert isinstance(storage, ManyPartitions)
    monkeypatch.setattr(event_log, "_OVERLAP", 0)
    names = [f"v{number}.mp4" for number in range(30)]
    instance.add_dynamic_partitions("inputs", names)
    for name in names:
        instance.report_runless_asset_event(dg.AssetMaterialization(ASSETS[0], partition=name))
        about = latest(instance, ASSETS[0], name)
        instance.report_runless_asset_event(verdict(ASSETS[0], "valid", name, None, about=about))
    _agrees(instance)
    asked: list[Any] = []
    usual = storage.get_asset_check_partition_info

    def watched(keys: Any, after_storage_id: Any = None, partition_keys: Any = None) -> Any:
        asked.append(partition_keys)
        return usual(keys, after_storage_id, partition_keys)

    monkeypatch.setattr(storage, "get_asset_check_partition_info", watched)
    storage.get_asset_check_state(KEYS)
    assert asked == []
    instance.report_runless_asset_event(dg.AssetMaterialization(ASSETS[0], partition="v7.mp4"))
    storage.get_asset_check_state(KEYS)
    assert asked == [["v7.mp4"]] * 2, "both checks of the asset, and nothing else"


def test_a_new_partition_is_there_at_once_and_one_deleted_elsewhere_soon(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.add_dynamic_partitions("inputs", ["a.mp4", "b.mp4"])
    assert instance.has_dynamic_partition("inputs", "a.mp4")
    instance.add_dynamic_partitions("inputs", ["c.mp4"])
    assert instance.has_dynamic_partition("inputs", "c.mp4")
    assert not instance.has_dynamic_partition("inputs", "d.mp4")
    instance.delete_dynamic_partition("inputs", "a.mp4")
    assert not instance.has_dynamic_partition("inputs", "a.mp4")
    with dg.DagsterInstance.from_ref(instance.get_ref()) as other:
        other.delete_dynamic_partition("inputs", "b.mp4")
    monkeypatch.setattr(event_log, "_MEMBERS_SECONDS", 0.0)
    assert not instance.has_dynamic_partition("inputs", "b.mp4")
