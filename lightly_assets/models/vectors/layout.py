"""The one output that is read where a model gives embeddings: a vector for each image."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import (
    Layout,
    LayoutError,
    LayoutOptions,
    Output,
    ReadSettings,
    described,
    output_of_rank,
)
from lightly_assets.models.preprocess import View
from lightly_assets.models.results import Result, ResultError


class VectorOptions(LayoutOptions):
    """What can be told where there are several outputs."""

    output: str | None = Field(default=None, description="the name of the output with the vectors")


class VectorLayout(Layout):
    """``(B, D)``, or ``(B, D, 1, 1)`` where the axes of the last pooling are kept.

    It is no layout of tasks, and not among those that a task may name.
    """

    name = "vector"
    tasks = (TaskType.CLASSIFICATION,)
    outputs = "`(B, D)` or `(B, D, 1, 1)`"
    Options: ClassVar[type[LayoutOptions]] = VectorOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        name = options.output if isinstance(options, VectorOptions) else None
        flat = [_without_ones(one) for one in outputs]
        try:
            self._place = output_of_rank(
                flat, (2,), name, "an embedding needs a vector for each image (B, D)"
            )
        except LayoutError as error:
            raise LayoutError(str(error).replace("beside layout", "beside path")) from None
        if len(flat[self._place].shape) != 2:
            there = described([outputs[self._place]])
            raise LayoutError(f"an embedding needs a vector for each image (B, D); there is {there}")

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        found = outputs[self._place]
        if found.ndim > 2 and all(size == 1 for size in found.shape[2:]):
            found = found.reshape(found.shape[:2])
        if found.ndim != 2 or len(found) != len(views):
            shape = ", ".join(map(str, found.shape))
            raise ResultError(f"the output is ({shape}), but it must be ({len(views)}, D)")
        return cast(list[Result], list(np.asarray(found)))


def _without_ones(output: Output) -> Output:
    """Some models keep the axes of their last pooling."""
    if len(output.shape) > 2 and all(size == 1 for size in output.shape[2:]):
        return Output(output.name, output.shape[:2], output.dtype, output.last)
    return output
