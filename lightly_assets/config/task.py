"""A task of ``tasks:`` in ``lightly.yaml``."""

from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from lightly_assets.config.evaluation import EvaluationSettings
from lightly_assets.config.section import Section
from lightly_assets.errors import BadValue
from lightly_assets.format.rules.messages import first_problem
from lightly_assets.format.schema import Category, Schema, TaskType
from lightly_assets.format.tasks import validate_task_name
from lightly_assets.models.config import encode_settings, parse_model


class Task(Section):
    """A prediction task: its schema, and the model that fills it."""

    name: str
    task_type: TaskType
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]
    """May be left out where the model's file, or one beside it, names its classes."""
    model: Any
    """Settings of a runtime, see :mod:`lightly_assets.models.config`."""
    evaluate: EvaluationSettings | None = None
    """Labels that the predictions are judged by; see [evaluation](../evaluation.md)."""

    @field_validator("name")
    @classmethod
    def _usable_name(cls, name: str) -> str:
        validate_task_name(name)
        return name

    @field_validator("model", mode="before")
    @classmethod
    def _known_model(cls, model: Any) -> Any:
        return parse_model(model)

    @model_validator(mode="after")
    def _valid_schema(self) -> Self:
        try:
            Schema(task_type=self.task_type, categories=self.categories)
        except ValidationError as error:
            raise BadValue(first_problem(error)) from None
        encode_settings(self.model, self.task_type)
        return self

    @cached_property
    def schema_(self) -> Schema:
        """The task's ``schema.json``, categories sorted by id."""
        return Schema(task_type=self.task_type, categories=self.categories)
