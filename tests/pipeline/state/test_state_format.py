"""The state says its format: one of before is taken over, a newer one is refused untouched."""

import json
from pathlib import Path

import pytest

from lightly_assets.config import load_project
from lightly_assets.errors import BadValue, LightlyAssetsError
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state.records import NewerStateError
from lightly_assets.pipeline.watching.look import Watch
from tests.projects import SmallProject, positions, read_folder, write_video


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "a.mp4", positions(3))
    return small


def run(small: SmallProject) -> None:
    with Session(load_project(small.config)) as session:
        for outcome in session.run(session.plan()):
            assert not outcome.problems()
        session.finish()


def test_the_first_run_says_it_and_the_next_leaves_it(small: SmallProject) -> None:
    run(small)
    place = small.state / "format.json"
    written = place.read_bytes()
    assert json.loads(written)["format"] == 1
    place.write_text('{"format": 1, "written_by": "somebody"}')
    run(small)
    assert "somebody" in place.read_text()


def test_a_state_of_before_is_taken_over(small: SmallProject) -> None:
    run(small)
    before = small.files()
    (small.state / "format.json").unlink()
    small.calls()
    run(small)
    assert small.calls() == [] and small.files() == before
    assert (small.state / "format.json").is_file()


def test_a_newer_state_is_refused_and_stays_as_it_is(small: SmallProject) -> None:
    run(small)
    (small.state / "format.json").write_text('{"format": 2, "written_by": "9.0"}')
    before = read_folder(small.state), small.files()
    project = load_project(small.config)
    for work in (lambda: Session(project), lambda: Watch(project, lambda one, days: one.key)):
        with pytest.raises(NewerStateError) as caught:
            work()
        text = str(caught.value)
        assert "the state has format 2, of lightly-assets 9.0" in text and "pip install -U" in text
        assert str(small.state) in text
    assert (read_folder(small.state), small.files()) == before


def test_a_newer_record_is_refused_too(small: SmallProject) -> None:
    """Where a newer version has written into a state that says nothing newer."""
    run(small)
    (record,) = (small.state / "manifests/tasks/squares").rglob("*.json")
    record.write_text(record.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(LightlyAssetsError, match="has format 2, of a newer lightly-assets"):
        run(small)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "new"}', "null"])
def test_what_says_nothing_is_told(small: SmallProject, text: str) -> None:
    small.state.mkdir(exist_ok=True)
    (small.state / "format.json").write_text(text)
    with pytest.raises(BadValue, match=r"format\.json does not say a format; delete it"):
        run(small)
