"""What all documents have in common."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

TaskTypeName = Literal[
    "classification",
    "object-detection",
    "keypoint-detection",
    "instance-segmentation",
    "semantic-segmentation",
]
Share = float
"""0 to 1."""


class Part(BaseModel):
    """A part of a document, whose keys are all told here."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Failure(BaseModel):
    """A command that could not do its work; what it had to tell all the same stands beside ``error``."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    ok: Literal[False]
    error: str
    """One sentence: what is wrong, where, and what to do."""
