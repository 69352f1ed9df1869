"""Pydantic's errors as sentences for people."""

import json
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lightly_assets.errors import LightlyAssetsError

# What pydantic's types of errors allow; the names in braces come with the error.
_ALLOWED = {
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "a text",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "finite_number": "a finite number",
    "truth_for_number": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def first_problem(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """The first problem as one sentence: field, value, what is allowed.

    ``model`` is what was validated; with it, an unknown key is told with those that it may have been.
    """
    details = problems(error)
    keys = known_keys(model, details[0]["loc"][:-1]) if model is not None else ()
    sentence = problem_sentence(details[0], field_name(details[0]["loc"]), keys)
    return sentence.rstrip(".") + more_problems(len(details) - 1) + "."


def problems(error: ValidationError) -> list[ErrorDetails]:
    """All problems but those that follow from the first: without its good items, a list is too short."""
    first, *others = error.errors(include_url=False)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Exception) and not isinstance(cause, LightlyAssetsError):
        raise cause  # pydantic takes any ValueError for the user's, also one of a validator that is wrong
    inside = [first["loc"][:length] for length in range(len(first["loc"]))]
    return [first, *(one for one in others if one["type"] != "too_short" or one["loc"] not in inside)]


def more_problems(count: int) -> str:
    """How many are not told; nothing where all are."""
    return f" ({count} more problem{'s' if count > 1 else ''})" if count else ""


def problem_sentence(problem: ErrorDetails, field: str, keys: Iterable[str] = ()) -> str:
    """A problem with a field, and of an unknown key the known ones."""
    kind = problem["type"]
    if kind == "missing":
        return f"{field} is missing."
    if kind == "extra_forbidden":
        return f"{field} is not a known key{meant(field.rpartition('.')[2], tuple(keys))}."
    if kind == "value_error":
        return f"{field}: {str(problem['ctx']['error']).rstrip('.')}."
    if kind in ("string_too_short", "too_short") and not problem["input"]:
        return f"{field} is empty; it must not be."
    if kind in _ALLOWED:
        allowed = f"be {_ALLOWED[kind].format(**problem.get('ctx', {}))}"
    else:
        # Pydantic says "Input should be …".
        allowed = problem["msg"].removeprefix("Input ").removeprefix("should ")
    return f"{field} is {shown(problem['input'])}; it must {allowed}."


def meant(name: str, keys: Sequence[str]) -> str:
    """What follows "is not a known key": the one that it may have been, or all."""
    if not keys:
        return ""
    close = get_close_matches(name, keys, n=1)
    return f" (did you mean {close[0]}?)" if close else f"; known are {', '.join(keys)}"


def known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys of the model that lies at a location inside another one."""
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            return ()
        model = inner
    return tuple(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as ``tuple[Task, ...]`` or ``Task | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)


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
