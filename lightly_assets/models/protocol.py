"""What a model is to the rest of the package: images in, one result per image out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import LightlyAssetsError
from lightly_assets.models.results import Result

# In the messages of ONNX Runtime, CUDA, cuDNN and C++.
_MEMORY_WORDS = ("out of memory", "failed to allocate memory", "alloc_failed", "bad_alloc")

Image = NDArray[np.uint8]
Images = NDArray[np.uint8] | list[Image]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an image comes from."""

    input: str
    """The key of the video or image in the input datasource."""
    index: int | None
    """The frame of the video, from 0; None for an image."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    orientation: int = field(default=1, compare=False)
    """EXIF orientation of an image, 1 to 8: how it is shown. Its pixels are as they are stored."""

    time: float | None = field(default=None, compare=False)
    """When a frame is shown, in seconds; None for images, and where the video does not say."""

    def __str__(self) -> str:
        return self.input if self.index is None else f"{self.input}, frame {self.index}"


class Model(Protocol):
    """A model that is loaded and ready.

    >>> class Sunny:
    ...     version, batch_size, portion, callers = "1", 8, 8, 1
    ...
    ...     def predict(self, images, sources):
    ...         return [Classification(category_id=0, score=0.9) for _ in images]
    >>> from lightly_assets import Classification
    >>> len(Sunny().predict(images=[None, None], sources=[None, None]))
    2
    """

    version: str
    """Hash of everything that decides what it says: file, settings, code. Not of what encoding decides."""
    batch_size: int
    """The most images per call."""
    callers: int
    """How many threads may call it at the same time."""

    @property
    def portion(self) -> int:
        """The images of a call where nothing else is known; where such calls take no time, it gets more."""
        ...

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """One result per image.

        Args:
            images: (N, H, W, 3) uint8 RGB, or N arrays (H_i, W_i, 3) where sizes differ.
            sources: where each image comes from, N of them.

        Raises:
            ModelError: what is wrong, with the input and the frame.
        """
        ...

    def meet(self, keys: Collection[str]) -> None:
        """Which inputs there are, before any of them is asked for; most models do not care.

        Raises:
            ModelError: labels that do not fit them.
        """

    def check_end(self, key: str, frames: int) -> None:
        """A video was decoded to its end and has so many frames; most models do not care.

        Raises:
            ModelError: labels that are of other frames.
        """


@runtime_checkable
class LooksUp(Protocol):
    """A runtime that looks results up instead of the pixels: labels, whose names have to fit the input."""

    def meet(self, keys: Collection[str]) -> None:
        """Which inputs there are, before one is asked for. Raises ModelError where they do not fit."""

    def check_end(self, key: str, frames: int) -> None:
        """A video was decoded to its end. Raises ModelError where it has other frames than expected."""


class Runtime(Protocol):
    """A model before its results are checked.

    Those that several threads may call say so: see :class:`Parallel`.
    """

    version: str
    batch_size: int

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Any]:
        """One result of any known kind per image; the images of a call are of one size."""
        ...


@runtime_checkable
class Parallel(Protocol):
    """A runtime that several threads may call at the same time, with what is best then."""

    portion: int
    callers: int


class ModelError(LightlyAssetsError):
    """The model, its settings or what it said is wrong: one sentence for people. Never worth a retry."""

    def __init__(self, message: str, source: Source | None = None) -> None:
        super().__init__(message)
        self.source = source
        """The image that it is about, where it is about one."""


def sources_text(sources: Sequence[Source]) -> str:
    """``a.mp4, frames 8 to 15``: which images a batch holds."""
    if not sources:
        return "no image"
    first, last = sources[0], sources[-1]
    if first == last:
        return str(first)
    if first.input == last.input and first.index is not None:
        return f"{first.input}, frames {first.index} to {last.index}"
    return f"{first} to {last}"


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of any runtime says that memory was not enough."""
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "_ArrayMemoryError"):
        return True
    text = str(error).lower()
    return any(words in text for words in _MEMORY_WORDS)
