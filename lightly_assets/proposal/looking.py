"""Inputs and outputs of a model's file, before anything is known about how they are to be read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS
from lightly_assets.models.layout_model import Reader
from lightly_assets.models.layouts.base import Layout
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.protocol import ModelError
from lightly_assets.models.results import Result

# For files that take any size and do not say one.
_SIZES = (640, 224)


class _Anything(Layout):
    """Takes any outputs, and reads none."""

    name = "anything"
    tasks = tuple(TaskType)
    outputs = "any"
    whole_numbers = True
    defaults = Preprocess(resize="stretch")

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        raise NotImplementedError


def look_inside(path: Path, kind: str, facts: Facts) -> Reader:
    """A reader of the model that knows its inputs and outputs.

    Raises:
        ModelError: the file cannot be run.
    """
    sizes = [facts.pixels.size] if facts.pixels.size else [(size, size) for size in _SIZES]
    error: ModelError | None = None
    for size in [None, *sizes]:
        try:
            return _reader(path, kind, size)
        except ModelError as problem:
            error = error or problem
    assert error is not None
    raise error


def _reader(path: Path, kind: str, size: tuple[int, int] | None) -> Reader:
    settings: Any = KINDS[kind]

    class Looking(settings):  # type: ignore[misc]
        @property
        def kind_of_layout(self) -> type[Layout]:
            return _Anything

    config = Looking.model_validate(
        {
            "kind": kind,
            "path": str(path),
            # Any known one: the property above replaces it.
            "layout": "label_map",
            "metadata": "ignore",
            "preprocess": {"size": size} if size else {},
        }
    )
    runtime = config.load(TaskType.OBJECT_DETECTION, 1, path.parent)
    reader: Reader = runtime.reader
    return reader
