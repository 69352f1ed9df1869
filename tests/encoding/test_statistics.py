"""Numbers about predictions, and when they are said to have shifted."""

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lightly_assets.encoding.encode import Encoded, TaskSettings, encode
from lightly_assets.encoding.shift import SHIFT, oddities, shift, shifted
from lightly_assets.encoding.statistics import Statistics, Tally, from_record, to_record
from lightly_assets.format.schema import Schema
from lightly_assets.models.results import Detections


def statistics_of(frames: Iterable[Encoded]) -> Statistics:
    tally = Tally()
    for frame in frames:
        tally.add(frame)
    return tally.statistics


def detection(category: int, score: float) -> dict[str, Any]:
    return {"category_id": category, "bbox": [1, 2, 3, 4], "score": score}


def with_scores(scores: NDArray[np.float64], per_frame: int = 10) -> Statistics:
    frames = np.array_split(scores, max(1, len(scores) // per_frame))
    return statistics_of(Encoded([detection(0, float(one)) for one in frame]) for frame in frames)


_frames = st.lists(
    st.builds(
        Encoded,
        st.lists(st.builds(detection, st.integers(0, 9), st.floats(0, 1)), max_size=5),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=12,
)


def test_everything_is_counted() -> None:
    frames = [
        Encoded([detection(3, 0.0), detection(1, 0.05), detection(3, 1.0)], clipped=1),
        Encoded([], dropped=2),
        Encoded([{"category_id": 1, "keypoints": [1, 1, 1], "score": 0.5}], moved_keypoints=4),
        Encoded([{"category_id": 2}]),
    ]
    assert statistics_of(frames).to_json() == {
        "frames": 4,
        "frames_without_predictions": 1,
        "predictions": 5,
        "predictions_per_frame": 1.25,
        "counts": {"1": 2, "2": 1, "3": 2},
        "score_histogram": [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        "boxes": 3,
        "clipped_boxes": 1,
        "clipped_share": 0.3333,
        "dropped": 2,
        "moved_keypoints": 4,
        "boxes_as_corners": 0,
        "tiny_boxes": 0,
        "whole_image_boxes": 0,
    }


@settings(deadline=None)
@given(_frames, _frames)
def test_the_sum_of_two_parts_is_the_whole_and_survives_the_record(
    one: list[Encoded], other: list[Encoded]
) -> None:
    whole = statistics_of([*one, *other])
    parts = statistics_of(one) + statistics_of(other)
    assert parts == whole
    assert json.dumps(parts.to_json()) == json.dumps(whole.to_json())
    kept = from_record(json.loads(json.dumps(to_record(whole))))
    assert kept == (whole if whole.frames else None)
    assert whole + Statistics.none() == whole
    assert int(whole.scores.sum()) == whole.predictions == sum(len(one.singletons) for one in [*one, *other])


def test_nothing_has_no_statistics_but_zeros() -> None:
    empty = statistics_of([])
    assert empty == Statistics.none()
    assert (empty.per_frame, empty.clipped_share, empty.median_score) == (0, 0, None)
    assert shifted(empty, empty) is None
    assert list(empty.to_json()) == list(statistics_of([Encoded([detection(0, 0.5)])]).to_json())


def test_the_index_is_that_of_the_books() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.beta(5, 2, 100_000), rng.beta(3, 3, 100_000)
    expected = 0.0
    for low in range(10):
        p, q = (float(((one >= low / 10) & (one < (low + 1) / 10)).mean()) for one in (before, after))
        if p and q:
            expected += (q - p) * math.log(q / p)
    found = shift(with_scores(before), with_scores(after))
    assert found == pytest.approx(expected, rel=0.01)
    assert found == pytest.approx(shift(with_scores(after), with_scores(before)))
    assert shift(with_scores(before), with_scores(before)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (5, 2), (2, 5), (0.5, 0.5)])
def test_samples_of_one_distribution_are_no_shift(shape: tuple[float, float]) -> None:
    """Even the smallest that are compared, and in the shape with most bins filled."""
    rng = np.random.default_rng(2)
    samples = [with_scores(rng.beta(*shape, 200)) for _ in range(1000)]
    indices = [shift(one, other) for one, other in zip(samples[::2], samples[1::2], strict=True)]
    assert sum(index > SHIFT for index in indices) <= 4
    assert np.mean(indices) < 0.12


def test_a_strong_shift_is_said_with_both_medians() -> None:
    rng = np.random.default_rng(3)
    sure, unsure = with_scores(rng.beta(8, 2, 2000)), with_scores(rng.beta(4, 4, 2000))
    assert sure.median_score == pytest.approx(0.82, abs=0.02)
    assert unsure.median_score == pytest.approx(0.5, abs=0.02)
    sentence = shifted(sure, unsure)
    assert sentence is not None
    assert f"median is about {unsure.median_score:.2f}" in sentence
    assert "was about 0.8" in sentence
    # A few points more are what a better model looks like.
    assert shifted(sure, with_scores(np.clip(rng.beta(8, 2, 2000) + 0.03, 0, 1))) is None


def test_few_predictions_say_nothing() -> None:
    low, high = np.full(199, 0.1), np.full(199, 0.9)
    assert shifted(with_scores(low), with_scores(high)) is None
    assert shifted(with_scores(np.full(200, 0.1)), with_scores(np.full(200, 0.9))) is not None


def test_a_model_that_suddenly_finds_nothing_or_everything_is_said() -> None:
    scores = np.random.default_rng(4).beta(8, 2, 1000)
    usual = with_scores(scores)
    nothing = statistics_of(Encoded([]) for _ in range(100))
    sentence = shifted(usual, nothing)
    assert sentence is not None
    assert "0.00 predictions a frame" in sentence
    assert "were 10.00 before" in sentence
    assert shifted(nothing, usual) is not None
    assert shifted(usual, with_scores(scores, per_frame=31)) is not None
    assert shifted(usual, with_scores(scores, per_frame=25)) is None
    # A video that became longer is no shift.
    assert shifted(usual, usual + usual + usual + usual) is None


def _oddities(boxes: list[list[float]], frames: int = 60) -> list[str]:
    schema = Schema.parse({"task_type": "object-detection", "categories": [{"id": 0, "name": "a"}]})
    tally = Tally()
    for _ in range(frames):
        result = Detections(
            np.array(boxes).reshape(-1, 4), np.full(len(boxes), 0.9), np.zeros(len(boxes), int)
        )
        tally.add(encode(result, TaskSettings(schema), 64, 48))
    return oddities(Statistics.none(), tally.statistics)


def test_boxes_that_a_wrong_layout_makes_are_told() -> None:
    assert "have a side of less than two pixels" in _oddities([[3, 3, 4.5, 20]])[0]
    assert "cover the whole image" in _oddities([[0, 0, 64, 48]])[0]
    assert "were left smaller than a pixel" in _oddities([[20, 20, 20, 20]])[0]
    assert "Nothing was found in 200 frames" in _oddities([], 200)[0]
    assert _oddities([[3, 3, 30, 30]]) == _oddities([], 50) == _oddities([[0, 0, 64, 48]], 49) == []
    assert _oddities([[3, 3, 30, 30], [0, 0, 64, 48]]) == []
    # Of few boxes it is said where none of them is left, as a first trial on two images has it.
    assert "2 of 2 boxes were left smaller" in _oddities([[20, 20, 20, 20]], 2)[0]
    assert _oddities([[20, 20, 20, 20]], 1) == _oddities([[20, 20, 20, 20], [3, 3, 30, 30]], 2) == []
