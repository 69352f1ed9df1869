"""Scores as they are, of images (B, C) and of pixels (B, C, h, w), and label maps (B, h, w)."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

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
    layout,
    output_of_rank,
    sigmoid,
    softmax,
)
from lightly_assets.models.layouts.shared.values import check_shares
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.results import Classification, Result, SemanticScores
from lightly_assets.models.semantic.interpolated import (
    SHARE,
    SHARES,
    SIGMOID,
    SOFTMAX,
    Activation,
    InterpolatedScores,
    two,
)

# A softmax in float32 and in float16 adds up to 1 within this.
_SUM = {4: 1e-5, 2: 2e-3}
# What probabilities add up to that are in per cent, or in steps of a byte.
_WHOLES = (100, 255, 256)


class ScoresOptions(LayoutOptions):
    """What these layouts can be told."""

    output: str | None = Field(default=None, description="the name of the output with the scores")
    classes_axis: Literal["first", "last"] = Field(
        default="first", description="of every pixel: `(B, C, h, w)`, or `last`: `(B, h, w, C)`"
    )
    verified: bool = Field(
        default=False,
        description="the numbers are what the layout says, although they look like something else",
    )


@layout
class Logits(Layout):
    """Before the softmax. A single channel stands for the second of two classes, before a sigmoid."""

    defaults = Preprocess(resize="stretch", interpolation="bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    pixels_differ = True
    name = "logits"
    tasks = (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)
    outputs = "before the softmax: classification `(B, C)`, semantic segmentation `(B, C, h, w)`"
    families = "torchvision, timm, transformers"
    suppression = ""
    minus_infinity = True
    Options: ClassVar[type[LayoutOptions]] = ScoresOptions
    reading = 2
    _of_classes: ClassVar[Activation] = SOFTMAX
    _of_one: ClassVar[Activation] = SIGMOID

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        self.options = options if isinstance(options, ScoresOptions) else ScoresOptions()
        self._axis = 1 if self.options.classes_axis == "first" else 3
        self._place = self._scores_output(outputs)
        channels = outputs[self._place].shape[self._axis if self._of_pixels else 1]
        self._count = 2 if channels == 1 else channels
        self._checked = self.options.verified
        self._refuse_last(outputs[self._place])

    @property
    def classes(self) -> int | None:
        return self._count

    @property
    def _of_pixels(self) -> bool:
        return self.settings.task_type is TaskType.SEMANTIC_SEGMENTATION

    def _scores_output(self, outputs: Sequence[Output]) -> int:
        needs = f"{self.settings.task_type} with the layout {self.name} needs scores"
        ranks: tuple[int, ...] = (4,) if self._of_pixels else (2,)
        if not self._of_pixels and not any(len(one.shape) == 2 for one in outputs):
            # Some classifiers keep the axes of the last convolution: (B, C, 1, 1).
            ranks = (2, 4) if any(one.shape[2:] == (1, 1) for one in outputs) else (2,)
        known = self.settings.classes

        if not self._of_pixels and self.options.output is None:
            self._refuse_best_few(outputs)

        def fits(one: Output) -> bool:
            channels = one.shape[self._axis if self._of_pixels else 1]
            return not self.settings.classes_are_known or channels in (
                known,
                None,
                1 if known == 2 else known,
            )

        return output_of_rank(outputs, ranks, self.options.output, needs, fits)

    def _refuse_best_few(self, outputs: Sequence[Output]) -> None:
        """Scores of the best classes, and which those are."""
        whole = [one for one in outputs if len(one.shape) == 2 and one.dtype.startswith(("int", "uint"))]
        others = [one for one in outputs if one not in whole and len(one.shape) == 2]
        for one in whole:
            if one.shape[1] != 1 and any(other.shape == one.shape for other in others):
                raise LayoutError(
                    f"{one.name} holds whole numbers beside as many scores, so that there are scores of the "
                    f"best classes only ({described(outputs)}); export the file without its top-k, or read "
                    "it in a function of your own (kind: python)."
                )

    def _refuse_last(self, output: Output) -> None:
        """What the graph says of its last node."""
        if output.last == "Softmax" and not self._checked:
            raise LayoutError(
                f"{output.name} comes from a softmax, so that it holds probabilities and no logits; write "
                "layout: probabilities."
            )
        if output.last == "Sigmoid" and not self._checked:
            self._refuse_multi_label(f"{output.name} comes from a sigmoid")

    def _refuse_multi_label(self, why: str) -> None:
        channels = self.declared[self._place].shape[self._axis if self._of_pixels else 1]
        if channels == 1:
            raise LayoutError(
                f"{why}, so that these are probabilities and no logits; write layout: probabilities (or "
                "verified: true beside layout, if they are logits)"
            )
        raise LayoutError(
            f"{why}, so that each class has a probability of its own (multi-label), and the format has one "
            "class for each image or pixel; make a task for each class, or choose in a function of your own "
            "(kind: python)"
        )

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        scores = outputs[self._place]
        if scores.dtype == np.float16:
            scores = scores.astype(np.float32)
        if len(scores) != len(views):
            raise LayoutError(f"the output has the shape {scores.shape} for {len(views)} images")
        if not self._of_pixels:
            scores = scores.reshape(len(scores), -1)
        elif self._axis == 3:
            scores = np.ascontiguousarray(scores.transpose(0, 3, 1, 2))
        if not self._checked:
            self._check(scores, outputs[self._place].dtype)
            self._checked = True
        if not self._of_pixels:
            return [Classification(probabilities=self._activated(one)) for one in scores]
        activation = self._of_one if scores.shape[1] == 1 else self._of_classes
        return [
            InterpolatedScores(self._finite(one), view, activation)
            for one, view in zip(scores, views, strict=True)
        ]

    def _check(self, scores: NDArray[Any], dtype: np.dtype[Any]) -> None:
        """Of the first batch: probabilities would be flattened by a second softmax."""
        if scores.min() < 0:
            return
        channels = scores.shape[1]
        if scores.max() > 1:
            self._check_positive(scores)
            return
        if channels == 1:
            self._refuse_multi_label("all scores lie in 0..1")
        sums = scores.sum(axis=1, dtype=np.float64)
        if np.abs(sums - 1).max() <= _SUM.get(dtype.itemsize, 1e-5):
            raise LayoutError(
                "scores lie in 0..1 and add up to 1, so that they are probabilities and no logits; write "
                "layout: probabilities (or verified: true beside layout, if they are logits)"
            )
        self._refuse_multi_label("all scores lie in 0..1 and do not add up to 1")

    def _check_positive(self, scores: NDArray[Any]) -> None:
        """None below 0: in per cent or eighths of a byte, or of pixels what no classes are."""
        whole = next((whole for whole in _WHOLES if self._add_up_to(scores, whole)), None)
        if whole is not None:
            raise LayoutError(
                f"scores add up to {whole}, so that they are probabilities and no logits; divide them by "
                f"{whole} in the file and write layout: probabilities"
            )
        if self._of_pixels:
            raise LayoutError(
                f"no number of any pixel is below 0, and one is {scores.max():.4g}, so that they are hardly "
                "logits of classes but depths, colours or a mask of 0 and 255; if they are logits, write "
                "verified: true beside layout"
            )

    @staticmethod
    def _add_up_to(scores: NDArray[Any], whole: int) -> bool:
        if scores.shape[1] == 1:
            return False
        return bool(np.abs(scores.sum(axis=1, dtype=np.float64) - whole).max() <= whole * 0.005)

    @staticmethod
    def _finite(scores: NDArray[Any]) -> NDArray[Any]:
        """Classes that are ruled out by -inf, as numbers that can be read between."""
        return np.maximum(scores, np.finfo(scores.dtype).min / 8) if scores.min() == -np.inf else scores

    def _activated(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Of an image's (C,) numbers."""
        return two(sigmoid(scores)) if len(scores) == 1 else softmax(scores, axis=0)


