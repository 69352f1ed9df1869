"""``evaluate:`` of a task in ``lightly.yaml``: the labels it is judged by, and what is good enough."""

from typing import Annotated, Literal

from pydantic import Field

from lightly_assets.config.section import Section

Figure = Literal["map", "map50", "map75", "miou", "accuracy", "precision", "recall"]


class EvaluationSettings(Section):
    """How good a task has to be: the check ``evaluated`` fails below."""

    labels: Annotated[str, Field(min_length=1)]
    """A COCO annotation file, relative to the project file, or the name of another task."""
    figure: Figure | None = None
    """What is compared with the floor; by default ``map``, ``miou`` or ``accuracy``, by the type."""
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The least that is good enough."""
