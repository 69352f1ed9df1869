"""Whatever is changed in a task's files, the checker says something or the format's models accept it."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightly_assets.checker.check import check
from lightly_assets.checker.report import Report
from lightly_assets.format.rules.table import RULES
from lightly_assets.format.schema import Schema
from lightly_assets.format.singletons import parse_prediction_file
from lightly_assets.format.tasks import parse_tasks
from tests.checker.test_check import GOOD, Files, good_files, write
from tests.mutations import JUNK, WORDS, changed, places, spliced

NAMES = ["tasks.json", "task/schema.json", "task/a.json", "task/sub/b.c.json"]


def verified(files: Files) -> Report:
    """The report, which can be shown in every way; where it has no error, the models accept the files."""
    with TemporaryDirectory() as folder:
        write(Path(folder), files)
        report = check(folder)
    json.dumps(report.to_json(), ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    report.to_text().encode("utf-8", "backslashreplace")
    assert {one.rule for one in report.findings} <= RULES.keys()
    if report.ok and "task" in parse_tasks(files["tasks.json"]):
        schema = Schema.parse(files["task/schema.json"])
        for name in NAMES[2:]:
            parse_prediction_file(schema.task_type, files[name])
    return report


@settings(max_examples=500)
@given(st.sampled_from(sorted(GOOD)), st.sampled_from(NAMES), st.data())
def test_changed_values(task_type: str, name: str, data: st.DataObject) -> None:
    files = good_files(task_type)
    document = json.loads(files[name])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(document)))
        document = changed(document, path, data.draw(st.sampled_from(JUNK)), data.draw(st.booleans()))
    verified({**files, name: json.dumps(document).encode()})


@settings(max_examples=500)
@given(st.sampled_from(sorted(GOOD)), st.sampled_from(NAMES), st.data())
def test_changed_bytes(task_type: str, name: str, data: st.DataObject) -> None:
    files = good_files(task_type)
    content = files[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start, length = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 8))
        word = data.draw(st.sampled_from(WORDS) | st.binary(max_size=6))
        content = spliced(content, start, length, word)
    verified({**files, name: content})


@settings(max_examples=200)
@given(st.sampled_from(NAMES), st.binary(max_size=64))
def test_any_bytes(name: str, content: bytes) -> None:
    verified({**good_files("object-detection"), name: content})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task_type", GOOD)
def test_cut_anywhere(task_type: str, name: str) -> None:
    files = good_files(task_type)
    for end in range(0, len(files[name]), 7):
        assert not verified({**files, name: files[name][:end]}).ok
