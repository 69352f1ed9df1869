"""Scores against values that the open scorers computed, and against the specification's words."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.format.scores import (
    active_learning_scores,
    approximate_probabilities,
    class_distribution,
    entropy,
    image_class_distribution,
    keypoint_mean_uncertainty,
    least_confidence,
    margin,
    object_frequency,
    objectness_least_confidence,
)

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "scores.json").read_text())


def test_the_open_scorers_agree() -> None:
    objects = [
        (index, *values)
        for index, image in enumerate(GOLDEN["images"])
        for values in zip(image["scores"], image["labels"], image["probabilities"], strict=True)
    ]
    images, scores, labels, probabilities = (list(column) for column in zip(*objects, strict=True))
    ours = active_learning_scores(
        scores, labels, 3, probabilities=probabilities, images=images, num_images=len(GOLDEN["images"])
    )
    assert ours.keys() == GOLDEN["scores"].keys()
    for name, values in GOLDEN["scores"].items():
        np.testing.assert_allclose(ours[name], values, atol=1e-12, err_msg=name)


def test_a_single_class_has_a_second_one() -> None:
    ours = active_learning_scores([0.7, 0.2, 1.0], [0, 0, 0], 1)
    for name, values in GOLDEN["single"].items():
        np.testing.assert_allclose(ours[name], values, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ([0.7, 0.1, 0.1, 0.1], (0.4, 0.4, 0.67838982)),
        ([0.25, 0.25, 0.25, 0.25], (1, 1, 1)),
        ([0, 1, 0], (0, 0, 0)),
        ([0.7], (0.6, 0.6, 0.8812909)),
    ],
)
def test_golden_values(vector: list[float], expected: tuple[float, float, float]) -> None:
    values = [float(score([vector])[0]) for score in (least_confidence, margin, entropy)]
    assert values == pytest.approx(expected, abs=1e-8)


def test_the_approximation_of_the_page() -> None:
    np.testing.assert_allclose(approximate_probabilities(0.7, 0, 4), [[0.7, 0.1, 0.1, 0.1]])
    np.testing.assert_allclose(approximate_probabilities([0.7, 0.4], [0, 0], 1), [[0.7, 0.3], [0.4, 0.6]])
    np.testing.assert_allclose(approximate_probabilities([0.5], [2], 3), [[0.25, 0.25, 0.5]])


def test_class_distribution() -> None:
    nan = np.nan
    given = class_distribution([0, 1], 2, [[nan, nan], [0.25, 0.75]])
    assert given.tolist() == [[1, 0], [0.25, 0.75]]
    assert class_distribution([1], 3).tolist() == [[0, 1, 0]]
    assert image_class_distribution(given, [2, 2], 4).tolist() == [[0, 0], [0, 0], [1.25, 0.75], [0, 0]]


def test_per_image_scores() -> None:
    two = active_learning_scores([0.6, 0.9], [0, 1], 2, probabilities=[[0.8, 0.2], [0.1, 0.9]], images=[0, 0])
    assert two["objectness_least_confidence"].tolist() == pytest.approx([0.25])
    assert two["uncertainty_least_confidence"].tolist() == pytest.approx([0.4])
    assert two["uncertainty_entropy"].tolist() == pytest.approx([0.72192809])
    assert objectness_least_confidence([], [], 2).tolist() == [0, 0]
    assert keypoint_mean_uncertainty([np.mean([0.9, 0.5])], [1], 2).tolist() == pytest.approx([0, 0.3])
    assert object_frequency([0, 0, 1], [0, 0, 1], 3, 2).tolist() == pytest.approx([1, 0.98, 0.9])
    assert object_frequency([0, 0], [0, 1], 2, 1).tolist() == [1, 1]


def test_no_objects_at_all() -> None:
    scores = active_learning_scores([], [], 3, images=[], num_images=2)
    assert {name: values.tolist() for name, values in scores.items()} == {
        "uncertainty_least_confidence": [0, 0],
        "uncertainty_margin": [0, 0],
        "uncertainty_entropy": [0, 0],
        "objectness_least_confidence": [0, 0],
        "object_frequency": [1, 1],
    }


def test_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="category 3 does not exist"):
        approximate_probabilities([0.5], [3], 3)
    with pytest.raises(ValueError, match="shape"):
        class_distribution([0], 2, [[1.0]])
    with pytest.raises(ValueError, match="shape"):
        active_learning_scores([0.5], [0], 2, probabilities=[[0.5, 0.25, 0.25]])


def test_a_million_objects() -> None:
    random = np.random.default_rng(0)
    count = 1_000_000
    images = np.sort(random.integers(0, 100_000, count))
    scores = active_learning_scores(
        random.random(count), random.integers(0, 5, count), 5, images=images, num_images=100_000
    )
    assert all(values.shape == (100_000,) and np.isfinite(values).all() for values in scores.values())
