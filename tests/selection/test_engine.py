"""The engine's traps, and what it selects beside a plain reference of the published rule."""

from typing import Any

import numpy as np
import pytest

from lightly_assets.selection.engine import (
    Balance,
    Diversity,
    ObjectDiversity,
    Plan,
    Weights,
    distances,
    package,
    positive,
    select,
    similarity,
    typicality,
)
from lightly_assets.selection.errors import SelectionError
from lightly_assets.selection.strategies import mean_of_objects, most_of_objects


def farthest(vectors: np.ndarray, count: int) -> list[int]:
    """One sample after the other, always the one that is farthest from its nearest selected one."""
    chosen = [0]
    for _ in range(count - 1):
        between = np.linalg.norm(vectors[:, None].astype(float) - vectors[chosen].astype(float), axis=2)
        chosen.append(int(np.argmax(between.min(axis=1))))
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_diversity_and_weights_are_the_published_rules(seed: int) -> None:
    random = np.random.default_rng(seed)
    weights, vectors = random.random(40) + 0.1, random.random((40, 3)).astype(np.float32)
    assert select(Plan(40, 12, [Diversity(vectors)])) == farthest(vectors, 12)
    assert select(Plan(40, 12, [Weights(weights)])) == np.argsort(-weights)[:12].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_together_they_compromise(seed: int) -> None:
    random = np.random.default_rng(seed)
    weights, vectors = random.random(200) + 0.1, random.random((200, 3)).astype(np.float32)

    def apart(chosen: list[int]) -> float:
        return float(np.mean([np.sort(distances(vectors[chosen], vectors[one]))[1] for one in chosen]))

    heavy, far = select(Plan(200, 20, [Weights(weights)])), select(Plan(200, 20, [Diversity(vectors)]))
    both = select(Plan(200, 20, [Weights(weights), Diversity(vectors)]))
    assert both[0] == heavy[0]
    assert weights[far].mean() < weights[both].mean() < weights[heavy].mean()
    assert apart(heavy) < apart(both) < apart(far)
    # The order of strategies makes no difference, and neither does a factor.
    assert select(Plan(200, 20, [Diversity(vectors), Weights(7 * weights)])) == both


@pytest.mark.parametrize("values", [[0.2, 0.9, 0.5], [0.0, 0.9, 0.5], [-3.0, -1.0, -2.0], [-1.0, 0.0, -0.5]])
def test_weights_of_any_sign_keep_their_order(values: list[float]) -> None:
    """The package returns the first samples where a weight is not above zero."""
    assert select(Plan(3, 3, [Weights(np.array(values))])) == [1, 2, 0]
    assert (positive(np.array(values)) > 0).all()


def test_equal_weights_are_no_preference() -> None:
    assert select(Plan(4, 2, [Weights(np.zeros(4))])) == [0, 1]


def test_a_negative_strength_prefers_small_values() -> None:
    assert select(Plan(3, 2, [Weights(np.array([0.2, 0.9, 0.5]), strength=-1.0)])) == [0, 2]


def test_never_more_than_there_are() -> None:
    """The package repeats the first sample."""
    assert select(Plan(3, 10, [Weights(np.array([0.1, 0.3, 0.2]))])) == [1, 2, 0]
    kept = np.array([True, False, True])
    assert select(Plan(3, 10, [Weights(np.array([0.1, 0.3, 0.2]))], kept)) == [2, 0]
    assert select(Plan(3, 2, [Weights(np.array([0.1, 0.3, 0.2]))], np.zeros(3, dtype=bool))) == []


def test_a_least_distance_leaves_out_copies_and_goes_on() -> None:
    """The package ends at the first sample that is too near, though others are far enough."""
    random = np.random.default_rng(0)
    vectors = random.random((190, 8)).astype(np.float32)
    heavy = vectors[0] + np.float32(1e-6)
    everything = np.concatenate([vectors, np.repeat(heavy[None], 10, axis=0)])
    weights = np.concatenate([np.ones(190), np.full(10, 1e9)])
    chosen = select(Plan(200, 200, [Weights(weights), Diversity(everything, apart=0.05)]))
    assert len(chosen) == 190
    near = [distances(everything[chosen], everything[one]) for one in chosen]
    assert all(np.sort(one)[1] >= 0.05 for one in near)


def test_exact_copies_are_not_kept_by_a_small_distance() -> None:
    vectors = np.zeros((6, 2), dtype=np.float32)
    vectors[3:] = 1
    assert len(select(Plan(6, 6, [Diversity(vectors, apart=1e-6)]))) == 2


