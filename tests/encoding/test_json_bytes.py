"""The bytes of a prediction file are those of ``json.dump``."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightly_assets.encoding.json_bytes import prediction_bytes

NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False) | st.floats(0, 1) | st.integers(-(2**63), 2**63 - 1)
)
SINGLETONS = st.fixed_dictionaries(
    {"category_id": st.integers(0, 90), "bbox": st.lists(NUMBERS), "score": NUMBERS}
)


@given(st.text(), st.lists(SINGLETONS, max_size=4))
def test_same_bytes_as_json_dump(file_name: str, predictions: list[dict[str, Any]]) -> None:
    buffer = io.StringIO()
    json.dump({"file_name": file_name, "predictions": predictions}, buffer)
    assert prediction_bytes(file_name, predictions) == buffer.getvalue().encode()


@pytest.mark.parametrize(
    "value", [1e-5, 1.5e-5, 0.0001, 1e15, 1e16, 1e17, 123456789012345678.0, 5e-324, -0.0, 0.1 + 0.2]
)
def test_floats_as_python_writes_them(value: float) -> None:
    predictions = [{"category_id": 0, "score": value}]
    expected = json.dumps({"file_name": "a.png", "predictions": predictions})
    assert prediction_bytes("a.png", predictions).decode() == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_json_does_not_have_is_never_written(value: float) -> None:
    with pytest.raises(ValueError):
        prediction_bytes("a.png", [{"category_id": 0, "score": value}])