@layout
class Probabilities(Logits):
    """After the softmax (or, of a single channel, the sigmoid)."""

    name = "probabilities"
    outputs = "the same after the softmax"
    families = "Keras, Paddle, ultralytics"
    minus_infinity = False
    _of_classes = SHARES
    _of_one = SHARE

    def _refuse_last(self, output: Output) -> None:
        single = output.shape[self._axis if self._of_pixels else 1] == 1
        if output.last == "Sigmoid" and not single and not self._checked:
            self._refuse_multi_label(f"{output.name} comes from a sigmoid")

    def _check(self, scores: NDArray[Any], dtype: np.dtype[Any]) -> None:  # noqa: ARG002
        check_shares(scores, "probabilities", "write layout: logits if the softmax is still to be done")
        channels = scores.shape[1]
        if channels == 1:
            return
        sums = scores.sum(axis=1, dtype=np.float64)
        # No tolerance of an image's can be as wide; those of pixels may be steps of a byte, each rounded.
        low, high = (1 - 0.1 - channels / 128, 1.1 + channels / 128) if self._of_pixels else (-1.0, 1.6)
        if sums.min() < low or sums.max() > high:
            bad = sums.max() if sums.max() > high else sums.min()
            self._refuse_multi_label(f"scores add up to {bad:.4g} and not to 1")

    def _activated(self, scores: NDArray[Any]) -> NDArray[Any]:
        return two(scores) if len(scores) == 1 else scores


