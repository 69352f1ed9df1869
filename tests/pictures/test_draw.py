"""Pictures of predictions: the right pixels in the right colours, and never an exception."""

import io
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lightly_assets.format.rle import encode
from lightly_assets.format.schema import TaskType
from lightly_assets.pictures.contact_sheet import Tile, contact_sheet
from lightly_assets.pictures.draw import draw
from lightly_assets.pictures.style import category_colour
from lightly_assets.pictures.text import shown_name, text_width, writable

NAMES = {0: "person", 1: "car", 7: "traffic light"}
GREY = 128
Pixels = NDArray[np.uint8]


def ground(height: int = 240, width: int = 320) -> Pixels:
    return np.full((height, width, 3), GREY, dtype=np.uint8)


def differs(picture: Pixels) -> NDArray[np.bool_]:
    changed: NDArray[np.bool_] = (picture != GREY).any(axis=2)
    return changed


def opened(sheet: bytes) -> Pixels:
    with Image.open(io.BytesIO(sheet)) as picture:
        assert picture.format == "WEBP"
        return np.asarray(picture.convert("RGB"))


def test_a_box_is_drawn_along_the_inside_of_its_edges_and_nothing_else_is_touched() -> None:
    image = ground()
    one = {"category_id": 1, "bbox": [100, 80, 60, 50], "score": 0.9}
    picture = draw(image, [one], "object-detection", NAMES)
    assert (image == GREY).all()
    colour = category_colour(1)
    for row in (80, 129):
        assert (picture[row, 100:160] == colour).all()
    for column in (100, 159):
        assert (picture[80:130, column] == colour).all()
    assert (picture[84:126, 104:156] == GREY).all()
    changed = differs(picture)
    # One dark pixel around it, and the label above it.
    assert not changed[131:].any()
    assert not changed[:, :99].any()
    assert changed[60:79, 100:160].any()
    assert not changed[:60].any()


def test_a_box_lies_on_a_tile_where_it_lies_in_the_frame() -> None:
    one = {"category_id": 0, "bbox": [640, 360, 640, 360], "score": 0.5}
    tile = Tile(ground(720, 1280), [one], "object-detection", NAMES, "frame 3")
    sheet = opened(contact_sheet([tile], columns=1, tile_width=320, max_bytes=500_000)).astype(int)
    off = np.abs(sheet - category_colour(0)).sum(axis=2)
    margin = 8
    # The frame's middle is the tile's: (160, 90) of 320x180.
    assert (off[margin + 90, margin + 200 : margin + 310] < 60).all()
    assert (off[margin + 100 : margin + 170, margin + 160] < 60).all()
    assert (np.abs(sheet[margin + 120, margin + 180 : margin + 300] - GREY) < 8).all()


@pytest.mark.parametrize("scale", [1, 4])
def test_an_instance_mask_is_tinted_inside_and_outlined_and_left_alone_outside(scale: int) -> None:
    height, width = 120 * scale, 160 * scale
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[60 * scale : 100 * scale, 40 * scale : 120 * scale] = 1
    bbox = [40 * scale, 60 * scale, 80 * scale, 40 * scale]
    one = {"category_id": 1, "segmentation": encode(mask), "score": 0.5, "bbox": bbox}
    tile = Tile(ground(height, width), [one], "instance-segmentation", NAMES, "")
    sheet = opened(contact_sheet([tile], columns=1, tile_width=160, max_bytes=500_000)).astype(int)
    picture = sheet[4 : 4 + 120, 4 : 4 + 160]
    colour = np.array(category_colour(1))
    tinted = 0.55 * GREY + 0.45 * colour
    assert np.abs(picture[65:95, 45:115] - tinted).max() < 25
    # A line of one pixel: WebP keeps colour for two by two.
    assert np.abs(picture[60, 45:115] - colour).mean() < 30
    for outside in (picture[106:], picture[:40], picture[:, :36], picture[:, 124:]):
        assert np.abs(outside - GREY).max() < 20


