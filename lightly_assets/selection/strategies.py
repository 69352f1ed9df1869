"""From a ``selection_config`` to what the engine does, and to what is said about it afterwards."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.selection.engine import (
    Balance,
    Diversity,
    ObjectDiversity,
    Part,
    Vectors,
    Weights,
    distances,
    similarity,
    typicality,
)
from lightly_assets.selection.errors import SelectionError
from lightly_assets.selection.samples import Rows, Samples

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

OTHERS = "all others"
_REST = 1e-6
_NEIGHBOURS = 20
_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "SMALLER": operator.lt, "SMALLER_EQUAL": operator.le, "BIGGER": operator.gt, "BIGGER_EQUAL": operator.ge,
}  # fmt: skip


@dataclass
class Strategy:
    """A strategy of the configuration with its numbers.

    ``part`` is what the engine gets, none for thresholds. ``kept`` (N,) are the samples that a threshold
    leaves. ``values`` (N,) is one number per sample, for people.
    """

    config: dict[str, Any]
    part: Part | None = None
    kept: Flags | None = None
    values: Floats | None = None
    max_sum: float | None = None
    wanted: Any = None

    @property
    def name(self) -> str:
        """For people: ``WEIGHTS of SCORES uncertainty_entropy``."""
        given = self.config["input"]
        what = given.get("score") or given.get("name") or given.get("key") or ""
        return " ".join(filter(None, [self.config["strategy"]["type"], "of", given["type"], what]))


class Vectorised:
    """Where vectors come from; they are computed when the first strategy asks."""

    def __init__(
        self,
        frames: Callable[[], Vectors],
        objects: Callable[[str], tuple[Vectors, NDArray[np.int64]]],
        similar: Sequence[int] = (),
        pictures: Callable[[], Vectors] | None = None,
    ) -> None:
        self._frames = frames
        self._vectors: Vectors | None = None
        self.objects = objects
        self._similar, self._pictures = similar, pictures

    @property
    def vectors(self) -> Vectors:
        """(N, D)"""
        if self._vectors is None:
            self._vectors = self._frames()
        return self._vectors

    def queries(self, vectors: Vectors, owners: NDArray[np.int64] | None) -> Vectors:
        """(Q, D) what SIMILARITY compares with: pictures, or the named frames, or the objects on these.

        Raises:
            SelectionError: nothing is named, or there is no object.
        """
        if self._pictures is not None:
            return self._pictures()
        if not self._similar:
            raise SelectionError(
                "SIMILARITY compares with a dataset on the platform; name frames of this input, or a folder "
                "of pictures, with --similar-to."
            )
        chosen = np.isin(owners, self._similar) if owners is not None else np.array(self._similar)
        if not vectors[chosen].size:
            raise SelectionError("SIMILARITY: the frames that --similar-to names have no object.")
        return vectors[chosen]


def make(config: dict[str, Any], samples: Samples, vectorised: Vectorised) -> Strategy:
    """Prepares one strategy; the configuration has been checked.

    Raises:
        SelectionError: its numbers cannot be had, or are none.
    """
    given, strategy = config["input"], config["strategy"]
    kind = strategy["type"]
    strength = float(strategy.get("strength", 1.0))
    found = Strategy(config)
    if kind == "BALANCE":
        _balance(found, given, strategy, samples, strength)
    elif given["type"] == "EMBEDDINGS":
        _by_vectors(found, given, strategy, vectorised, strength, len(samples))
    else:
        values = scalar(given, samples)
        found.values = values
        if kind == "THRESHOLD":
            found.kept = np.asarray(_OPERATIONS[strategy["operation"]](values, strategy["threshold"]))
            found.wanted = {"operation": strategy["operation"], "threshold": strategy["threshold"]}
        else:
            found.part = Weights(values, strength)
            found.max_sum = strategy.get("stopping_condition_max_sum")
            found.wanted = "small values" if strength < 0 else "large values"
    return found


def scalar(given: dict[str, Any], samples: Samples) -> Floats:
    """(N,) one number per sample.

    Raises:
        SelectionError: a value is no finite number.
    """
    kind = given["type"]
    if kind == "RANDOM":
        return np.random.default_rng(int(given.get("random_seed") or 0)).random(len(samples))
    if kind == "SCORES":
        return samples.score(given["task"], given["score"])
    if kind == "PREDICTIONS":
        names, counts, _ = samples.category_rows(given["task"])
        wanted = set(given.get("categories") or names)
        kept = [place for place, name in enumerate(names) if name in wanted]
        return np.asarray(counts[:, kept].sum(axis=1, dtype=np.float64))
    values = samples.metadata(given["key"])
    for name, value in zip(samples.names, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise SelectionError(
                f"The metadata '{given['key']}' of '{name}' is {value!r}; WEIGHTS and THRESHOLD need "
                "a number."
            )
    return np.array(values, dtype=np.float64)


def _balance(
    found: Strategy, given: dict[str, Any], strategy: dict[str, Any], samples: Samples, strength: float
) -> None:
    names, rows = _classes(given, samples)
    distribution = strategy.get("distribution", "TARGET")
    if distribution == "UNIFORM":
        target = {name: 1 / len(names) for name in names}
    elif distribution == "INPUT":
        total = rows.sum(axis=0, dtype=np.float64)
        target = dict(zip(names, (total / max(total.sum(), 1e-12)).tolist(), strict=True))
    else:
        target = {str(name): float(share) for name, share in strategy["target"].items()}
    rest = 1 - sum(target.values())
    columns = [names.index(name) for name in target if name in names]
    missing = [name for name in target if name not in names]
    if missing:
        raise SelectionError(f"BALANCE: no frame has '{missing[0]}'; there are {', '.join(names[:8])}.")
    chosen = rows if columns == list(range(len(names))) else rows[:, columns]
    shares = list(target.values())
    if rest > _REST:
        # The engine makes targets sum up to 1, so what is not asked for has to have a share of its own.
        others = rows.sum(axis=1) - chosen.sum(axis=1)
        chosen = np.concatenate([chosen, np.maximum(others, 0)[:, None]], axis=1)
        target[OTHERS] = rest
        shares.append(rest)
    found.part = Balance(chosen, np.array(shares), strength)
    found.wanted = {name: round(share, 6) for name, share in target.items()}


def _classes(given: dict[str, Any], samples: Samples) -> tuple[list[str], Rows]:
    """Names of classes, and (N, C) how much of each a sample has."""
    if given["type"] == "PREDICTIONS":
        names, _, rows = samples.category_rows(given["task"])
        wanted = given.get("categories")
        if wanted:
            places = [names.index(name) for name in wanted]
            return list(wanted), rows[:, places]
        return names, rows
    values = [str(value) for value in samples.metadata(given["key"])]
    names = sorted(set(values))
    rows = np.zeros((len(values), len(names)))
    rows[np.arange(len(values)), [names.index(value) for value in values]] = 1
    return names, rows


def _by_vectors(
    found: Strategy,
    given: dict[str, Any],
    strategy: dict[str, Any],
    vectorised: Vectorised,
    strength: float,
    total: int,
) -> None:
    kind = strategy["type"]
    vectors, owners = vectorised.objects(given["task"]) if "task" in given else (vectorised.vectors, None)
    what = "frames" if owners is None else "objects"
    if kind == "DIVERSITY":
        apart = strategy.get("stopping_condition_minimum_distance")
        if owners is not None:
            found.part = ObjectDiversity(vectors, owners, strength, apart)
        else:
            found.part = Diversity(vectors, strength, apart)
        found.wanted = "far apart" if apart is None else {"minimum_distance": apart}
        return
    if kind == "TYPICALITY":
        neighbours = int(strategy.get("num_nearest_neighbors") or _NEIGHBOURS)
        found.values = typicality(vectors, neighbours)
        if owners is not None:
            found.values = mean_of_objects(found.values, owners, total)
        least = strategy.get("stopping_condition_minimum_typicality")
        if least is not None:
            found.kept = found.values >= least
        found.wanted = f"typical {what}"
    else:
        found.values = similarity(vectors, vectorised.queries(vectors, owners))
        if owners is not None:
            found.values = most_of_objects(found.values, owners, total)
        found.wanted = f"{what} like those named"
    found.part = Weights(found.values, strength)


def most_of_objects(values: Floats, owners: NDArray[np.int64], total: int) -> Floats:
    """(N,) the largest value among each sample's objects, as the platform takes similarity; 0 without any."""
    found = np.zeros(total)
    np.maximum.at(found, owners, values)
    return found


