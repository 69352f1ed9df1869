"""Inputs that models want beside the images: what they are fed follows from the size of the model's input.

All coordinates that a model gives are then in pixels of its input, and are mapped to the image as ever.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.pixels.fitting import Input
from lightly_assets.models.protocol import ModelError

Shape = tuple[int, ...]
IMAGE_DTYPES = ("float32", "float16", "uint8", "int32")


def _size(shape: Shape) -> tuple[int, int]:
    """Height and width of a batch, whichever axis has the channels."""
    return (shape[1], shape[2]) if shape[-1] in (1, 3, 4) else (shape[-2], shape[-1])


def _mask(shape: Shape) -> NDArray[Any]:
    return np.ones((shape[0], *_size(shape)))


def _width_height(shape: Shape) -> NDArray[Any]:
    return np.tile(_size(shape)[::-1], (shape[0], 1))


def _height_width(shape: Shape) -> NDArray[Any]:
    return np.tile(_size(shape), (shape[0], 1))


def _ones(shape: Shape) -> NDArray[Any]:
    return np.ones((shape[0], 2))


EXTRA_INPUTS: dict[str, Callable[[Shape], NDArray[Any]]] = {
    "pixel_mask": _mask,  # transformers: which pixels are image
    "orig_target_sizes": _width_height,  # RT-DETR, D-FINE, DEIM: the size that boxes are wanted in
    "im_shape": _height_width,  # Paddle: the size of the resized image
    "scale_factor": _ones,  # Paddle: how it was resized
}


def extra_feeds(names: dict[str, str], shape: Shape) -> dict[str, NDArray[Any]]:
    """What a batch of this shape needs besides.

    Args:
        names: the further inputs, and their dtypes as NumPy names them.
        shape: of the batch of images.
    """
    return {name: EXTRA_INPUTS[name](shape).astype(dtype) for name, dtype in names.items()}


def split_inputs(
    inputs: Sequence[tuple[str, tuple[int | None, ...], str]], name: str
) -> tuple[Input, dict[str, str]]:
    """The input of images, and name and dtype of those beside it.

    Args:
        inputs: name, shape and dtype (as NumPy names it) of each.
        name: of the model, for messages.

    Raises:
        ModelError: there is no input of images, or there are several, or one that nobody knows.
    """
    others = {one: dtype for one, _, dtype in inputs if one in EXTRA_INPUTS}
    images = [
        one for one in inputs if one[0] not in others and len(one[1]) in (3, 4) and one[2] in IMAGE_DTYPES
    ]
    if len(images) != 1 or len(inputs) != 1 + len(others):
        found = ", ".join(str(Input(*one)) for one in inputs)
        raise ModelError(
            f"The model {name} takes {found}; it must take one input of images ({', '.join(IMAGE_DTYPES)}; "
            f"rank 4, or 3 for a single image), and beside it only {', '.join(EXTRA_INPUTS)}."
        )
    return Input(*images[0]), others
