"""Masks and scores read from a model's coarser pixels, against reading every pixel of every class."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.format.segmentation import find_segments
from lightly_assets.models.columns import pack
from lightly_assets.models.pixels.geometry import view_of
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import SemanticSegments
from lightly_assets.models.semantic.interpolated import (
    CLIPPED,
    SHARE,
    SHARES,
    SIGMOID,
    SOFTMAX,
    Activation,
    InterpolatedScores,
)

SIZES = [(97, 131), (181, 60), (5, 400), (31, 7)]
PIXELS = [
    Preprocess(resize="letterbox", size=(64, 96)),
    Preprocess(resize="letterbox", size=(64, 96), pad_at="end", rounding="floor"),
    Preprocess(resize="stretch", size=(48, 80)),
    Preprocess(resize="crop", size=(48, 48), resize_to=56),
    Preprocess(resize="none"),
]


def read_everywhere(planes: NDArray[Any], view: View, activation: Activation) -> NDArray[np.float32]:
    """(C, H, W) scores of all pixels: read between four numbers each, then the activation."""
    given = planes.astype(np.float32)
    _, height, width = given.shape

    def line(size: int, places: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        at = np.clip(places - 0.5, 0, size - 1)
        low = np.minimum(np.floor(at), max(size - 2, 0)).astype(np.intp)
        return low, (at - low).astype(np.float32)

    low, share = line(width, view.columns(width))
    narrow = given[..., low] + (given[..., np.minimum(low + 1, width - 1)] - given[..., low]) * share
    low, share = line(height, view.rows(height))
    above, below = narrow[:, low], narrow[:, np.minimum(low + 1, height - 1)]
    # In memory as in the shape: sums of floats depend on their order.
    read = np.ascontiguousarray(above + (below - above) * share[:, None])
    if activation is SOFTMAX:
        shifted = np.exp(read - read.max(axis=0))
        return np.asarray(shifted / shifted.sum(axis=0))
    if activation is CLIPPED:
        return np.clip(read, 0, 1)
    if activation is SIGMOID:
        read = np.asarray(0.5 * (np.tanh(0.5 * read) + 1), dtype=np.float32)
    return np.concatenate([1 - read, read]) if activation.single else read


def same_masks(planes: NDArray[Any], view: View, activation: Activation) -> bool:
    """Checks masks and scores; whether patches were used."""
    result = InterpolatedScores(planes, view, activation)
    everywhere = read_everywhere(planes, view, activation)
    np.testing.assert_array_equal(result.scores, everywhere)
    wanted = find_segments(everywhere)
    found = pack(result)
    assert isinstance(found, SemanticSegments)
    assert found.size == (view.height, view.width)
    assert found.classes.tolist() == wanted.categories.tolist()
    assert [one.tolist() for one in found.masks.counts] == wanted.segmentations
    labels = everywhere.argmax(axis=0)
    means = [everywhere[label][labels == label].mean(dtype=np.float64) for label in wanted.categories]
    np.testing.assert_allclose(found.medians, wanted.scores, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found.means, means, rtol=0, atol=1e-3)
    return result.segments() is not None


def views(shape: tuple[int, int]) -> list[View]:
    height, width = shape
    return [view_of(one.complete(), width, height) for one in PIXELS]


def fields(kind: str, classes: int, height: int, width: int, seed: int) -> NDArray[np.float32]:
    """(C, h, w) logits of a kind that could go wrong."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(classes, height, width)).astype(np.float32)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 7 + n) + np.cos(y / 5 - 2 * n) for n in range(classes)]).astype(np.float32)
    return {
        "noise": noise,
        "sure": 30 * waves,
        "unsure": waves / 5,
        "whole numbers": np.round(2 * noise),
        "few levels": np.round(waves),
        "equal": np.zeros_like(noise),
        "nearly equal": waves[:1] + noise * np.float32(1e-7),
        "far and nearly equal": 20000 + np.round(noise) * np.float32(2**-9),
        "huge": noise * np.float32(1e30),
        "one class": waves + 50 * (np.arange(classes) == 1 % classes)[:, None, None],
        "ruled out": np.where(np.arange(classes)[:, None, None] % 2, waves, np.float32(-4e37)),
        "ruled out here": np.where(noise > 0, waves, np.float32(-4e37)),
        "steps": np.where((x + y) // 9 % classes == np.arange(classes)[:, None, None], 9, 0).astype("f4"),
    }[kind]


KINDS = (
    "noise",
    "sure",
    "unsure",
    "whole numbers",
    "few levels",
    "equal",
    "nearly equal",
    "far and nearly equal",
    "huge",
    "one class",
    "ruled out",
    "ruled out here",
    "steps",
)


@pytest.mark.parametrize("kind", KINDS)
def test_logits(kind: str) -> None:
    used = 0
    for number, shape in enumerate(SIZES):
        for place, view in enumerate(views(shape)):
            seed = 10 * number + place
            classes, height, width = ((6, 16, 24), (2, 12, 17), (19, 9, 7))[seed % 3]
            used += same_masks(fields(kind, classes, height, width, seed), view, SOFTMAX)
    assert used > 10


@pytest.mark.parametrize("kind", ["noise", "sure", "unsure", "few levels", "equal", "nearly equal", "steps"])
def test_a_single_channel_probabilities_and_shares_that_are_cut(kind: str) -> None:
    used = 0
    for number, shape in enumerate(SIZES):
        for place, view in enumerate(views(shape)):
            logits = fields(kind, 5, 16, 24, 10 * number + place)
            shares = np.exp(logits - logits.max(axis=0))
            shares /= shares.sum(axis=0) * np.float32(1 + 1e-6)
            used += same_masks(logits[:1], view, SIGMOID)
            used += same_masks(shares, view, SHARES)
            used += same_masks(np.round(64 * shares) / np.float32(64), view, SHARES)
            used += same_masks(shares[:1], view, SHARE)
            used += same_masks(np.abs(logits), view, CLIPPED)
            used += same_masks(shares * np.float32(1.5), view, CLIPPED)
    assert used > 50


def test_many_classes_and_outputs_of_few_pixels() -> None:
    view = view_of(Preprocess(resize="letterbox", size=(64, 96)).complete(), 203, 117)
    assert same_masks(fields("noise", 300, 8, 12, 1), view, SOFTMAX)
    assert same_masks(fields("unsure", 1, 8, 12, 2), view, SOFTMAX)
    for shape in ((1, 1), (1, 9), (9, 1), (2, 2), (2, 3), (200, 210), (3, 400)):
        for kind in ("noise", "unsure", "few levels"):
            same_masks(fields(kind, 4, *shape, 3), view, SOFTMAX)
    half = fields("sure", 6, 16, 24, 4).astype(np.float16)
    assert same_masks(half.astype(np.float32), view, SOFTMAX)


def test_a_class_that_leads_only_between_pixels() -> None:
    """Two others are far above it at every pixel of the output, in turns."""
    view = view_of(Preprocess(resize="stretch", size=(32, 32)).complete(), 320, 200)
    turns = np.where(np.arange(8) % 2, np.float32(9e30), np.float32(-9e30)) * np.ones(
        (8, 1), dtype=np.float32
    )
    planes = np.stack([turns, -turns, np.full((8, 8), 8e30), np.full((8, 8), -3e38)]).astype(np.float32)
    assert same_masks(planes, view, SOFTMAX)
    assert pack(InterpolatedScores(planes, view, SOFTMAX)).classes.tolist() == [0, 1, 2]  # type: ignore[union-attr]


def test_a_frame_of_full_size() -> None:
    """1080p, where what is told from afar is most of the picture."""
    view = view_of(Preprocess(resize="letterbox", size=(192, 320)).complete(), 1920, 1080)
    for kind, scale in (("sure", 0.1), ("sure", 1.0), ("unsure", 1.0)):
        planes = fields(kind, 6, 96, 160, 5) * np.float32(scale)
        assert same_masks(planes, view, SOFTMAX)
    odd = view_of(Preprocess(resize="stretch", size=(300, 500)).complete(), 1279, 719)
    assert same_masks(fields("sure", 3, 75, 125, 6) * np.float32(0.2), odd, SOFTMAX)


def test_numbers_that_are_no_scores_are_refused_as_where_all_are_read() -> None:
    view = view_of(Preprocess(resize="stretch", size=(32, 32)).complete(), 320, 200)
    logits = fields("sure", 3, 8, 8, 7)
    shares = np.full((3, 8, 8), 1 / 3, dtype=np.float32)
    for bad in (np.nan, np.inf):
        wrong = logits.copy()
        wrong[1, 4, 4] = bad
        with pytest.raises(BadValue, match="but got nan"), np.errstate(invalid="ignore"):
            pack(InterpolatedScores(wrong, view, SOFTMAX))
    for bad, shown in ((np.nan, "nan"), (1.5, "1"), (-0.5, "-0")):
        wrong = shares.copy()
        wrong[1, 4, 4] = bad
        with pytest.raises(BadValue, match=rf"Scores must lie in \[0, 1\], but got {shown}"):
            pack(InterpolatedScores(wrong, view, SHARES))
