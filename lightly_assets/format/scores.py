"""Active learning scores and class distributions, as the platform computes them from predictions.

The formulas are those of the open scorers of the package ``lightly`` (``lightly/active_learning/scorers``,
until 1.4.6; the golden values were computed with 1.2.47) and of the specification's "Objectness scores and
class probabilities". Everything works on arrays of all objects of all images: ``images`` (N,) says to
which image each object belongs, numbered from 0; ``num_images`` includes those without objects.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue

Floats = NDArray[np.float64]


def approximate_probabilities(scores: Any, categories: Any, num_categories: int) -> Floats:
    """(N, C) probabilities for objects that have only a score.

    The category gets the score, the others share the rest equally: score 0.7, category 0 of 4 is
    ``[0.7, 0.1, 0.1, 0.1]``. Where there is one category, a second one is assumed, so C is at least 2:
    ``[0.7, 0.3]``.

    Args:
        scores: (N,) in [0, 1].
        categories: (N,) places of the category ids among the schema's ids, ascending; not the ids themselves.
        num_categories: of the schema.

    Raises:
        BadValue: a category is not in [0, num_categories - 1].

    >>> approximate_probabilities([0.7], [0], 4).round(3).tolist()
    [[0.7, 0.1, 0.1, 0.1]]
    """
    values = np.atleast_1d(np.asarray(scores, dtype=np.float64))
    places = _places(categories, num_categories)
    count = max(num_categories, 2)
    result = np.repeat(((1 - values) / (count - 1))[:, None], count, axis=1)
    result[np.arange(values.size), places] = values
    return result


def class_distribution(categories: Any, num_categories: int, probabilities: Any = None) -> Floats:
    """(N, C) class distribution of each object: its probabilities, or one-hot where it has none.

    ``probabilities`` is (N, C); rows of NaN stand for objects without. Unlike for the scores, missing
    probabilities are not approximated.

    Raises:
        BadValue: as :func:`approximate_probabilities`, or the shape of the probabilities is another one.

    >>> class_distribution([1, 0], 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    places = _places(categories, num_categories)
    result = np.zeros((places.size, num_categories))
    result[np.arange(places.size), places] = 1
    if probabilities is not None:
        given = np.asarray(probabilities, dtype=np.float64)
        if given.shape != result.shape:
            raise BadValue(f"probabilities have the shape {given.shape}; it must be {result.shape}.")
        result = np.where(np.isnan(given), result, given)
    return result


def image_class_distribution(distribution: Any, images: Any, num_images: int) -> Floats:
    """(num_images, C): the sum over each image's objects, which for classification is the vector."""
    rows = np.asarray(distribution, dtype=np.float64)
    total = np.zeros((num_images, rows.shape[1]))
    for category in range(rows.shape[1]):
        total[:, category] = np.bincount(_images(images), weights=rows[:, category], minlength=num_images)
    return total


def least_confidence(probabilities: Any) -> Floats:
    """(N,) ``(1 - max p) / (1 - 1/C)``: 0 for one-hot, 1 for uniform. [.7, .1, .1, .1] → 0.4."""
    vectors = _two_classes(probabilities)
    scores: Floats = (1 - vectors.max(axis=1)) / (1 - 1 / vectors.shape[1])
    return scores


def margin(probabilities: Any) -> Floats:
    """(N,) ``1 - (p₁ - p₂)`` of the two largest. [.7, .1, .1, .1] → 0.4."""
    top_two = np.partition(_two_classes(probabilities), -2, axis=1)[:, -2:]
    scores: Floats = 1 - (top_two[:, 1] - top_two[:, 0])
    return scores


def entropy(probabilities: Any) -> Floats:
    """(N,) ``-Σ p log₂ p / log₂ C``, with 0 log 0 = 0. [.7, .1, .1, .1] → 0.67838982."""
    vectors = _two_classes(probabilities)
    logarithms = np.log2(vectors, where=vectors > 0, out=np.zeros_like(vectors))
    scores: Floats = -(vectors * logarithms).sum(axis=1) / np.log2(vectors.shape[1])
    return np.maximum(scores, 0)


def objectness_least_confidence(scores: Any, images: Any, num_images: int) -> Floats:
    """(num_images,) ``1 - mean(score)`` over each image's objects, 0 without. Scores .6, .9 → 0.25."""
    return _one_minus_mean(np.asarray(scores, dtype=np.float64), images, num_images)


def object_frequency(categories: Any, images: Any, num_images: int, num_categories: int) -> Floats:
    """(num_images,) how many objects and how many different categories an image has, from 0.9 to 1.

    Per image the sum over its categories of ``1 + 0.25 (count - 1)``, then scaled from the smallest to the
    largest image of the data set. Where all images are equal, all get 1.
    Three images with categories {0, 0}, {1}, {} → 1, 0.98, 0.9.
    """
    return scaled_frequency(raw_frequency(categories, images, num_images, num_categories))


def raw_frequency(categories: Any, images: Any, num_images: int, num_categories: int) -> Floats:
    """(num_images,) the sums of :func:`object_frequency`, before they are compared with others."""
    places = _places(categories, num_categories)
    pairs, counts = np.unique(_images(images) * num_categories + places, return_counts=True)
    weights = 1 + 0.25 * (counts - 1)
    return np.bincount(pairs // num_categories, weights=weights, minlength=num_images).astype(np.float64)


def scaled_frequency(raw: Floats) -> Floats:
    """(N,) such sums of all images of a data set, from 0.9 to 1; where all are equal, all get 1."""
    low, high = raw.min(initial=np.inf), raw.max(initial=-np.inf)
    if high <= low:
        return np.ones(raw.size)
    scaled: Floats = 0.9 + 0.1 * (raw - low) / (high - low)
    return scaled


def keypoint_mean_uncertainty(keypoint_scores: Any, images: Any, num_images: int) -> Floats:
    """(num_images,) ``1 -`` the mean over an image's objects of the mean score of their keypoints; 0 without.

    ``keypoint_scores`` is (N,), the mean score of each object's keypoints. One object with .9, .5 → 0.3.
    """
    return _one_minus_mean(np.asarray(keypoint_scores, dtype=np.float64), images, num_images)


def image_maximum(scores: Any, images: Any, num_images: int) -> Floats:
    """(num_images,) the largest score of each image's objects, 0 without objects."""
    result = np.zeros(num_images)
    np.maximum.at(result, _images(images), np.asarray(scores, dtype=np.float64))
    return result


def active_learning_scores(
    scores: Any,
    categories: Any,
    num_categories: int,
    *,
    probabilities: Any = None,
    images: Any = None,
    num_images: int | None = None,
) -> dict[str, Floats]:
    """The scores of each image under the platform's names.

    For detection the uncertainty of an image is the largest of its objects'. For classification, leave out
    ``images``: each object is an image of its own and the scores about objects are left out.

    Args:
        scores: (N,) in [0, 1].
        categories: (N,) places of the category ids among the schema's ids, ascending.
        num_categories: of the schema.
        probabilities: (N, C); rows of NaN, or None for all, are approximated from the score.
        images: (N,) image of each object, from 0.
        num_images: how many images there are, those without objects included.

    Raises:
        BadValue: shapes that do not fit each other, or a category that does not exist.

    >>> found = active_learning_scores([0.6, 0.9], [0, 1], 2, images=[0, 0])
    >>> {name: float(values[0].round(3)) for name, values in found.items()}["objectness_least_confidence"]
    0.25
    """
    vectors = approximate_probabilities(scores, categories, num_categories)
    if probabilities is not None:
        given = _two_classes(probabilities)
        if given.shape != vectors.shape:
            raise BadValue(f"probabilities have the shape {given.shape}; it must be {vectors.shape}.")
        vectors = np.where(np.isnan(given), vectors, given)
    per_object = {
        "uncertainty_least_confidence": least_confidence(vectors),
        "uncertainty_margin": margin(vectors),
        "uncertainty_entropy": entropy(vectors),
    }
    if images is None:
        return per_object
    total = num_images if num_images is not None else int(_images(images).max(initial=-1)) + 1
    return {
        **{name: image_maximum(values, images, total) for name, values in per_object.items()},
        "objectness_least_confidence": objectness_least_confidence(scores, images, total),
        "object_frequency": object_frequency(categories, images, total, num_categories),
    }


def _one_minus_mean(values: Floats, images: Any, num_images: int) -> Floats:
    of_image = _images(images)
    counts = np.bincount(of_image, minlength=num_images)
    sums = np.bincount(of_image, weights=values, minlength=num_images)
    result: Floats = np.where(counts > 0, 1 - sums / np.maximum(counts, 1), 0.0)
    return result


def _two_classes(probabilities: Any) -> Floats:
    """(N, C) with C at least 2: a single column [p] becomes [p, 1 - p]."""
    vectors = np.asarray(probabilities, dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise BadValue(f"probabilities have the shape {vectors.shape}; it must be (N, C).")
    return np.concatenate([vectors, 1 - vectors], axis=1) if vectors.shape[1] == 1 else vectors


def _places(categories: Any, num_categories: int) -> NDArray[np.int64]:
    places = np.atleast_1d(np.asarray(categories, dtype=np.int64))
    if places.size and (places.min() < 0 or places.max() >= num_categories):
        wrong = places[(places < 0) | (places >= num_categories)][0]
        raise BadValue(f"category {wrong} does not exist; there are {num_categories} categories, from 0.")
    return places


def _images(images: Any) -> NDArray[np.int64]:
    return np.asarray(images, dtype=np.int64)
