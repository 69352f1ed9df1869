"""Pydantic's errors as sentences for people."""

import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
}
# What pydantic says in the words of Python, in the words of JSON and YAML.
_ALLOWED = {
    "tuple_type": "be a list",
    "list_type": "be a list",
    "dict_type": "be a mapping",
    "model_type": "be a mapping",
    "model_attributes_type": "be a mapping",
    "too_short": "have at least {min_length} {entries}",
    "int_type": "be a whole number",
    "int_parsing": "be a whole number",
    "int_from_float": "be a whole number",
    "float_type": "be a number",
    "float_parsing": "be a number",
    "bool_type": "be true or false",
    "bool_parsing": "be true or false",
    "string_type": "be a text",
}


def first_problem(error: ValidationError) -> str:
    """The first problem as one sentence: field, value, what is allowed."""
    details = error.errors(include_url=False)
    others = len(details) - 1
    more = f" ({others} more problem{'s' if others > 1 else ''})" if others else ""
    return f"{_sentence(details[0]).rstrip('.')}{more}."


def _sentence(problem: ErrorDetails) -> str:
    field = field_name(problem["loc"])
    if reason := _REASONS.get(problem["type"]):
        return f"{field} {reason}"
    if problem["type"] == "value_error":
        return f"{field}: {problem['ctx']['error']}"
    return f"{field} is {shown(problem['input'])}, but it should {allowed(problem)}"


def allowed(problem: ErrorDetails) -> str:
    """What may stand there instead, as the end of "it should …"."""
    context = problem.get("ctx", {})
    if text := _ALLOWED.get(problem["type"]):
        return text.format(**context, entries="entry" if context.get("min_length") == 1 else "entries")
    # Pydantic says "Input should be …".
    return problem["msg"].removeprefix("Input ").removeprefix("should ").removeprefix("must ")


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
