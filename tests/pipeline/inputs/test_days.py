"""Days of inputs: given once, from the key or the first sighting."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lightly_assets.config import Project, load_project
from lightly_assets.pipeline.inputs.days import day_in_key, days_of, known_days
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.storage import Entry, open_store
from tests.projects import SmallProject

PATTERN = re.compile(Project.model_fields["day_pattern"].default)


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("2026-11-23/a.mp4", "2026-11-23"),
        ("cam/20261123T101500.mp4", "2026-11-23"),
        ("cam/20261123101500.mp4", "2026-11-23"),
        ("2026/11/23/a.mp4", "2026-11-23"),
        ("cam_2026_11_23.mp4", "2026-11-23"),
        ("2026-02-30/2026-03-01.mp4", "2026-03-01"),
        ("cam/12345678.mp4", None),
        ("cam/00001234.mp4", None),
        ("cam/9920261123.mp4", None),
        ("a.mp4", None),
    ],
)
def test_dates_in_keys(key: str, day: str | None) -> None:
    assert day_in_key(key, PATTERN) == day


def seen(key: str, day: int) -> Input:
    return Input(key, "video", Entry(key, 1, f"etag:{day}", datetime(2026, 11, day, 23, 59, tzinfo=UTC)))


def test_a_day_never_moves(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    small.write(partitions="day")
    project, state = load_project(small.config), open_store(small.state)
    assert days_of(state, project, [seen("a.mp4", 1), seen("2026-10-05.mp4", 1)]) == {
        "a.mp4": "2026-11-01",
        "2026-10-05.mp4": "2026-10-05",
    }
    # Replaced later, and looked at by another machine.
    again = days_of(open_store(small.state), project, [seen("a.mp4", 9), seen("b.mp4", 9)])
    assert again == {"a.mp4": "2026-11-01", "b.mp4": "2026-11-09"}
    # Whoever asks for days gives none.
    known = known_days(open_store(small.state), project, ["a.mp4", "c.mp4", "2026-10-05.mp4"])
    assert known == {"a.mp4": "2026-11-01", "2026-10-05.mp4": "2026-10-05"}
    # Only what has no date of its own is remembered.
    text = "".join(path.read_text() for path in (small.state / "days").iterdir())
    assert "a.mp4" in text and "2026-10-05" not in text


def test_other_projects_have_no_days(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    assert days_of(open_store(small.state), load_project(small.config), [seen("a.mp4", 1)]) == {}
    assert not (small.state / "days").exists()
