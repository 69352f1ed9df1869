"""Masks and scores as torch tensors; needs torch, so it has a command of its own: ``make test-torch``."""

from typing import Any

import numpy as np
import pytest
import torch

from lightly_assets.format.rle import decode, encode
from lightly_assets.format.segmentation import convert_to_lightly_predictions
from lightly_assets.format.singletons import detection_singletons

EXAMPLE = [[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]]
DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32,
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn,
]  # fmt: skip
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_any_dtype(dtype: torch.dtype, device: str) -> None:
    mask = torch.tensor(EXAMPLE).to(dtype).to(device)
    assert encode(mask) == [2, 2, 1, 3, 3, 1]
    assert encode(torch.zeros(3, 4, device=device).to(dtype)) == [12]
    assert encode(torch.ones(3, 4, device=device).to(dtype)) == [0, 12]


@pytest.mark.parametrize(
    "mask",
    [
        torch.tensor(EXAMPLE, dtype=torch.float32, requires_grad=True),
        torch.tensor(EXAMPLE, dtype=torch.float32, requires_grad=True) * 1,
        torch.tensor(EXAMPLE).T.contiguous().T,
        torch.tensor(EXAMPLE).repeat_interleave(2, dim=1)[:, ::2],
        torch.tensor(EXAMPLE).unsqueeze(0).expand(5, 3, 4)[2],
        torch.conj(torch.tensor(EXAMPLE) * -1j).imag,
    ],
    ids=["leaf", "graph", "columns first", "strided", "expanded", "negative bit"],
)
def test_any_tensor(mask: torch.Tensor) -> None:
    assert encode(mask) == [2, 2, 1, 3, 3, 1]


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        (torch.zeros(1, 3, 4), r"\(1, 3, 4\)"),
        (torch.full((3, 4), 2), "got 2"),
        (torch.full((3, 4), float("nan")), "got nan"),
        (torch.zeros(3, 4, dtype=torch.complex64), "complex64"),
    ],
)
def test_what_is_no_mask(mask: torch.Tensor, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        encode(mask)


def test_decode_takes_tensors() -> None:
    assert decode(torch.tensor([2, 2, 1, 3, 3, 1]), 3, 4).tolist() == EXAMPLE


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("reduce", ["median", "mean"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_scores_are_those_of_numpy(dtype: torch.dtype, reduce: Any, device: str) -> None:
    scores = torch.rand(3, 4, 50, 60, dtype=torch.float64).to(dtype).to(device).requires_grad_()
    expected = convert_to_lightly_predictions(scores.detach().cpu().numpy(), reduce=reduce)
    assert convert_to_lightly_predictions(scores, reduce=reduce) == expected
    channels_last = scores.contiguous(memory_format=torch.channels_last)
    assert convert_to_lightly_predictions(channels_last, reduce=reduce) == expected


def test_bfloat16_scores() -> None:
    scores = torch.rand(2, 3, 5, 7).to(torch.bfloat16)
    assert convert_to_lightly_predictions(scores) == convert_to_lightly_predictions(scores.float())


def test_logits() -> None:
    logits = torch.randn(2, 3, 5, 7)
    with pytest.raises(ValueError, match="softmax"):
        convert_to_lightly_predictions(logits)
    ours = convert_to_lightly_predictions(logits, activation="softmax")
    theirs = convert_to_lightly_predictions(torch.softmax(logits, dim=1))
    for one, other in zip(ours, theirs, strict=True):
        assert [entry["segmentation"] for entry in one] == [entry["segmentation"] for entry in other]
        np.testing.assert_allclose(
            [entry["score"] for entry in one], [entry["score"] for entry in other], rtol=1e-5
        )


def test_boxes() -> None:
    boxes, scores = torch.tensor([[1.0, 2.0, 3.5, 4.0]]), torch.tensor([0.8], requires_grad=True)
    (singleton,) = detection_singletons(boxes, scores, torch.tensor([1]), categories=(0, 1))
    assert singleton == {"category_id": 1, "bbox": [1, 2, 3.5, 4], "score": 0.8}
