"""Generated scenes: the same every time, and a truth that fits the pixels."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from lightly_assets.demo.footage import SEMANTIC_CLASSES, WEATHERS, Scene, SceneFrame
from lightly_assets.demo.footage.truth import KEYPOINTS

_PRINT_HASH = """
import hashlib
from lightly_assets.demo.footage import Scene
frame = Scene(21).frame(1.5)
print(hashlib.sha256(frame.image.tobytes() + frame.truth.instances.tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def frames() -> list[SceneFrame]:
    scenes = [Scene(seed) for seed in range(20, 40)]
    return [scene.frame(time) for scene in scenes for time in (0.0, 3.0)]


def test_a_seed_gives_the_same_pixels_in_another_process_and_another_order() -> None:
    scene = Scene(21)
    later = scene.frame(3.0)
    frame = scene.frame(1.5)
    digest = hashlib.sha256(frame.image.tobytes() + frame.truth.instances.tobytes()).hexdigest()
    output = subprocess.run([sys.executable, "-c", _PRINT_HASH], check=True, capture_output=True, text=True)
    assert output.stdout.strip() == digest
    assert np.array_equal(Scene(21).frame(3.0).image, later.image)
    assert not np.array_equal(frame.image, Scene(22).frame(1.5).image)


def test_frames_have_the_size_asked_for_and_contiguous_pixels() -> None:
    frame = Scene(5, width=320, height=200).frame(0)
    assert frame.image.shape == (200, 320, 3)
    assert frame.image.dtype == np.uint8
    assert frame.image.flags.c_contiguous
    assert frame.truth.instances.shape == frame.truth.semantic.shape == (200, 320)


def test_boxes_are_the_extents_of_the_masks(frames: list[SceneFrame]) -> None:
    for frame in frames:
        truth = frame.truth
        assert truth.instances.max(initial=0) <= len(truth.objects)
        for number, one in enumerate(truth.objects):
            rows, columns = np.nonzero(truth.mask(number))
            x, y, width, height = one.box
            assert (x, y) == (columns.min(), rows.min())
            assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
            assert 0 < one.visible <= 1


def test_the_semantic_map_says_person_and_car_exactly_where_the_masks_are(frames: list[SceneFrame]) -> None:
    for frame in frames:
        truth = frame.truth
        for category in ("person", "car"):
            inside = np.zeros_like(truth.semantic, dtype=bool)
            for number, one in enumerate(truth.objects):
                if one.category == category:
                    inside |= truth.mask(number)
            assert np.array_equal(truth.semantic == SEMANTIC_CLASSES.index(category), inside)


def test_keypoints_that_are_seen_lie_on_their_object(frames: list[SceneFrame]) -> None:
    for frame in frames:
        for number, one in enumerate(frame.truth.objects):
            mask = frame.truth.mask(number)
            assert one.keypoints.shape == (len(KEYPOINTS[one.category]), 3)
            for x, y, seen in one.keypoints:
                column, row = int(x), int(y)
                near = mask[max(0, row - 1) : max(0, row + 2), max(0, column - 1) : max(0, column + 2)]
                assert bool(seen) == (0 <= x < 640 and 0 <= y < 360 and bool(near.any()))
            if one.category == "person" and one.keypoints[:, 2].all():
                head, left_hand, right_hand, left_foot, right_foot = one.keypoints
                assert head[1] < min(left_hand[1], right_hand[1]) < min(left_foot[1], right_foot[1])
                assert left_hand[0] <= right_hand[0]
                assert left_foot[0] <= right_foot[0]


def test_objects_are_drawn_where_the_truth_has_them() -> None:
    """The same street without anybody in it differs from the one with people and cars in their pixels."""
    quiet = {"persons": 0, "cars": 0}
    for seed in (31, 32, 33, 34):
        scene, empty = Scene(seed), Scene(seed, **quiet)
        frame, bare = scene.frame(2.0), empty.frame(2.0)
        assert not bare.truth.objects
        change = np.abs(frame.image.astype(int) - bare.image).sum(axis=2)
        inside = frame.truth.instances > 0
        assert inside.any()
        assert np.median(change[inside]) > 60
        # The upper part, above all heads, is the same but for noise.
        assert np.median(change[:40]) < 25


def test_there_is_everything_that_a_model_should_learn(frames: list[SceneFrame]) -> None:
    objects = [one for frame in frames for one in frame.truth.objects]
    assert {frame.truth.weather for frame in frames} == set(WEATHERS)
    for category in ("person", "car"):
        own = [one for one in objects if one.category == category]
        assert len(own) > 40
        assert any(0.3 < one.visible < 0.8 for one in own)
        assert max(one.box[3] for one in own) > 1.7 * min(one.box[3] for one in own if one.visible > 0.9)
    for number in range(len(SEMANTIC_CLASSES)):
        assert any((frame.truth.semantic == number).any() for frame in frames)


def test_persons_walk_and_cars_drive() -> None:
    def middle(seed: int, time: float, category: str) -> list[float]:
        boxes = [one.box for one in Scene(seed).frame(time).truth.objects if one.category == category]
        return sorted(x + width / 2 for x, _, width, _ in boxes)

    for category in ("person", "car"):
        assert any(middle(seed, 0.0, category) != middle(seed, 0.5, category) for seed in range(20, 26))


@pytest.mark.parametrize("weather", WEATHERS)
def test_the_weather_can_be_chosen(weather: str) -> None:
    assert Scene(3, weather=weather).frame(0).truth.weather == weather


def test_rain_is_darker_than_sunshine() -> None:
    light = {weather: Scene(3, weather=weather).frame(0).image.mean() for weather in WEATHERS}
    assert light["rainy"] < light["clouded"] < light["sunny"]
