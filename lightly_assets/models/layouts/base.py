"""What all output layouts have in common, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.format.registry import Registry
from lightly_assets.format.schema import TaskType
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.protocol import Image, Source
from lightly_assets.models.results import Result
from lightly_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class Output:
    """An output as the model's file declares it. Dimensions that vary are None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = ""
    """As NumPy names it; empty where the file does not say."""
    last: str = ""
    """The type of the node that makes its numbers, such as ``Softmax``, where the file tells."""

    def __str__(self) -> str:
        shape = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name} ({shape})"


Suppression = Literal["ours", "in the graph", "none", ""]


class LayoutOptions(Settings):
    """What a layout can be told; in YAML the keys stand beside ``layout``."""

    def first_class_of(self, layout: "type[Layout]") -> int:
        """The number of the class that is the first category."""
        return layout.first_class


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What a layout needs to know to read a model's outputs."""

    task_type: TaskType
    classes: int
    """How many classes the model has, as far as the settings say: with a category map more than are used."""
    floor: float
    max_candidates: int
    max_masks: int
    nms_iou: float | None
    """Suppress before masks are made; None: do not."""
    nms_per_class: bool
    options: LayoutOptions = field(default_factory=LayoutOptions)
    """Of the layout's own type."""
    classes_are_known: bool = True
    """Whether ``classes`` was said, or follows from categories without a map."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the model's file says about itself."""
    scale_is_said: bool = True
    """Whether the user or the file says in which range pixels are."""


class LayoutError(BadValue):
    """The model's outputs are not what the layout expects: one sentence."""


class Layout(ABC):
    """How a family of models writes down what it found.

    A layout is one file in this folder: a class with these attributes, declared with :func:`layout`.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[TaskType, ...]]
    """The task types that it can fill."""
    outputs: ClassVar[str]
    """For the documentation: names and shapes."""
    families: ClassVar[str] = ""
    """For the documentation: models that write it."""
    suppression: ClassVar[Suppression] = "none"
    """Who removes boxes that overlap."""
    suppresses_when_predicting: ClassVar[bool] = False
    """Whether our suppression needs more than the boxes that are stored, so that it comes first."""
    defaults: ClassVar[Preprocess] = Preprocess()
    """Pre-processing that such models usually want."""
    first_class: ClassVar[int] = 0
    """The number of the class that is the first category: 1 where 0 is the background."""
    reading: ClassVar[int] = 1
    """Part of the model's version: raise it where the scores of pixels are read in another way."""
    one_image: bool = False
    """Whether such models take one image at a time."""
    batch_first: bool = True
    """Whether the first dimension of the first output is the batch."""
    batch: int = 0
    """How many images the file takes each time; 0 where it takes any number."""
    whole_numbers: ClassVar[bool] = False
    """Whether an output may hold whole numbers, such as labels."""
    pixels_differ: bool = False
    """Whether families of such models are trained on pixels of their own, so that defaults are a guess."""
    outputs_vary: ClassVar[bool] = False
    """Whether the outputs' sizes depend on what the image shows, so a black one tells nothing of them."""
    minus_infinity: ClassVar[bool] = False
    """Whether -inf is a number like others: a logit of a class that is ruled out."""
    in_boxes: ClassVar[bool] = False
    """Whether such models look into the boxes of another task; :meth:`part` cuts out what they see."""
    Options: ClassVar[type[LayoutOptions]] = LayoutOptions
    """What it can be told."""

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        """Raises LayoutError where the outputs cannot be this layout's."""
        self.settings = settings
        self.declared = outputs
        if settings.task_type not in self.tasks:
            raise LayoutError(f"The layout {self.name} cannot do {settings.task_type}.")
        kinds = {one.dtype for one in outputs if one.dtype}
        if not self.whole_numbers and kinds and all(one.startswith(("int", "uint", "bool")) for one in kinds):
            raise LayoutError(
                f"{described(outputs)} holds whole numbers ({', '.join(sorted(kinds))}), and the layout "
                f"{self.name} needs others; what a quantised file gives must be scaled back in it, and class "
                "numbers have the layouts label_map and boxes_scores_labels."
            )

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:  # noqa: ARG003
        """Whether outputs can hardly be of another layout: by names, dtypes and shapes alone."""
        return False

    @classmethod
    def recognises_input(cls, outputs: Sequence[Output], height: int, width: int) -> bool:  # noqa: ARG003
        """The same, where the size of the model's input tells more than the outputs alone."""
        return False

    @property
    def classes(self) -> int | None:
        """How many classes the model has; None where the file does not say."""
        return None

    def pixels(self) -> Preprocess:
        """Pre-processing that models with these outputs usually want."""
        return self.defaults

    @property
    def keypoints(self) -> int | None:
        """How many keypoints an object has; None where the outputs do not say, or have none."""
        return None

    def check_input(self, height: int, width: int) -> None:  # noqa: B027 - most have nothing to check
        """Raises LayoutError where the outputs cannot be those of an input of this size."""

    def part(self, image: Image, source: Source, height: int, width: int) -> tuple[Image, View]:
        """What a model sees that looks into boxes, (height, width, C), and where the image lies in it."""
        raise NotImplementedError

    @abstractmethod
    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        """One result for each image of a batch."""