class LabelMapOptions(LayoutOptions):
    """What the layout can be told."""

    output: str | None = Field(default=None, description="the name of the output with the labels")


def _has_one_channel(shape: Sequence[int | None]) -> bool:
    """Of (B, 1, h, w), and of (B, h, w, 1) as TensorFlow writes it."""
    return shape[1] in (1, None) or shape[3] == 1


@layout
class LabelMap(Layout):
    """(B, h, w), (B, 1, h, w) or (B, h, w, 1) class numbers."""

    defaults = Logits.defaults
    pixels_differ = True
    name = "label_map"
    tasks = (TaskType.SEMANTIC_SEGMENTATION,)
    outputs = "class numbers `(B, h, w)`, `(B, 1, h, w)` or `(B, h, w, 1)`"
    families = "segmentation with an argmax in the graph"
    suppression = ""
    Options = LabelMapOptions
    whole_numbers = True

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        name = options.output if isinstance(options, LabelMapOptions) else None
        places = [
            index
            for index, output in enumerate(outputs)
            if len(output.shape) == 3 or (len(output.shape) == 4 and _has_one_channel(output.shape))
        ]
        if not places:
            raise LayoutError(f"A label map has the shape (B, h, w); there is {described(outputs)}.")
        # Of several, class numbers are the ones that are whole.
        whole = [place for place in places if outputs[place].dtype.startswith(("int", "uint"))]
        needs = "The layout label_map needs class numbers"
        chosen = [outputs[place] for place in whole or places]
        self._place = (whole or places)[output_of_rank(chosen, (3, 4), None, needs)]
        if name is not None:
            self._place = output_of_rank(outputs, (3, 4), name, needs)

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        maps = outputs[self._place]
        if maps.ndim == 4:
            maps = maps[:, 0] if maps.shape[1] == 1 else maps[..., 0]
        if len(maps) != len(views):
            raise LayoutError(f"the output has the shape {maps.shape} for {len(views)} images")
        return [self._result(one, view) for one, view in zip(maps, views, strict=True)]

    @staticmethod
    def _result(labels: NDArray[Any], view: View) -> Result:
        rows, columns = labels.shape
        y = np.clip(np.floor(view.rows(rows)), 0, rows - 1).astype(np.intp)
        x = np.clip(np.floor(view.columns(columns)), 0, columns - 1).astype(np.intp)
        whole = labels[y[:, None], x]
        if labels.max() == 255 and labels.min() == 0 and ((labels == 0) | (labels == 255)).all():
            raise LayoutError(
                "labels are 0 and 255, so that it is a mask, whose 255 would be left out as what is no "
                "class; the file must say 0 and 1, or a function of your own does (kind: python)"
            )
        if whole.dtype.kind == "f":
            labels = whole.astype(np.int64)
            if (labels != whole).any():
                raise LayoutError(
                    f"a label is {whole[labels != whole][0]:g}; the layout label_map has whole numbers "
                    "(scores have the layouts logits and probabilities)"
                )
            whole = labels
        return SemanticScores(label_map=whole)