def mean_of_objects(values: Floats, owners: NDArray[np.int64], total: int) -> Floats:
    """(N,) the mean of each sample's objects, as the platform takes typicality; 0 without any."""
    counts = np.bincount(owners, minlength=total)
    sums = np.bincount(owners, weights=values, minlength=total)
    return np.divide(sums, counts, out=np.zeros(total), where=counts > 0)


def achieved(strategy: Strategy, chosen: list[int], total: int) -> Any:
    """What a selection has achieved of what a strategy wants."""
    part = strategy.part
    if isinstance(part, Balance):
        sums = part.rows[chosen].sum(axis=0, dtype=np.float64)
        shares = sums / sums.sum() if sums.sum() > 0 else sums
        return {name: round(float(share), 6) for name, share in zip(strategy.wanted, shares, strict=True)}
    if isinstance(part, Diversity):
        return {"minimum_distance": _least_distance(part.vectors[chosen])}
    if isinstance(part, ObjectDiversity):
        return {"objects": int(np.isin(part.owners, chosen).sum())}
    if strategy.kept is not None and strategy.part is None:
        return {"kept": int(strategy.kept.sum()), "of": total}
    assert strategy.values is not None
    selected = strategy.values[chosen]
    return {
        "mean": round(float(selected.mean()), 6) if chosen else None,
        "mean_of_all": round(float(strategy.values.mean()), 6) if total else None,
    }


def _least_distance(vectors: Vectors) -> float | None:
    if len(vectors) < 2:
        return None
    least = min(float(distances(vectors[:place], vectors[place]).min()) for place in range(1, len(vectors)))
    return round(least, 6)
