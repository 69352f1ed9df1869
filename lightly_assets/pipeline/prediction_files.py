"""The bytes of a prediction file, exactly as ``json.dump`` in the page's own script writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

# Traces of floats that orjson may write in another way than Python (below 0.0001, from 10^16), and of NaN.
_OTHERWISE = (b".0000", b"e-", b"e+", b"null")


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
    if any(trace in floats for trace in _OTHERWISE):
        return json.dumps(predictions, allow_nan=False).encode()
    # Singletons hold no text but their keys, so these are separators.
    return data.replace(b",", b", ").replace(b":", b": ")
