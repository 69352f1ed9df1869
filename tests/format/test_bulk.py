"""Many files at once must say the same as one file at a time."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.rules.fast_path import ParsedFile, find_suspects
from lightly_assets.format.rules.file_rules import check_prediction_file
from lightly_assets.format.rules.prediction_rules import Expected
from lightly_assets.format.schema import Schema
from tests.mutations import JUNK, WORDS, changed, places, spliced

MASK = [2, 2, 4, 2, 14]
SINGLETONS: dict[str, dict[str, Any]] = {
    "classification": {"category_id": 1, "score": 0.7, "probabilities": [0.3, 0.7]},
    "object-detection": {"category_id": 0, "bbox": [1, 1, 2.5, 3], "score": 1, "probabilities": [0.6, 0.4]},
    "keypoint-detection": {
        "category_id": 0,
        "keypoints": [1, 1, 0.5, 5.5, 2, 0],
        "score": 0.5,
        "bbox": [1, 1, 2, 2],
    },
    "instance-segmentation": {"category_id": 1, "segmentation": MASK, "score": 0.25, "bbox": [2, 0, 2, 2]},
    "semantic-segmentation": {"category_id": 0, "segmentation": MASK, "score": 0},
}
CATEGORIES = [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]


@settings(max_examples=400)
@given(st.sampled_from(sorted(SINGLETONS)), st.booleans(), st.data())
def test_whatever_has_a_finding_is_a_suspect(task_type: str, sized: bool, data: st.DataObject) -> None:
    schema = Schema.parse({"task_type": task_type, "categories": CATEGORIES})
    expected = Expected("a.png", 6, 4) if sized else Expected()
    good = {"file_name": "a.png", "predictions": [SINGLETONS[task_type]] * 2}
    documents = [good]
    for _ in range(data.draw(st.integers(1, 4))):
        document = documents[-1] if data.draw(st.booleans()) else good
        path = data.draw(st.sampled_from(places(document)))
        documents.append(changed(document, path, data.draw(st.sampled_from(JUNK)), data.draw(st.booleans())))
    contents = [json.dumps(document).encode() for document in documents]
    files = [ParsedFile(content, orjson.loads(content), "a", expected) for content in contents]
    suspects = find_suspects(files, schema)
    for index, content in enumerate(contents):
        findings = check_prediction_file(content, "task/a.json", schema, expected)
        assert not findings or index in suspects, findings
    assert 0 not in suspects or len(suspects) > 1


@settings(max_examples=600)
@given(st.sampled_from(sorted(SINGLETONS)), st.sampled_from(["a", "true", "false/u"]), st.data())
def test_files_changed_byte_by_byte_are_suspects_too(task_type: str, stem: str, data: st.DataObject) -> None:
    schema = Schema.parse({"task_type": task_type, "categories": CATEGORIES})
    document = {"file_name": f"{stem}.png", "predictions": [SINGLETONS[task_type]] * 2}
    good = json.dumps(document).encode()
    contents = [good]
    for _ in range(data.draw(st.integers(1, 3))):
        start, length = data.draw(st.integers(0, len(good))), data.draw(st.integers(0, 8))
        contents.append(spliced(good, start, length, data.draw(st.sampled_from(WORDS))))
    files = [ParsedFile(content, _parsed(content), stem, Expected()) for content in contents]
    suspects = find_suspects(files, schema)
    for index, content in enumerate(contents):
        findings = check_prediction_file(content, f"task/{stem}.json", schema)
        assert not findings or index in suspects, (content, findings)


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


@pytest.mark.parametrize("stem", ["true", "false/u", "untrue falsehoods/fu"])
def test_words_in_the_name_are_no_values(stem: str) -> None:
    schema = Schema.parse({"task_type": "object-detection", "categories": CATEGORIES})
    good = {"file_name": f"{stem}.png", "predictions": [SINGLETONS["object-detection"]]}
    documents = [good, *(changed(good, ("predictions", 0, "score"), word, False) for word in (True, False))]
    contents = [json.dumps(document).encode() for document in documents]
    files = [ParsedFile(content, _parsed(content), stem, Expected()) for content in contents]
    assert find_suspects(files, schema) == [1, 2]


def test_a_further_key_is_found_beside_files_of_fewer_predictions() -> None:
    schema = Schema.parse({"task_type": "object-detection", "categories": CATEGORIES})
    row = SINGLETONS["object-detection"]
    rows = [[row], [row, {**row, "id": 1}], [row] * 3]
    contents = [json.dumps({"file_name": "a.png", "predictions": one}).encode() for one in rows]
    contents.append(contents[0].replace(b'"score": 1', b'"score": 9, "score": 1'))
    files = [ParsedFile(content, _parsed(content), "a", Expected()) for content in contents]
    assert find_suspects(files, schema) == [1, 3]


@pytest.mark.parametrize("task_type", SINGLETONS)
@pytest.mark.parametrize("expected", [Expected(), Expected("s/a.png", 6, 4)])
def test_good_files_are_no_suspects(task_type: str, expected: Expected) -> None:
    schema = Schema.parse({"task_type": task_type, "categories": CATEGORIES})
    content = json.dumps(
        {"file_name": "s/a.png", "predictions": [SINGLETONS[task_type]] * 3}, indent=1
    ).encode()
    files = [ParsedFile(content, json.loads(content), "s/a", expected)] * 5
    statistics = BoxStatistics()
    assert find_suspects(files, schema, statistics) == []
    assert statistics.boxes == (15 if "bbox" in SINGLETONS[task_type] else 0)


def test_a_wrong_type_puts_few_others_under_suspicion() -> None:
    schema = Schema.parse({"task_type": "object-detection", "categories": CATEGORIES})
    good = SINGLETONS["object-detection"]
    files = []
    for index in range(100):
        predictions = [good] * (index % 3 + 1)
        if index == 40:
            predictions = [good, {**good, "score": None}]
        content = json.dumps({"file_name": "a.png", "predictions": predictions}).encode()
        files.append(ParsedFile(content, json.loads(content), "a", Expected("a.png", 6, 4)))
    statistics = BoxStatistics()
    suspects = find_suspects(files, schema, statistics)
    assert suspects == list(range(32, 48))
    assert statistics.boxes == sum(index % 3 + 1 for index in range(100) if index not in suspects)


def test_boxes_are_counted_once() -> None:
    schema = Schema.parse({"task_type": "object-detection", "categories": CATEGORIES})
    good = SINGLETONS["object-detection"]
    documents = [[good, good], [good, {**good, "score": 3}]]
    files = []
    for predictions in documents:
        content = json.dumps({"file_name": "a.png", "predictions": predictions}).encode()
        files.append(ParsedFile(content, json.loads(content), "a", Expected("a.png", 6, 4)))
    statistics = BoxStatistics()
    (index,) = find_suspects(files, schema, statistics)
    assert (index, statistics.boxes) == (1, 2)
    check_prediction_file(files[1].data, "t/a.json", schema, files[1].expected, statistics)
    assert (statistics.boxes, statistics.measured, statistics.outside) == (4, 4, 0)
