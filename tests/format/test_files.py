"""``schema.json``, ``tasks.json``, strict JSON and boxes."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightly.openapi_generated.swagger_client.models.prediction_task_schema_simple import (
    PredictionTaskSchemaSimple,
)

from lightly_assets.format.boxes import (
    fit_boxes,
    fit_keypoints,
    keypoint_boxes,
    xywh_to_xyxy,
    xyxy_to_xywh,
)
from lightly_assets.format.schema import Schema, TaskType, difference
from lightly_assets.format.strict_json import JsonError, parse_json
from lightly_assets.format.tasks import merge_tasks, parse_tasks, tasks_to_bytes, validate_task_name

WEATHER = """{
    "task_type": "classification",
    "categories": [
        {
            "id": 0,
            "name": "sunny"
        },
        {
            "id": 1,
            "name": "clouded"
        },
        {
            "id": 2,
            "name": "rainy"
        }
    ]
}"""


def test_the_schema_of_the_page_is_written_as_the_page_shows_it() -> None:
    schema = Schema.parse(WEATHER.encode())
    assert schema.to_bytes().decode() == WEATHER
    assert schema.task_type is TaskType.CLASSIFICATION
    assert schema.names == {0: "sunny", 1: "clouded", 2: "rainy"}


def test_a_schema_is_sorted_and_keeps_what_it_does_not_know() -> None:
    categories = [{"id": 9, "name": "b", "supercategory": "x"}, {"id": 2, "name": "a", "keypoints": ["nose"]}]
    schema = Schema.parse({"task_type": "keypoint-detection", "categories": categories})
    assert schema.ids == (2, 9)
    assert schema.index_of == {2: 0, 9: 1}
    assert json.loads(schema.to_bytes())["categories"] == categories[::-1]
    assert schema.hash() == Schema.parse(schema.to_bytes()).hash()
    assert (
        schema.hash()
        != Schema.parse({"task_type": "keypoint-detection", "categories": categories[:1]}).hash()
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{}", "schema.json: task_type is missing"),
        ('{"task_type": "detection", "categories": [{"id": 0, "name": "a"}]}', 'task_type is "detection"'),
        ('{"task_type": "classification", "categories": []}', "categories"),
        (
            '{"task_type": "classification", "categories": [{"id": "0", "name": "a"}]}',
            r'categories\[0\]\.id is "0"',
        ),
        (
            '{"task_type": "classification", "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
            "category id 1 is used by both 'a' and 'b'",
        ),
        ("[1]", "the document is"),
        ("{", "not valid JSON"),
    ],
)
def test_a_schema_that_is_none(document: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schema.parse(document.encode())


def test_differences_in_words() -> None:
    old = Schema.parse(
        {"task_type": "classification", "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}
    )
    new = Schema.parse(
        {"task_type": "object-detection", "categories": [{"id": 0, "name": "c"}, {"id": 2, "name": "d"}]}
    )
    assert difference(old, old) == []
    assert difference(old, new) == [
        "task_type was classification, is now object-detection",
        "category 0 was 'a', is now 'c'",
        "category 1 'b' was removed",
        "category 2 'd' was added",
    ]


@given(st.text(max_size=8))
def test_task_names_are_those_that_the_platform_takes(name: str) -> None:
    try:
        validate_task_name(name)
    except ValueError:
        return
    task = {"name": name, "type": "CLASSIFICATION", "categories": [{"id": 0, "name": "a"}]}
    assert PredictionTaskSchemaSimple.from_dict(task)


@pytest.mark.parametrize("name", ["a", "_x", "-x", "my task", "a/b", "tä", "", "..", "ab\n"])
def test_task_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        validate_task_name(name)


def test_tasks() -> None:
    listed = parse_tasks(b'["my own task", "b"]')
    assert merge_tasks(listed, ["new", "b", "new"]) == ["my own task", "b", "new"]
    assert merge_tasks(listed, ["new"], remove=["b"]) == ["my own task", "new"]
    assert parse_tasks(tasks_to_bytes(listed)) == listed
    assert tasks_to_bytes(["a1"]).decode() == '[\n    "a1"\n]'
    with pytest.raises(ValueError, match="not allowed"):
        merge_tasks(listed, ["no good"])


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'[""]', b'["a", "a"]', b'["a",]', b"\xff"])
def test_tasks_that_are_none(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"tasks\.json"):
        parse_tasks(data)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_strict_json_reads_all_json(value: Any) -> None:
    assert parse_json(json.dumps(value).encode(), "x") == value
    assert parse_json(json.dumps(value, ensure_ascii=True, indent=2).encode(), "x") == value


@given(st.binary(max_size=40))
def test_strict_json_never_crashes(data: bytes) -> None:
    try:
        parse_json(data, "x")
    except JsonError as error:
        assert str(error).startswith("x ")


def test_boxes_are_cut_and_counted() -> None:
    boxes = np.array(
        [[1, 1, 2, 2], [-5, 2, 10, 3], [9.5, 1, 5, 5], [0, 0, 0.5, 9], [8, 7, 5, 5]], dtype=np.float32
    )
    fitted = fit_boxes(boxes, 10, 8)
    assert fitted.xywh.tolist() == [[1, 1, 2, 2], [0, 2, 5, 3], [8, 7, 2, 1]]
    assert fitted.xywh.dtype == np.float32
    assert fitted.kept.tolist() == [True, True, False, False, True]
    assert (fitted.clipped, fitted.dropped) == (2, 2)
    with pytest.raises(ValueError, match=r"prediction 1: bbox is \[-5"):
        fit_boxes(boxes, 10, 8, "strict")
    with pytest.raises(ValueError, match="finite"):
        fit_boxes(np.array([[1, 1, np.nan, 1]]), 10, 8)
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        fit_boxes(np.ones((1, 3)), 10, 8)
    assert fit_boxes(np.zeros((0, 4)), 10, 8, "strict").xywh.shape == (0, 4)


@given(
    st.lists(st.tuples(*[st.floats(-50, 150, width=32)] * 2, *[st.floats(0, 120, width=32)] * 2), max_size=8)
)
def test_cut_boxes_lie_in_the_frame(values: list[tuple[float, ...]]) -> None:
    boxes = np.array(values, dtype=np.float32).reshape(-1, 4)
    fitted = fit_boxes(boxes, 100, 80)
    assert ((fitted.xywh[:, :2] >= 0) & (fitted.xywh[:, 2:] >= 1)).all()
    assert (fitted.xywh[:, :2] + fitted.xywh[:, 2:] <= np.array([100, 80]) + 1e-4).all()
    assert len(fitted.xywh) + fitted.dropped == len(boxes)


def test_corners_and_back() -> None:
    boxes = np.random.default_rng(0).random((5, 4)) * 10
    np.testing.assert_allclose(xyxy_to_xywh(xywh_to_xyxy(boxes)), boxes)
    assert xyxy_to_xywh(np.array([[1, 2, 4, 8]])).tolist() == [[1, 2, 3, 6]]


def test_keypoints() -> None:
    points = np.array([[[1, 2, 0.0], [-3, 9, 1]], [[5, 5, 1], [5, 5, 1]]])
    fitted, moved = fit_keypoints(points, 10, 8)
    assert fitted[0].tolist() == [[1, 2, 0], [0, 8, 1]]
    assert moved == 1
    assert keypoint_boxes(points).tolist() == [[-3, 2, 4, 7], [5, 5, 1, 1]]
