"""Inputs that models want beside the images: what they are fed follows from the size of the model's input.

All coordinates that a model gives are then in pixels of its input, and are mapped to the image as ever.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]


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
