"""Arrays of any make as NumPy, and float32 values as the shortest decimals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue

# 10^22 is the largest power of ten that a double holds exactly.
_EXACT_POWERS = 22
_POWERS_OF_TEN = np.array([10.0**exponent for exponent in range(_EXACT_POWERS + 1)])
_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float16): 5}
_BLOCK = 1 << 14
# So few numbers are written out and read sooner than all numbers of digits are tried.
_FEW = 48
_NUMPY_FLOATS = ("torch.float16", "torch.float32", "torch.float64")


def as_numpy(values: Any) -> NDArray[Any]:
    """NumPy arrays, sequences and torch tensors (any device, with or without gradient) as a NumPy array.

    torch is never imported: a tensor is known by its ``detach`` method.
    """
    if not hasattr(values, "detach"):
        try:
            return np.asarray(values)
        except ValueError as error:  # sequences of several lengths
            raise BadValue(str(error)) from error
    # NumPy has no bfloat16 and no float8; float32 holds all of their values.
    if values.is_floating_point() and str(values.dtype) not in _NUMPY_FLOATS:
        values = values.float()
    # Forced, so that gradients are detached and other devices copied.
    array: NDArray[Any] = values.numpy(force=True)
    return array


def plain_numbers(values: Any) -> list[Any]:
    """The values as (nested lists of) Python numbers that JSON writes short.

    float32 and float16 become the shortest decimal that reads back as the same value: 0.8, not
    0.800000011920929. Integers stay integers, float64 stays as it is.
    """
    array = np.asarray(values)
    if array.dtype in _DIGITS:
        array = _shortest(array)
    result: list[Any] = array.tolist()
    return result


def _shortest(array: NDArray[Any]) -> NDArray[np.float64]:
    flat = array.ravel()
    if flat.size <= _FEW:
        return np.array([_written(one) for one in flat]).reshape(array.shape)
    if flat.size <= _BLOCK:
        return _shortest_block(flat).reshape(array.shape)
    blocks = [_shortest_block(flat[start : start + _BLOCK]) for start in range(0, flat.size, _BLOCK)]
    return np.concatenate(blocks).reshape(array.shape)


def _shortest_block(flat: NDArray[Any]) -> NDArray[np.float64]:
    """Tries all numbers of digits at once; the quotient of two exact doubles is the decimal's own double."""
    digits = _DIGITS[flat.dtype]
    exact = flat.astype(np.float64)
    magnitude = np.abs(exact)
    easy = (magnitude >= 1e-12) & (magnitude < 1e15)
    places = np.zeros(flat.shape, dtype=np.intp)
    np.ceil(np.log10(magnitude, where=easy, out=np.zeros_like(exact)), out=places, casting="unsafe")
    exponents = np.arange(1, digits + 1)[:, None] - places
    up = _POWERS_OF_TEN[np.clip(exponents, 0, _EXACT_POWERS)]
    down = _POWERS_OF_TEN[np.clip(-exponents, 0, _EXACT_POWERS)]
    with np.errstate(invalid="ignore", over="ignore"):
        candidates = np.rint(exact * up / down) * down / up
        same = candidates.astype(flat.dtype) == flat
    chosen = np.take_along_axis(candidates, same.argmax(axis=0)[None], axis=0)[0]
    for index in np.flatnonzero(~(easy & same.any(axis=0))):
        chosen[index] = _written(flat[index])
    return chosen  # type: ignore[no-any-return]


def _written(number: Any) -> float:
    # Unlike str(), whatever the program's print options are.
    return float(np.format_float_scientific(number))
