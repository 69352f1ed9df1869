"""``schema.json``: a task's type and its categories. Source: the specification's "Prediction Schema"."""

import hashlib
import json
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lightly_assets.errors import BadValue
from lightly_assets.format.rules.messages import first_problem
from lightly_assets.format.strict_json import parse_json


class TaskType(StrEnum):
    """The five kinds of prediction that the specification knows."""

    CLASSIFICATION = "classification"
    OBJECT_DETECTION = "object-detection"
    KEYPOINT_DETECTION = "keypoint-detection"
    INSTANCE_SEGMENTATION = "instance-segmentation"
    SEMANTIC_SEGMENTATION = "semantic-segmentation"


class Category(BaseModel):
    """One class. Other keys, such as COCO's ``supercategory``, are kept as they are."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    id: Annotated[int, Field(ge=0)]
    name: Annotated[str, Field(min_length=1)]


class Schema(BaseModel):
    """A task's type and its categories, sorted by id; ``probabilities`` follow that order.

    Gaps between ids are legal, duplicates are not.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    task_type: TaskType
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]

    @field_validator("categories")
    @classmethod
    def _sorted_and_unique(cls, categories: tuple[Category, ...]) -> tuple[Category, ...]:
        ordered = tuple(sorted(categories, key=lambda category: category.id))
        for one, next_one in pairwise(ordered):
            if one.id == next_one.id:
                raise BadValue(
                    f"category id {one.id} is used by both '{one.name}' and '{next_one.name}'; "
                    "ids must be unique"
                )
        return ordered

    @classmethod
    def parse(cls, source: bytes | dict[str, Any], name: str = "schema.json") -> Self:
        """Reads a schema from a file's bytes or from parsed JSON. ``name`` is the file's, for the error.

        Raises:
            ValueError: one sentence that says which field has which value and what is allowed.
        """
        data = parse_json(source, name) if isinstance(source, bytes) else source
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise BadValue(f"{name}: {first_problem(error)}") from None

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """The category ids, ascending: the order of ``probabilities``."""
        return tuple(category.id for category in self.categories)

    @cached_property
    def index_of(self) -> dict[int, int]:
        """The place of each category id in ``probabilities``."""
        return {category_id: index for index, category_id in enumerate(self.ids)}

    @cached_property
    def names(self) -> dict[int, str]:
        """The name of each category id."""
        return {category.id: category.name for category in self.categories}

    def to_bytes(self) -> bytes:
        """The file as the page shows it: indent 4, task type first, categories sorted by id."""
        return json.dumps(self.model_dump(mode="json"), indent=4, allow_nan=False).encode()

    def hash(self) -> str:
        """A SHA-256 over the meaning, equal for files that differ only in layout."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def difference(old: Schema, new: Schema) -> list[str]:
    """What changed from one schema to the other, in words; empty where predictions keep their meaning."""
    changes: list[str] = []
    if old.task_type != new.task_type:
        changes.append(f"task_type was {old.task_type}, is now {new.task_type}")
    for category_id in sorted({*old.ids, *new.ids}):
        before, after = old.names.get(category_id), new.names.get(category_id)
        if before is None:
            changes.append(f"category {category_id} '{after}' was added")
        elif after is None:
            changes.append(f"category {category_id} '{before}' was removed")
        elif before != after:
            changes.append(f"category {category_id} was '{before}', is now '{after}'")
    return changes
