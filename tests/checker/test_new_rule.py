"""A new rule of ``check`` is one new file: seen by the checker and by publishing, and documented."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightly_assets.checker.check import check
from lightly_assets.format.rules.documentation import rules_table
from lightly_assets.format.rules.findings import finding
from lightly_assets.format.rules.table import RULES, ordered_rules

RULE = '''
"""Predictions that are sure of everything."""

from lightly_assets.format.rules.table import prediction_rule


@prediction_rule("score-certain", "warning", "A score is exactly 1.", after="score-range")
def score_certain(one):
    if one.score == 1:
        yield "/score", "score is 1; few models are that sure."
'''


@pytest.fixture
def with_rule(tmp_path: Path) -> Iterator[None]:
    own = tmp_path / "rules"
    own.mkdir()
    (own / "score_certain.py").write_text(RULE)
    with RULES.trial(own):
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good files; the new rule has no form for arrays, so the fast path has to look at each of them."""
    task = tmp_path / "lightly/.lightly/predictions/task"
    task.mkdir(parents=True)
    (task.parent / "tasks.json").write_text('["task"]')
    schema = {"task_type": "classification", "categories": [{"id": 0, "name": "car"}]}
    (task / "schema.json").write_text(json.dumps(schema))
    for name, scores in (("a", [1, 0.5, 1]), ("b", [0.5]), ("c", [1, "much"])):
        predictions = [{"category_id": 0, "score": score} for score in scores]
        content = {"file_name": f"{name}.png", "predictions": predictions}
        (task / f"{name}.json").write_text(json.dumps(content))
    return tmp_path / "lightly"


def test_a_rule_in_a_file_of_its_own_is_found_and_documented(with_rule: None, folder: Path) -> None:
    found = {(one.rule, one.file, one.pointer, one.count) for one in check(folder).findings}
    assert found == {
        ("score-certain", "task/a.json", "/predictions/0/score", 2),
        ("score-certain", "task/c.json", "/predictions/0/score", 1),
        ("score-type", "task/c.json", "/predictions/1/score", 1),
    }
    assert "| `score-certain` | warning | A score is exactly 1. |" in rules_table()
    names = ordered_rules()
    assert names[names.index("score-range") + 1] == "score-certain"
    assert finding("score-certain", "f", "", "m").severity == "warning"


def test_without_the_file_nobody_knows_the_rule(folder: Path) -> None:
    assert {one.rule for one in check(folder).findings} == {"score-type"}
    assert "score-certain" not in rules_table()


def test_every_rule_is_listed_once() -> None:
    assert sorted(ordered_rules()) == sorted(RULES)
