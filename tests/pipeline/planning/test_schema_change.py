"""Categories are added, renamed, reordered and removed: a listed task never disagrees with its files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.checker.check import check
from lightly_assets.config import load_project
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.status import project_status
from tests.projects import SmallProject, positions, task, write_video

BOX = [{"id": 0, "name": "box"}]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallProject]:
    small = SmallProject(tmp_path / "project")
    for name in "abc":
        write_video(small.input / f"{name}.mp4", positions(3))
    assert run(small) == {}
    small.calls()
    yield small


def categories(small: SmallProject, *some: dict[str, Any]) -> None:
    changed = task("squares")
    changed["categories"] = list(some)
    small.write(tasks=[changed])


def run(small: SmallProject, keys: list[str] | None = None, stop_after: int | None = None) -> dict[str, str]:
    """A run, or one that is broken off after some units; what it says about tasks and inputs that failed."""
    with Session(load_project(small.config)) as session:
        plan = session.plan(keys=keys)
        failed = {key: next(iter(why.values())) for key, why in plan.problems.items()}
        for number, outcome in enumerate(session.run(plan, sheets=False), 1):
            failed |= {key: next(iter(why.values())) for key, why in outcome.problems().items()}
            if number == stop_after:
                return failed
        return failed | session.finish()


def published(small: SmallProject, *, complete: bool = True) -> list[str]:
    """The names of the published schema; what is listed passes every rule, at any time."""
    listed = small.read("tasks.json")
    if listed:
        assert check(small.lightly, small.input if complete else None).ok
    return [one["name"] for one in small.read("squares/schema.json")["categories"]] if listed else []


def test_a_rename_is_encoded_again_and_nothing_is_predicted(small: SmallProject) -> None:
    categories(small, *BOX)
    assert run(small) == {}
    assert published(small) == ["box"] and small.calls() == []


def test_an_added_category_and_another_order(small: SmallProject) -> None:
    categories(small, {"id": 1, "name": "ball"}, {"id": 0, "name": "square"})
    assert run(small) == {}
    assert published(small) == ["square", "ball"]
    before = small.files()
    categories(small, {"id": 0, "name": "square"}, {"id": 1, "name": "ball"})
    with Session(load_project(small.config)) as session:
        assert session.plan().units == []  # the order in the file means nothing
    assert small.files() == before and small.calls() == []


def test_a_removed_category_that_is_predicted_stops_the_task(small: SmallProject) -> None:
    before = small.files()
    categories(small, {"id": 5, "name": "other"})
    failed = run(small)
    assert failed.keys() >= {"a.mp4", "b.mp4", "c.mp4"} and "category" in failed["a.mp4"]
    assert small.files() == before
    categories(small, {"id": 0, "name": "square"})
    assert run(small) == {} and published(small) == ["square"]


def test_small_batches_encode_and_the_last_one_publishes_all(small: SmallProject) -> None:
    categories(small, *BOX)
    before = small.files()
    for key in ("a.mp4", "b.mp4"):
        assert run(small, [key]) == {}
        assert small.files() == before and published(small) == ["square"]
    with Session(load_project(small.config)) as session:
        write_video(small.input / "d.mp4", positions(3))
        session.look_again()
        assert "was 'square', is now 'box'" in session.plan(keys=["d.mp4"]).waiting["squares"]
        (small.input / "d.mp4").unlink()
    assert run(small, ["c.mp4"]) == {}
    assert published(small) == ["box"]
    with Session(load_project(small.config)) as session:
        assert session.plan().units == [] and project_status(session).waiting == {}
    assert small.calls() == []


def test_broken_off_while_publishing(small: SmallProject) -> None:
    categories(small, *BOX)
    run(small, stop_after=1)
    assert small.read("tasks.json") == []
    assert run(small) == {} and published(small) == ["box"]


def test_broken_off_and_changed_back(small: SmallProject) -> None:
    before = small.files()
    categories(small, *BOX)
    run(small, stop_after=1)
    categories(small, {"id": 0, "name": "square"})
    run(small, stop_after=1)
    assert small.read("tasks.json") == [] or published(small) == ["square"]
    assert run(small) == {}
    assert published(small) == ["square"] and small.files() == before


def test_new_inputs_wait_with_the_others(small: SmallProject) -> None:
    categories(small, *BOX)
    write_video(small.input / "d.mp4", positions(3))
    assert run(small, ["d.mp4"]) == {}
    assert published(small, complete=False) == ["square"]
    assert "squares/d-0-mp4.json" not in small.files()
    assert run(small) == {} and published(small) == ["box"]
    assert "squares/d-0-mp4.json" in small.files()


def test_an_input_that_is_gone_is_in_the_way_until_gc(small: SmallProject) -> None:
    (small.input / "c.mp4").unlink()
    categories(small, *BOX)
    assert run(small) == {} and published(small) == ["square"]
    with Session(load_project(small.config)) as session:
        plan = session.plan()
        assert plan.stuck == {"squares"} and "'c.mp4' is gone" in plan.waiting["squares"]
        collect(session)
    assert run(small) == {} and published(small) == ["box"]


def test_a_paused_input_is_in_the_way_until_it_is_resumed(small: SmallProject) -> None:
    with Session(load_project(small.config)) as session:
        session.pause("c.mp4", "wrong camera")
    categories(small, *BOX)
    assert run(small) == {} and published(small, complete=False) == ["square"]
    with Session(load_project(small.config)) as session:
        text = session.plan().waiting["squares"]
        assert "'c.mp4' is paused (wrong camera): 'lightly-assets resume'" in text and "gc" not in text
        session.resume("c.mp4")
    assert run(small) == {} and published(small) == ["box"]


def test_a_failed_input_keeps_the_old_files(small: SmallProject) -> None:
    categories(small, *BOX)
    (small.input / "b.mp4").write_bytes(b"nothing" * 99)
    before = small.files()
    assert run(small, ["a.mp4", "b.mp4"]).keys() == {"b.mp4"}
    assert run(small, ["c.mp4"]) == {}
    assert small.files() == before
    write_video(small.input / "b.mp4", positions(3))
    assert run(small) == {} and published(small) == ["box"]
