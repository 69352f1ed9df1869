"""Score volumes against the page's own function."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from lightly_assets.format.rle import decode
from lightly_assets.format.segmentation import (
    convert_to_lightly_predictions,
    find_segments,
    label_map_segments,
    softmax,
)
from tests.format import page

# Few different values, so that categories tie; the first one has to win, as with argmax.
VOLUMES = arrays(
    np.float32,
    array_shapes(min_dims=4, max_dims=4, max_side=6),
    elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)


@given(VOLUMES)
def test_same_as_the_page(scores: NDArray[np.float32]) -> None:
    images = convert_to_lightly_predictions(scores)
    assert len(images) == len(scores)
    assert [one for image in images for one in image] == page.convert_to_lightly_predictions(scores)


@settings(max_examples=20)
@given(
    st.integers(1, 300),
    st.sampled_from(["float16", "float32", "float64"]),
    st.integers(0, 2**32),
    st.sampled_from([(1, 1), (7, 300), (200, 331)]),
)
def test_large_volumes(categories: int, dtype: str, seed: int, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    volume = random.random((1, min(categories, 40) if shape[0] > 100 else categories, *shape)).astype(dtype)
    assert convert_to_lightly_predictions(volume)[0] == page.convert_to_lightly_predictions(volume)


@pytest.mark.parametrize("distribution", ["uniform", "constant", "sorted", "spiked"])
def test_medians_of_many_pixels(distribution: str) -> None:
    random = np.random.default_rng(1)
    values = random.random((1, 1, 300, 333)).astype(np.float32)
    if distribution == "constant":
        values[:] = 0.3
    elif distribution == "sorted":
        values = np.sort(values.ravel()).reshape(values.shape)
    elif distribution == "spiked":
        values[values > 0.1] = 1
        values.ravel()[::97] = 0
    assert convert_to_lightly_predictions(values)[0] == page.convert_to_lightly_predictions(values)


def test_means_and_ids() -> None:
    scores = np.array([[[[0.9, 0.2], [0.4, 0.1]], [[0.1, 0.8], [0.6, 0.2]]]])
    (image,) = convert_to_lightly_predictions(scores, reduce="mean", category_ids=[3, 90])
    assert image == [
        {"category_id": 3, "segmentation": [0, 1, 3], "score": 0.9},
        {"category_id": 90, "segmentation": [1, 3], "score": pytest.approx((0.8 + 0.6 + 0.2) / 3)},
    ]


@given(VOLUMES)
def test_masks_partition_the_image(scores: NDArray[np.float32]) -> None:
    height, width = scores.shape[2:]
    for image in convert_to_lightly_predictions(scores):
        assert (
            sum(decode(one["segmentation"], height, width) for one in image).tolist()
            == np.ones((height, width)).tolist()
        )


@pytest.mark.parametrize("layout", ["fortran", "channels last", "big endian", "integers"])
def test_any_layout(layout: str) -> None:
    scores = np.random.default_rng(0).random((2, 5, 13, 17)).round()
    expected = convert_to_lightly_predictions(scores)
    given_scores: NDArray[Any] = {
        "fortran": np.asfortranarray(scores),
        "channels last": np.ascontiguousarray(scores.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        "big endian": scores.astype(">f4"),
        "integers": scores.astype(int),
    }[layout]
    assert convert_to_lightly_predictions(given_scores) == expected


def test_no_images() -> None:
    assert convert_to_lightly_predictions(np.zeros((0, 3, 4, 5))) == []


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        (np.zeros((3, 4, 5)), r"\(3, 4, 5\)"),
        (np.zeros((1, 0, 4, 5)), r"\(1, 0, 4, 5\)"),
        (np.full((1, 2, 2, 2), 1.001), "softmax"),
        (np.full((1, 2, 2, 2), -0.001), "softmax"),
        (np.full((1, 2, 2, 2), np.nan), "got nan"),
        (np.full((1, 2, 2, 2), np.inf), "got inf"),
        (np.full((1, 2, 2, 2), 1j), "complex128"),
        (np.full((1, 2, 2, 2), "a"), "<U1"),
        (np.random.default_rng(0).standard_normal((3, 4, 5, 6)), "softmax"),
    ],
)
def test_what_are_no_scores(scores: NDArray[Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        convert_to_lightly_predictions(scores)


def test_a_single_bad_score() -> None:
    scores = np.full((1, 3, 300, 400), 0.25, dtype=np.float32)
    scores[0, 2, 299, 399] = np.nan
    with pytest.raises(ValueError, match="got nan"):
        convert_to_lightly_predictions(scores)


def test_softmax() -> None:
    logits = np.random.default_rng(0).standard_normal((2, 3, 5, 7)).astype(np.float32) * 50
    probabilities = softmax(logits)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert convert_to_lightly_predictions(logits, activation="softmax") == convert_to_lightly_predictions(
        probabilities
    )


@pytest.mark.parametrize("call", [{"reduce": "max"}, {"activation": "sigmoid"}, {"category_ids": [1]}])
def test_wrong_options(call: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        convert_to_lightly_predictions(np.zeros((1, 2, 3, 4)), **call)


@given(arrays(np.int16, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 5)))
def test_label_maps(labels: NDArray[np.int16]) -> None:
    segments = label_map_segments(labels, ignore=5)
    assert segments.categories.tolist() == sorted(set(labels.ravel().tolist()) - {5})
    for category, runs in zip(segments.categories, segments.segmentations, strict=True):
        assert runs == page.encode(labels == category)
    assert segments.scores.tolist() == [1.0] * len(segments.categories)


def test_label_maps_with_scores_are_volumes() -> None:
    volume = np.random.default_rng(2).random((6, 40, 50), dtype=np.float32)
    whole = find_segments(volume)
    mapped = label_map_segments(volume.argmax(axis=0), volume.max(axis=0))
    assert mapped.segmentations == whole.segmentations
    assert mapped.scores.tolist() == whole.scores.tolist()


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        (np.zeros((2, 2)), None),
        (np.zeros((1, 2, 2), int), None),
        (np.full((2, 2), -1), None),
        (np.zeros((2, 2), int), np.zeros((2, 3))),
        (np.zeros((2, 2), int), np.full((2, 2), 2.0)),
    ],
)
def test_what_are_no_labels(labels: NDArray[Any], scores: Any) -> None:
    with pytest.raises(ValueError):
        label_map_segments(labels, scores)