def test_semantic_masks_are_tinted_row_by_row_with_a_legend_of_the_categories_that_are_seen() -> None:
    height, width = 200, 300
    upper = np.zeros((height, width), dtype=np.uint8)
    upper[:60] = 1
    predictions = [
        {"category_id": 0, "segmentation": encode(upper), "score": 0.8},
        {"category_id": 7, "segmentation": encode(1 - upper), "score": 0.8},
        {"category_id": 1, "segmentation": [height * width], "score": 0.8},
    ]
    picture = draw(ground(height, width), predictions, "semantic-segmentation", NAMES)
    for category, row in ((0, 30), (7, 100)):
        tinted = (np.array(category_colour(category)) + GREY) / 2
        assert np.abs(picture[row, 5:-5] - tinted).max() <= 1
    legend = picture[-30:]
    for category, seen in ((0, True), (7, True), (1, False)):
        assert (legend == category_colour(category)).all(axis=2).any() == seen


def test_keypoints_are_dots_and_their_box_is_the_tight_one_where_none_is_given() -> None:
    one: dict[str, Any] = {"category_id": 0, "keypoints": [50, 60, 0.9, 150, 160, 0.9, 90, 110, 0.1]}
    one["score"] = 0.7
    colour = category_colour(0)
    picture = draw(ground(), [one], "keypoint-detection", NAMES)
    assert (picture[60, 50] == colour).all()
    assert (picture[160, 150] == colour).all()
    # A point that is hardly seen is a ring.
    assert (picture[110, 90] == GREY).all()
    assert (picture[110, 87] == colour).all()
    # Pixel columns and rows of the inferred box.
    assert (picture[100, 50] == colour).all()
    assert (picture[60, 80:140] == colour).all()
    given = draw(ground(), [one | {"bbox": [20, 30, 200, 180]}], "keypoint-detection", NAMES)
    assert (given[100, 20] == colour).all()
    assert (given[100, 50] == GREY).all()


def test_a_classification_is_a_caption_with_bars_as_long_as_the_probabilities() -> None:
    one = {"category_id": 1, "score": 0.75, "probabilities": [0.25, 0.75, 0.0]}
    picture = draw(ground(), [one], "classification", NAMES)

    def widest(category: int) -> int:
        return int((picture == category_colour(category)).all(axis=2).sum(axis=1).max())

    assert widest(1) == pytest.approx(3 * widest(0), abs=2)
    assert widest(1) > 20
    assert not differs(picture)[100:].any()
    # The predicted category comes first, whatever the probabilities say.
    rows = [int((picture == category_colour(one)).all(axis=2).any(axis=1).argmax()) for one in (1, 0)]
    assert rows[0] < rows[1]


def test_the_surest_of_overlapping_boxes_lies_on_top() -> None:
    boxes = [
        {"category_id": 0, "bbox": [50, 100, 100, 100], "score": 0.9},
        {"category_id": 1, "bbox": [50, 100, 100, 100], "score": 0.4},
    ]
    picture = draw(ground(), boxes, "object-detection", NAMES)
    assert (picture[150, 50] == category_colour(0)).all()


def test_nothing_is_drawn_where_nothing_is_predicted() -> None:
    for task_type in TaskType:
        assert not differs(draw(ground(), [], task_type, NAMES)).any()


def test_colours_are_stable_and_differ() -> None:
    assert category_colour(0) == (86, 180, 233)
    assert category_colour(1) == (230, 159, 0)
    assert len({category_colour(one) for one in range(21)}) == 21


def test_names_that_cannot_be_written_are_ids() -> None:
    assert shown_name("car", 3, 12) == "car"
    assert shown_name(" two\nlines\t", 3, 12) == "two lines"
    for name in (None, "", " \n", "\x00", "\U00012000"):
        assert shown_name(name, 3, 12) == "category 3"
    assert writable("drive \U00012000 · frame 7", 12) == "drive ? · frame 7"
    assert text_width("drive ·", 12) > text_width("drive", 12)


