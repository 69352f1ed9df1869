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
    data = orjson.dumps(predictions)
    if any(trace in data for trace in _OTHERWISE):
        data = json.dumps(predictions, allow_nan=False).encode()
    else:
        # Singletons hold no text but their keys, so these are separators.
        data = data.replace(b",", b", ").replace(b":", b": ")
    return b'{"file_name": %b, "predictions": %b}' % (json.dumps(file_name).encode(), data)
