"""What all settings have in common, whichever section of ``lightly.yaml`` they stand in."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Settings(BaseModel):
    """Settings that take no unknown key, no infinite number, and no ``true`` or ``on`` for a number.

    YAML reads ``yes``, ``on`` and ``true`` alike, and pydantic takes them for 1: a threshold of ``on`` would
    leave nothing of what a model said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name is not None and _holds_truth(value):
            taken = _taken(cls.model_fields[info.field_name].annotation)
            if taken & _NUMBERS and not taken & _TRUTHS:
                raise PydanticCustomError("truth_for_number", "be a number")
        return value


_NUMBERS, _TRUTHS = frozenset({int, float}), frozenset({bool, object})


def _holds_truth(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_truth(one) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple):
        return any(map(_holds_truth, value))
    return isinstance(value, bool)


def _taken(annotation: Any) -> frozenset[type]:
    """The plain types in an annotation; ``object`` for whatever sees to its values by itself."""
    if parts := get_args(annotation):
        return frozenset().union(*map(_taken, parts))
    if annotation is Any or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return frozenset({object})
    # What is no type is a value of Literal, or what stands beside a type in Annotated.
    return frozenset({annotation if isinstance(annotation, type) else type(annotation)})