def test_wrong_lengths_are_a_sentence_and_no_panic() -> None:
    with pytest.raises(SelectionError, match="2 classes but 3 targets"):
        select(Plan(4, 2, [Balance(np.ones((4, 2)), np.ones(3) / 3)]))
    with pytest.raises(SelectionError, match="lightly-mundig has failed"):
        select(Plan(4, 2, [TooFew()]))


class TooFew:
    """What the package panics about, past ``except Exception``."""

    def add(self, selection: Any, samples: np.ndarray) -> None:
        selection.add_weighting_strategy([1.0], 1.0)


def test_what_was_selected_before_counts_as_selected() -> None:
    vectors = np.array([[0, 0], [0.1, 0], [5, 5], [9, 0]], dtype=np.float32)
    assert select(Plan(4, 1, [Diversity(vectors)], before=[3])) == [0]
    assert 3 not in select(Plan(4, 4, [Diversity(vectors)], before=[3]))
    assert select(Plan(4, 9, [Diversity(vectors, apart=1.0)], before=[0])) in ([2, 3], [3, 2])


def test_balance_reaches_a_target_that_can_be_reached() -> None:
    rows = np.zeros((400, 3))
    rows[np.arange(400), np.repeat([0, 1, 2], [340, 40, 20])] = 1
    chosen = select(Plan(400, 40, [Balance(rows, np.array([0.25, 0.5, 0.25]))]))
    assert rows[chosen].sum(axis=0).tolist() == [10, 20, 10]


def test_objects_make_samples_different() -> None:
    """Two samples have the same objects; a third has another one."""
    vectors = np.array([[0, 0], [1, 0], [0, 0], [1, 0], [9, 9]], dtype=np.float32)
    owners = np.array([0, 0, 1, 1, 3])
    chosen = select(Plan(4, 2, [ObjectDiversity(vectors, owners)]))
    assert sorted(chosen) in ([0, 3], [1, 3])


def test_objects_of_thresholded_samples_are_not_mixed_up() -> None:
    vectors = np.array([[0, 0], [9, 9], [5, 5]], dtype=np.float32)
    kept = np.array([False, True, True])
    assert sorted(select(Plan(3, 2, [ObjectDiversity(vectors, np.arange(3))], kept))) == [1, 2]


def test_typicality_prefers_the_middle_of_a_crowd() -> None:
    random = np.random.default_rng(1)
    vectors = np.concatenate([random.normal(0, 0.1, (30, 2)), [[5, 5]]]).astype(np.float32)
    found = typicality(vectors, 5)
    assert np.argmin(found) == 30 and found.shape == (31,)
    assert typicality(vectors[:1], 5).tolist() == [1]


def between(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M) Euclidean distances."""
    found: np.ndarray = np.linalg.norm(vectors[:, None].astype(float) - others[None].astype(float), axis=2)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_similarity_and_typicality_are_these_formulas(seed: int) -> None:
    """Both are relative to the set: the same vectors in another set have other numbers."""
    random = np.random.default_rng(seed)
    vectors, queries = random.random((40, 5)).astype(np.float32), random.random((3, 5)).astype(np.float32)
    near = between(vectors, queries).min(axis=1)
    assert np.allclose(similarity(vectors, queries), np.exp(-near / near.mean()), atol=1e-5)
    nearest = np.sort(between(vectors, vectors), axis=1)[:, 1:6]
    assert np.allclose(typicality(vectors, 5), np.exp(-nearest / nearest.mean()).mean(axis=1), atol=1e-5)
    assert not np.allclose(similarity(vectors[:20], queries), similarity(vectors, queries)[:20], atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_objects_count_as_the_package_counts_them(seed: int) -> None:
    """The package's own strategies of objects, alone, select in the same order as our weights."""
    random = np.random.default_rng(seed)
    owners = np.sort(random.integers(0, 20, 45))
    owners = owners[owners != 7]  # a sample without any object
    vectors, queries = (
        random.random((owners.size, 4)).astype(np.float32),
        random.random((2, 4)).astype(np.float32),
    )
    parts = [np.flatnonzero(owners == sample).tolist() for sample in range(20)]
    theirs, typical = package().Selection(), package().Selection()
    theirs.add_subpart_similarity_strategy(vectors, queries, parts, 1.0)
    typical.add_subpart_typicality_strategy(vectors, parts, 1.0, 5)
    empty = sum(not one for one in parts)
    most = most_of_objects(similarity(vectors, queries), owners, 20)
    mean = mean_of_objects(typicality(vectors, 5), owners, 20)
    assert empty and (most == 0).sum() == (mean == 0).sum() == empty
    count = 20 - empty
    assert select(Plan(20, count, [Weights(most)])) == theirs.run_selection([], 20, count)
    assert select(Plan(20, count, [Weights(mean)])) == typical.run_selection([], 20, count)
