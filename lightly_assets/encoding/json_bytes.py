"""The bytes of a prediction file, exactly as ``json.dump`` in the page's own script writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson


def prediction_bytes(file_name: str, predictions: Sequence[dict[str, Any]]) -> bytes:
    """``json.dumps({"file_name": …, "predictions": […]})`` for singletons of plain numbers and lists.

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not have.
    """
    return wrapped(file_name, singletons_bytes(predictions))


def wrapped(file_name: str, singletons: bytes) -> bytes:
    """A prediction file around the text of its singletons."""
    return b'{"file_name": %b, "predictions": %b}' % (json.dumps(file_name).encode(), singletons)


def singletons_bytes(predictions: Sequence[dict[str, Any]]) -> bytes:
    """The text of a list of singletons, before its file has a name.

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not have.
    """
    data = orjson.dumps(predictions)
    floats = data
    if predictions and "segmentation" in predictions[0]:
        # Run lengths are integers, and long: looking through them takes as long as writing them.
        floats = orjson.dumps(
            [{key: one[key] for key in one if key != "segmentation"} for one in predictions]
        )
    if _has_odd_numbers(floats):
        return json.dumps(predictions, allow_nan=False).encode()
    # Singletons hold no text but their keys, so these are separators.
    return data.replace(b",", b", ").replace(b":", b": ")


def _has_odd_numbers(data: bytes) -> bool:
    """Whether there may be floats that orjson writes in another way than Python, or NaN as null.

    These are below 0.0001 or from 10^16. Single bytes that hardly ever occur are looked for first: that is
    ten times faster.
    """
    return (
        b".0000" in data
        or b"+" in data
        or (b"-" in data and b"e-" in data)
        or (b"u" in data and b"null" in data)
    )
