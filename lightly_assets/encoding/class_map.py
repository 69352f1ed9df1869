"""From a model's classes to the task's categories."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.models.results import ResultError


def mapped(
    classes: NDArray[Any], settings: TaskSettings, channels: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Category ids of classes, and which classes have one."""
    known = settings.channel_map if channels else settings.class_map
    if known is None:
        return classes.astype(np.int64), np.ones(len(classes), dtype=np.bool_)
    ids = np.array([known.get(one, -1) for one in classes.tolist()], dtype=np.int64)
    kept = ids >= 0
    if settings.encode.category_map is None and not kept.all():
        bad, first = int(classes[~kept][0]), settings.encode.first_class
        counted = f", of which the first is {first}" if first else ""
        raise ResultError(
            f"the model said class {bad}, but the task has {len(settings.ids)} categories{counted}; say with "
            "category_map which class is which category id (others are left out)."
        )
    return ids, kept


def mapped_probabilities(probabilities: NDArray[Any], settings: TaskSettings) -> NDArray[Any]:
    """(N, classes) as (N, categories): classes of one category are added, the rest is what is left out.

    What the categories have is scaled up to 1, so that it says how they share the object.
    """
    known = settings.encode.category_map
    if known is None or not len(probabilities):
        return probabilities
    classes = [one for one in known if 0 <= one < probabilities.shape[1]]
    places = [settings.schema.index_of[known[one]] for one in classes]
    shares = np.zeros((len(probabilities), len(settings.ids)), dtype=np.float64)
    for one, place in zip(classes, places, strict=True):
        shares[:, place] += probabilities[:, one]
    sums = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, sums, out=np.full_like(shares, 1 / shares.shape[1]), where=sums > 0)
    mapped: NDArray[Any] = shares.astype(probabilities.dtype)
    return mapped


def best_is_mapped(probabilities: NDArray[Any], settings: TaskSettings) -> bool:
    """Whether an image's likeliest of (classes,) is a category; those of one category are added.

    What is left out is no other category: an image of it would become the least unlikely one.
    """
    known = settings.encode.category_map
    if known is None:
        return True
    shares: dict[int, float] = {}
    for one, share in enumerate(probabilities.tolist()):
        # Each class that is left out is on its own.
        place = known.get(one, -1 - one)
        shares[place] = shares.get(place, 0.0) + share
    return max((share, place >= 0) for place, share in shares.items())[1]
