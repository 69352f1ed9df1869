"""Tensors are known by what they can do; the real ones are tested by ``make test-torch``."""

import sys
from typing import Any

import numpy as np

from lightly_assets.format.arrays import as_numpy
from lightly_assets.format.rle import encode


class Tensor:
    """As much of a torch tensor as is used: a bfloat16 one on another device, with a gradient."""

    def __init__(self, values: Any, dtype: str) -> None:
        self.values = values
        self.dtype = dtype

    def detach(self) -> "Tensor":
        raise AssertionError("forcing detaches already")

    def is_floating_point(self) -> bool:
        return "float" in self.dtype

    def float(self) -> "Tensor":
        return Tensor(np.asarray(self.values, dtype=np.float32), "torch.float32")

    def numpy(self, *, force: bool = False) -> Any:
        if not force or self.dtype == "torch.bfloat16":
            raise TypeError("as torch does")
        return np.asarray(self.values)


def test_tensors() -> None:
    assert encode(Tensor([[0, 1], [1, 1]], "torch.bfloat16")) == [1, 3]
    assert as_numpy(Tensor([[0, 1]], "torch.int64")).tolist() == [[0, 1]]
    assert as_numpy(Tensor([0.5], "torch.bfloat16")).dtype == np.float32


def test_torch_is_not_imported() -> None:
    assert "torch" not in sys.modules