LAYOUTS: Registry[type[Layout]] = Registry("layout", "lightly_assets.models.layouts")
"""Every layout by its name; each is declared in a file of this folder."""


def layout(kind: type[Layout]) -> type[Layout]:
    """Declares a layout under its name."""
    return LAYOUTS.add(kind.name, kind)


def likely_layouts(outputs: Sequence[Output]) -> list[str]:
    """The names of layouts that recognise outputs."""
    return [name for name, kind in sorted(LAYOUTS.items()) if kind.recognises(outputs)]


def described(outputs: Sequence[Output]) -> str:
    """``output0 (1, 84, 8400), output1 (1, 32, 160, 160)``."""
    return ", ".join(str(output) for output in outputs) or "no output"


def output_of_rank(
    outputs: Sequence[Output],
    ranks: Sequence[int],
    name: str | None,
    needs: str,
    fits: Callable[[Output], bool] = lambda _: True,
) -> int:
    """The place of the output that is meant: the named one, or the only one that fits.

    Raises:
        LayoutError: there is none, or several and nothing tells which.
    """
    if name is not None:
        places = [place for place, one in enumerate(outputs) if one.name == name]
        if not places:
            raise LayoutError(f"output is {name!r}; there is {described(outputs)}.")
        return places[0]
    of_rank = [place for place, one in enumerate(outputs) if len(one.shape) in ranks]
    places = [place for place in of_rank if fits(outputs[place])] or of_rank
    if not places:
        rank = " or ".join(map(str, ranks))
        raise LayoutError(f"{needs}, an output of rank {rank}; there is {described(outputs)}.")
    if len(places) > 1:
        some = described([outputs[place] for place in places])
        raise LayoutError(
            f"{needs}, and several outputs could be them: {some}; write output: {outputs[places[0]].name} "
            "(or another name) beside layout."
        )
    return places[0]


def best(scores: NDArray[Any], floor: float, most: int) -> NDArray[np.intp]:
    """The indices of (N,) scores from ``floor``, at most so many, by falling score, equal ones in order."""
    found = np.flatnonzero(scores >= floor)
    found = found[np.argsort(-scores[found], kind="stable")]
    return found[:most]


def normalised(scores: NDArray[Any]) -> NDArray[Any]:
    """(N, C) class scores as probabilities: each row divided by its sum.

    Models that score each class on its own (sigmoid) say how sure they are of each; what the format wants is
    how the classes share the object.
    """
    sums = scores.sum(axis=1, keepdims=True, dtype=np.float64)
    even = np.full_like(scores, 1 / scores.shape[1])
    shares = np.divide(scores, sums, out=even.astype(np.float64), where=sums > 0)
    result: NDArray[Any] = shares.astype(scores.dtype)
    return result


def sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * values) + 1), dtype=values.dtype)


def softmax(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Along an axis, without overflow."""
    peaks = values.max(axis=axis, keepdims=True)
    nothing = np.isneginf(peaks)
    if nothing.any():
        # All classes are ruled out: nobody's probability.
        peaks = np.where(nothing, 0, peaks)
    shifted = values - peaks
    np.exp(shifted, out=shifted)
    sums = shifted.sum(axis=axis, keepdims=True)
    shifted /= np.where(nothing, 1, sums) if nothing.any() else sums
    return np.asarray(shifted)


def corners(cxcywh: NDArray[Any]) -> NDArray[Any]:
    """(N, 4) centre, width, height as corners."""
    half = cxcywh[:, 2:] / 2
    return np.concatenate([cxcywh[:, :2] - half, cxcywh[:, :2] + half], axis=1)
