"""JSON as the standard has it: no NaN, no Infinity, no byte order mark, no key twice, no absurd nesting."""

import json
from typing import Any, NoReturn

from lightly_assets.errors import BadValue

# Prediction files nest four deep. Deeper than this is no prediction, and some parsers would crash on it.
MAX_DEPTH = 64


class JsonError(BadValue):
    """Bytes that are not strict JSON. ``rule`` is the stable name that the checker reports."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class _ProblemError(Exception):
    def __init__(self, rule: str, problem: str) -> None:
        super().__init__(problem)
        self.rule = rule


def parse_json(data: bytes, name: str) -> Any:
    """Parses strict JSON. ``name`` is the file's, for the error.

    Raises:
        JsonError: one sentence that says what is wrong and, where known, the line.
    """
    try:
        return _parse(data)
    except _ProblemError as problem:
        raise JsonError(problem.rule, f"{name} {problem}") from None


def _parse(data: bytes) -> Any:
    if data.startswith(b"\xef\xbb\xbf"):
        raise _ProblemError("json-bom", "starts with a byte order mark; save it as UTF-8 without one.")
    if not data.strip():
        raise _ProblemError("json-invalid", "is empty; it must be a JSON document.")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _ProblemError(
            "json-encoding", f"is not UTF-8 (byte {error.start}); save it as UTF-8."
        ) from None
    if is_too_deep(data):
        raise _ProblemError("json-depth", f"nests more than {MAX_DEPTH} levels deep; predictions need four.")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _ProblemError("json-invalid", f"is not valid JSON: {error.msg} at {where}.") from None
    except (RecursionError, ValueError) as error:
        # Python refuses integers of thousands of digits with a ValueError.
        raise _ProblemError("json-invalid", f"cannot be parsed: {error}.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _ProblemError(
            "json-duplicate-key", f"has the key {twice[:80]!r} twice in one object; keep one."
        )
    return found


def _no_constant(name: str) -> NoReturn:
    raise _ProblemError(
        "json-not-a-number", f"contains {name}, which JSON does not have; write a finite number."
    )


def is_too_deep(data: bytes) -> bool:
    """Whether arrays and objects nest deeper than ``MAX_DEPTH``; brackets in strings count as well."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for byte in data.translate(None, delete=_NOT_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