def test_a_sheet_has_all_tiles_in_their_places_and_stays_below_its_bytes() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    black, white = np.zeros_like(noise), np.full_like(noise, 255)
    tiles = [Tile(image, [], "object-detection", NAMES, "a" * 500) for image in (black, white, noise, white)]
    sheet = contact_sheet(tiles, columns=3, tile_width=320, max_bytes=1_000_000)
    pixels = opened(sheet)
    assert pixels.shape[1] == 8 + 3 * 328
    assert pixels[60, 100].max() < 10
    assert pixels[60, 8 + 328 + 100].min() > 245
    # The second row begins at the left, and its other places stay empty.
    second = 8 + 180 + 30 + 60
    assert pixels[second, 100].min() > 245
    assert pixels[second, 8 + 328 + 100].max() < 60
    for most in (60_000, 9_000, 2_000):
        small = contact_sheet(tiles, max_bytes=most)
        assert len(small) <= most
        assert opened(small).size
    with pytest.raises(ValueError, match="max_bytes is 10;"):
        contact_sheet(tiles, max_bytes=10)


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        draw(np.zeros((4, 4), dtype=np.uint8), [], "object-detection", NAMES)
    with pytest.raises(ValueError, match="boxes"):
        draw(ground(), [], "boxes", NAMES)
    with pytest.raises(ValueError, match="add up to 12"):
        one = {"category_id": 0, "segmentation": [12], "score": 1.0}
        draw(ground(), [one], "semantic-segmentation", NAMES)
    with pytest.raises(ValueError, match="at least one tile"):
        contact_sheet([])


def test_a_large_frame_with_a_hundred_boxes_is_cheap() -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (2160, 3840, 3), dtype=np.uint8)
    corners = rng.uniform(0, 1000, (100, 2)).tolist()
    boxes = [{"category_id": 1, "bbox": [x, y, 200.5, 300.5], "score": 0.5} for x, y in corners]
    tile = Tile(image, boxes, "object-detection", NAMES, "frame 1")
    contact_sheet([tile])
    times = []
    for _ in range(5):
        started = time.process_time()
        contact_sheet([tile])
        times.append(time.process_time() - started)
    # A few milliseconds; whoever scales or draws at full size needs several times as many.
    assert min(times) < 0.05


_shares = st.floats(0, 1)
_positions = st.floats(0, allow_nan=False, allow_infinity=False)
_sides = st.floats(1, allow_nan=False, allow_infinity=False)
_bboxes = st.tuples(_positions, _positions, _sides, _sides).map(list)
_scenes = st.tuples(st.integers(1, 90), st.integers(1, 90), st.sampled_from(list(TaskType)))


@st.composite
def _scene(data: Any) -> tuple[int, int, TaskType, list[dict[str, Any]], dict[int, str]]:
    """An image's size, valid singletons of a type, and names of the categories."""
    height, width, task_type = data(_scenes)
    names = data(st.dictionaries(st.integers(0, 10**9), st.text(max_size=60), min_size=1, max_size=8))
    singletons = []
    for _ in range(data(st.integers(0, 6))):
        one: dict[str, Any] = {"category_id": data(st.sampled_from(sorted(names))), "score": data(_shares)}
        if task_type in (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION):
            one["bbox"] = data(_bboxes)
        if "segmentation" in task_type:
            cuts = sorted(data(st.lists(st.integers(0, height * width), max_size=12)))
            one["segmentation"] = np.diff([0, *cuts, height * width]).tolist()
        if task_type is TaskType.KEYPOINT_DETECTION:
            points = data(st.lists(st.tuples(_positions, _positions, _shares), min_size=1, max_size=5))
            one["keypoints"] = [number for point in points for number in point]
        if task_type is TaskType.CLASSIFICATION and data(st.booleans()):
            one.pop("score")
        if data(st.booleans()):
            one["probabilities"] = [1 / len(names)] * len(names)
        singletons.append(one)
    return height, width, task_type, singletons, names


@settings(deadline=None)
@given(_scene(), st.text(max_size=80))
def test_no_valid_singleton_is_too_odd_to_be_drawn(
    scene: tuple[int, int, TaskType, list[dict[str, Any]], dict[int, str]], caption: str
) -> None:
    height, width, task_type, singletons, names = scene
    picture = draw(ground(height, width), singletons, task_type, names)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8
    tile = Tile(ground(height, width), singletons, task_type, names, caption)
    sheet = contact_sheet([tile], tile_width=120, max_bytes=20_000)
    assert len(sheet) <= 20_000
