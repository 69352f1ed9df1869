"""What people see in Dagster's UI of the predictions: pictures, numbers to plot, the page; and the switch."""

import json
from typing import Any

import dagster as dg
import pytest

from lightly_assets.definitions import build_definitions
from lightly_assets.report.gather import earlier_figures
from tests.graph.conftest import Daemon
from tests.projects import SIDE, SmallProject, positions, task, write_video

WEBP = b"UklGR"  # how a WebP picture begins as text
SINGLETONS = dg.AssetKey(["squares", "singletons"])


def shown(daemon: Daemon, asset: dg.AssetKey, partition: str | None = None) -> dict[str, Any]:
    """The metadata of the last materialisation, as the UI gets it."""
    event = daemon.instance.get_latest_materialization_event(asset) if partition is None else None
    if partition is not None:
        records = daemon.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset, asset_partitions=[partition]), limit=1
        )
        event = records.records[0].event_log_entry
    assert event is not None and event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def report(small: SmallProject, instance: dg.DagsterInstance) -> Any:
    job = build_definitions(small.config).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey("report")], raise_on_error=False
    )


def test_numbers_that_are_plotted_over_partitions(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(10))
    daemon.work()
    found = shown(daemon, SINGLETONS, "a.mp4")
    # Every fifth frame has no square; the score is 0.3 and a 200th of where the square is.
    assert found["predictions_per_frame"] == 0.8 and found["frames_without_predictions"] == 0.2
    assert 0.3 <= found["median_score"] <= 0.4
    assert all(type(found[name]) is float for name in ("predictions_per_frame", "median_score"))


def test_footage_that_is_private_is_in_no_picture(small: SmallProject, daemon: Daemon) -> None:
    small.write(sensor={"trusted_age_seconds": 0}, pictures=False)
    write_video(small.input / "a.mp4", positions(10))
    daemon.work()
    found = shown(daemon, SINGLETONS, "a.mp4")
    assert "preview" not in found and found["predictions"] == 8
    assert report(small, daemon.instance).success
    assert WEBP not in (small.folder / "report.html").read_bytes()
    databases = list(small.folder.parent.rglob("*.db"))
    assert databases
    for path in databases:
        assert b"data:image" not in path.read_bytes()
    # The switch makes nothing stale, and pictures come with what is done next.
    small.write(sensor={"trusted_age_seconds": 0}, pictures=True)
    assert daemon.work() == []
    write_video(small.input / "b.mp4", positions(10))
    daemon.work()
    assert "preview" in shown(daemon, SINGLETONS, "b.mp4")
    assert report(small, daemon.instance).success
    assert WEBP in (small.folder / "report.html").read_bytes()


def test_the_page_and_where_it_is(small: SmallProject, daemon: Daemon) -> None:
    annotations = [
        {"image_id": index, "category_id": 0, "bbox": [place, 24, SIDE, SIDE]}
        for index, place in enumerate(positions(8))
        if place is not None
    ]
    images = [{"id": index, "file_name": f"a-{index}-mp4.png"} for index in range(8)]
    labels = {"images": images, "annotations": annotations, "categories": [{"id": 0, "name": "square"}]}
    (small.folder / "labels.json").write_text(json.dumps(labels))
    small.write(
        sensor={"trusted_age_seconds": 0}, tasks=[task("squares") | {"evaluate": {"labels": "labels.json"}}]
    )
    failed = report(small, daemon.instance)
    assert not failed.success and not (small.folder / "report.html").exists()
    write_video(small.input / "a.mp4", positions(8))
    daemon.work()
    assert report(small, daemon.instance).success
    found = shown(daemon, dg.AssetKey("report"))
    page = small.folder.resolve() / "report.html"
    assert found["page"] == str(page) and found["bytes"] == page.stat().st_size
    assert (found["files"], found["errors"], found["frames"]) == (8, 0, 8)
    assert found["squares map"] == pytest.approx(1) and found["squares predictions per frame"] == 0.875
    (figures,) = earlier_figures(page)["tasks"]
    assert figures["predictions"] == 7
    graph = build_definitions(small.config).resolve_asset_graph()
    words = graph.get(dg.AssetKey("report")).metadata["look closer"].value
    assert "--serve" in words and str(small.folder.resolve() / "labels.json") in words
