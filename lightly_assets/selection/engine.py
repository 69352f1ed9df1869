"""The package ``lightly-mundig``, which does the selecting, and what has to be known to use it safely.

It takes what it is given: weights of zero, more samples than there are, lists of other lengths. Here all of
that is put right or refused before it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lightly_assets.selection.errors import SelectionError

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

NOT_INSTALLED = "Selecting needs the package lightly-mundig: pip install 'lightly-assets[select]'."

# The least weight, as a share of the range of all: zero would make all samples equal.
_LEAST = 1e-6


class Part(Protocol):
    """A strategy as the engine takes it."""

    def add(self, selection: Any, samples: NDArray[np.int64]) -> None:
        """Adds itself to the package's selection among these samples."""


@dataclass(frozen=True)
class Weights:
    """Prefer samples with large values (N,)."""

    values: Floats
    strength: float = 1.0

    def add(self, selection: Any, samples: NDArray[np.int64]) -> None:
        selection.add_weighting_strategy(taken(positive(self.values), samples), self.strength)


@dataclass(frozen=True)
class Balance:
    """Bring the sum of rows (N, C) close to a target (C,)."""

    rows: Floats | NDArray[np.float32]
    target: Floats
    strength: float = 1.0

    def add(self, selection: Any, samples: NDArray[np.int64]) -> None:
        if self.rows.shape[1] != self.target.size:
            raise SelectionError(f"There are {self.rows.shape[1]} classes but {self.target.size} targets.")
        selection.add_balancing_strategy(taken(self.rows, samples), self.target.tolist(), self.strength)


@dataclass(frozen=True)
class Diversity:
    """Prefer samples whose vectors (N, D) are far from those selected; at least ``apart`` from each."""

    vectors: Vectors
    strength: float = 1.0
    apart: float | None = None

    def add(self, selection: Any, samples: NDArray[np.int64]) -> None:
        selection.add_diversifying_strategy(taken(self.vectors, samples), self.strength)


@dataclass(frozen=True)
class ObjectDiversity:
    """The same by the vectors (M, D) of objects; ``owners`` (M,) says whose they are."""

    vectors: Vectors
    owners: NDArray[np.int64]
    strength: float = 1.0
    apart: float | None = None

    def add(self, selection: Any, samples: NDArray[np.int64]) -> None:
        place = np.full(int(max(self.owners.max(initial=0), samples.max(initial=0))) + 1, -1)
        place[samples] = np.arange(samples.size)
        kept = place[self.owners] >= 0
        objects: list[list[int]] = [[] for _ in range(samples.size)]
        for index, owner in enumerate(place[self.owners[kept]].tolist()):
            objects[owner].append(index)
        selection.add_subpart_diversifying_strategy(self.vectors[kept], objects, self.strength)


@dataclass
class Plan:
    """What is to be selected from how: N samples, of which only ``candidates`` can be.

    ``before`` are samples that were selected earlier: new ones are to be different from them.
    """

    total: int
    wanted: int
    parts: list[Part] = field(default_factory=list)
    candidates: NDArray[np.bool_] | None = None
    before: Sequence[int] = ()


def select(plan: Plan) -> list[int]:
    """The selected samples, the first one first; never one twice, and none of those selected before."""
    possible = np.ones(plan.total, dtype=np.bool_) if plan.candidates is None else plan.candidates.copy()
    possible[list(plan.before)] = False
    chosen = list(plan.before)
    limits = [part for part in plan.parts if isinstance(part, Diversity | ObjectDiversity) and part.apart]
    for limit in limits:
        for sample in chosen:
            possible &= ~_near(limit, sample, plan.total)
    while True:
        missing = plan.wanted + len(plan.before) - len(chosen)
        left = np.flatnonzero(possible)
        if missing <= 0 or not left.size:
            return chosen[len(plan.before) :]
        added = _run(plan.parts, chosen, left, min(missing, left.size))
        for sample in added:
            if not possible[sample]:
                # Too near to one that was just selected: the rest is chosen anew without such.
                break
            chosen.append(sample)
            possible[sample] = False
            for limit in limits:
                possible &= ~_near(limit, sample, plan.total)
        else:
            return chosen[len(plan.before) :]


def _run(parts: Sequence[Part], chosen: list[int], left: NDArray[np.int64], count: int) -> list[int]:
    """So many of the samples that are left, beside those that are chosen."""
    mundig = package()
    samples = np.concatenate([np.array(chosen, dtype=np.int64), left])
    selection = mundig.Selection()
    for part in parts or [Weights(np.ones(int(samples.max()) + 1))]:
        part.add(selection, samples)
    before = list(range(len(chosen)))
    try:
        found = selection.run_selection(before, samples.size, len(chosen) + count)
    except BaseException as error:
        # A panic of the package is no Exception, and says nothing to people.
        if type(error).__name__ != "PanicException":
            raise
        raise SelectionError(f"lightly-mundig has failed: {error}.") from error
    return [int(samples[place]) for place in found[len(chosen) :]]


def _near(limit: Diversity | ObjectDiversity, sample: int, total: int) -> NDArray[np.bool_]:
    """(N,) the samples that are nearer to this one than allowed, itself included."""
    assert limit.apart is not None
    if isinstance(limit, Diversity):
        return distances(limit.vectors, limit.vectors[sample]) < limit.apart
    near = np.zeros(total, dtype=np.bool_)
    for vector in limit.vectors[limit.owners == sample]:
        near[limit.owners[distances(limit.vectors, vector) < limit.apart]] = True
    return near


def distances(vectors: Vectors, vector: Vectors) -> Floats:
    """(N,) Euclidean distances."""
    result: Floats = np.linalg.norm(vectors.astype(np.float64) - vector, axis=1)
    return result


def taken(values: Any, samples: NDArray[np.int64]) -> Any:
    """The rows of these samples; the array itself where they are all, in order."""
    everything = samples.size == len(values) and bool((samples[:-1] < samples[1:]).all())
    return values if everything else values[samples]


def positive(values: Floats) -> Floats:
    """Values above zero in the same order, as weights have to be; scores from zero on hardly change."""
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if low > 0 or not values.size:
        return values
    if high == low:
        return np.ones_like(values)
    moved = values - min(low, 0.0)
    return np.maximum(moved, _LEAST * float(moved.max()))


def typicality(vectors: Vectors, neighbours: int) -> Floats:
    """(N,) how close each sample is to its nearest ones."""
    if len(vectors) < 2:
        return np.ones(len(vectors))
    few = max(1, min(neighbours, len(vectors) - 1))
    return np.array(package().Typicality(vectors).calculate_typicality(few), dtype=np.float64)


def similarity(vectors: Vectors, queries: Vectors) -> Floats:
    """(N,) how similar each sample is to the most similar query, relative to all."""
    return np.array(package().Similarity(vectors).calculate_similarity(queries), dtype=np.float64)


def package() -> Any:
    """``lightly_mundig``.

    Raises:
        SelectionError: it is not installed.
    """
    try:
        import lightly_mundig
    except ImportError:
        raise SelectionError(NOT_INSTALLED) from None
    return lightly_mundig
