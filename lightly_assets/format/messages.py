"""Pydantic's errors as sentences for people."""

import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
}


def first_problem(error: ValidationError) -> str:
    """The first problem as one sentence: field, value, what is allowed."""
    details = error.errors(include_url=False)
    more = f" ({len(details) - 1} more problems)" if len(details) > 1 else ""
    return f"{_sentence(details[0]).rstrip('.')}{more}."


def _sentence(problem: ErrorDetails) -> str:
    field = field_name(problem["loc"])
    if reason := _REASONS.get(problem["type"]):
        return f"{field} {reason}"
    if problem["type"] == "value_error":
        return f"{field}: {problem['ctx']['error']}"
    # Pydantic says "Input should be …".
    allowed = problem["msg"].removeprefix("Input ").removeprefix("should ").removeprefix("must ")
    return f"{field} is {shown(problem['input'])}, but it should {allowed}"


def field_name(location: tuple[int | str, ...]) -> str:
    """``("categories", 0, "id")`` → ``"categories[0].id"``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the document"


def shown(value: Any, limit: int = 60) -> str:
    """A value as it looks in JSON, shortened."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
