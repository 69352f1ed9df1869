"""Dagster's UI as ``lightly-assets ui`` starts it: graph, one video, a failed check, a run that is ended."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.day.conftest import Dagster
from tests.projects import SmallProject, positions, write_video

SLOW = """
import time
from pathlib import Path

from square_model import boxes


def find(images):
    if (Path(__file__).parent / "slow").exists():
        time.sleep(1)
    return [boxes(image) for image in images]
"""
PATIENCE = 60_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    small = SmallProject(tmp_path_factory.mktemp("ui") / "project")
    (small.folder / "slow_model.py").write_text(SLOW)
    small.settings["tasks"][0]["model"]["call"] = "slow_model:find"
    small.write()
    write_video(small.input / "good.mp4", positions(12))
    write_video(small.input / "long.mp4", positions(400))
    (small.input / "bad.mp4").write_bytes(b"no video" * 99)
    return small


@pytest.fixture(scope="module")
def dagster(small: SmallProject) -> Iterator[Dagster]:
    dagster = Dagster(small, small.folder / "ui.log")
    try:
        dagster.wait("the graph is loaded", lambda: dagster.ask("{ assetNodes { id } }")["assetNodes"])
        yield dagster
    finally:
        dagster.stop()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


def open_page(page: Any, dagster: Dagster, path: str) -> Any:
    page.goto(f"http://127.0.0.1:{dagster.port}{path}")
    return page


def launch(page: Any, dagster: Dagster, key: str) -> str:
    """All assets of the graph for one video, as a person does it; the id of the run."""
    before = {run["runId"] for run in dagster.runs()}
    open_page(page, dagster, "/asset-groups")
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Select a partition or create one").click()
    page.get_by_text(key, exact=True).locator("visible=true").last.click()
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Launch 1 run").click()
    found: str = dagster.wait(
        f"there is a run for {key}",
        lambda: next((run["runId"] for run in dagster.runs() if run["runId"] not in before), None),
    )
    return found


def status(dagster: Dagster, run: str) -> str:
    return next(str(one["status"]) for one in dagster.runs() if one["runId"] == run)


def until(dagster: Dagster, run: str, *wanted: str) -> None:
    dagster.wait(f"the run is {wanted}", lambda: status(dagster, run) in wanted)


@pytest.fixture
def keep(request: pytest.FixtureRequest, small: SmallProject) -> Callable[[Any], Path]:
    """Keeps a picture of a page beside the project, to look at."""

    def keep(page: Any) -> Path:
        path = small.folder / f"{request.node.name}.png"
        page.screenshot(path=path)
        return path

    return keep


def test_the_graph_is_read_as_the_chain(page: Any, dagster: Dagster, keep: Callable[[Any], Path]) -> None:
    open_page(page, dagster, "/asset-groups")
    groups = ("input", "task_squares", "worker")
    for group in groups:
        page.get_by_text(group, exact=True).first.wait_for()
    listed = [page.get_by_text(group, exact=True).first.bounding_box()["y"] for group in groups]
    drawn = [page.get_by_text(group, exact=True).last.bounding_box()["x"] for group in groups]
    assert listed == sorted(listed) and drawn == sorted(drawn) and len(set(drawn)) == 3
    assert keep(page).stat().st_size > 10_000


def test_a_video_is_launched_and_its_picture_seen(
    page: Any, dagster: Dagster, small: SmallProject, keep: Callable[[Any], Path]
) -> None:
    run = launch(page, dagster, "good.mp4")
    until(dagster, run, "SUCCESS", "FAILURE")
    open_page(page, dagster, f"/runs/{run}")
    page.get_by_text("Success", exact=True).first.wait_for()
    assert len([name for name in small.files() if name.startswith("squares/good-")]) == 12
    open_page(page, dagster, "/assets/squares/singletons")
    page.get_by_text("slow_model.py", exact=True).locator("visible=true").first.wait_for()
    page.get_by_text("[Show Markdown]").first.click()
    picture = page.get_by_role("dialog").get_by_role("img", name="predictions")
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 96
    keep(page)


def test_a_failed_check_says_why(page: Any, dagster: Dagster, keep: Callable[[Any], Path]) -> None:
    run = launch(page, dagster, "bad.mp4")
    until(dagster, run, "FAILURE", "SUCCESS")
    open_page(page, dagster, f"/runs/{run}")
    page.get_by_text("Failure", exact=True).first.wait_for()
    open_page(page, dagster, "/assets/frames?view=checks&checkDetail=frame_count_matches")
    page.get_by_text("Failed", exact=True).locator("visible=true").first.wait_for()
    page.get_by_text("Execution history", exact=True).click()
    page.get_by_text("'bad.mp4': 0 frames decode").locator("visible=true").first.wait_for()
    keep(page)


def test_a_run_is_ended_and_goes_on_another_time(
    page: Any, dagster: Dagster, small: SmallProject, keep: Callable[[Any], Path]
) -> None:
    """Nothing of it is half published; the next run makes all of it."""
    slow = small.folder / "slow"
    slow.touch()
    try:
        run = launch(page, dagster, "long.mp4")
        until(dagster, run, "STARTED")
        dagster.wait("the model works", lambda: status(dagster, run) != "STARTING")
        open_page(page, dagster, f"/runs/{run}")
        page.get_by_role("button", name="Terminate").click()
        page.get_by_role("dialog").get_by_role("button", name="Terminate").click()
        until(dagster, run, "CANCELED", "FAILURE", "SUCCESS")
        page.get_by_text("Canceled", exact=True).first.wait_for()
        keep(page)
    finally:
        slow.unlink()
    assert not [name for name in small.files() if name.startswith("squares/long-")]
    again = launch(page, dagster, "long.mp4")
    until(dagster, again, "SUCCESS", "FAILURE", "CANCELED")
    assert status(dagster, again) == "SUCCESS"
    assert len([name for name in small.files() if name.startswith("squares/long-")]) == 400
