"""Predictions drawn on frames, and contact sheets of such pictures: for people who look at a run."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lightly_assets.format.boxes import keypoint_boxes
from lightly_assets.format.schema import TaskType
from lightly_assets.pictures.canvas import Box, Canvas, Pen, Pixels, Tint, shade
from lightly_assets.pictures.text import (
    DARK,
    LIGHT,
    category_colour,
    font,
    font_for,
    shortened,
    text_width,
    writable,
)

if TYPE_CHECKING:
    from PIL.Image import Image

Predictions = Sequence[Mapping[str, Any]]

_MOST_LABELS = 40
_LABELLED_SHARE = 0.25
_MOST_LEGEND_ROWS = 3
_MOST_PROBABILITIES = 5
# JPEG quality and colour subsampling, the best first. Thin coloured lines need colour in full resolution.
_QUALITIES = ((92, 0), (88, 0), (83, 0), (77, 0), (70, 0), (70, 2), (60, 2), (50, 2), (40, 2))


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a contact sheet."""

    image: Pixels
    """(H, W, 3) RGB, as large as the frame, or smaller."""
    predictions: Predictions
    """The frame's singletons; coordinates and masks are those of the whole frame."""
    task_type: str
    """One of the specification's five."""
    names: Mapping[int, str]
    """The name of each category id of the schema."""
    caption: str
    """Below the picture, such as ``drive 1.v2 · frame 37``."""
    frame_size: tuple[int, int] | None = None
    """Width and height of the frame, where the image is smaller than it."""


def draw(image: Pixels, predictions: Predictions, task_type: str, names: Mapping[int, str]) -> Pixels:
    """A copy of an image with its predictions drawn on it.

    Boxes get a label with category and score; keypoints are dots, filled where their score is at least 0.5;
    instance masks are tinted and outlined; semantic masks are tinted, with a legend; a classification is a
    caption with the highest probabilities. Colours depend on the category id alone.

    Args:
        image: (H, W, 3) uint8 RGB.
        predictions: valid singletons of the task type; masks have H·W pixels.
        task_type: one of the specification's five.
        names: the name of each category id of the schema.

    Raises:
        ValueError: the image is not (H, W, 3) uint8, the task type is unknown, or a mask has another size.
    """
    _check_image(image)
    return _drawn(image, (image.shape[1], image.shape[0]), predictions, task_type, names)


def contact_sheet(
    tiles: Sequence[Tile], *, columns: int = 3, tile_width: int = 320, max_bytes: int = 60_000
) -> bytes:
    """Pictures in rows, each with its predictions and its caption, as a JPEG.

    Each image is scaled to ``tile_width`` (a tall one until it is that high) before it is drawn on, so large
    frames cost little more than small ones. Where the JPEG has more than ``max_bytes``, its quality is
    lowered, then its size.

    Raises:
        ValueError: there are no tiles, columns, width or bytes to make it of; or as :func:`draw`.
    """
    if not tiles or columns < 1 or tile_width < 1:
        raise ValueError(
            f"A contact sheet needs at least one tile, column and pixel, but got {len(tiles)} tiles, "
            f"{columns} columns and a tile_width of {tile_width}."
        )
    pictures = [_tile_picture(tile, tile_width) for tile in tiles]
    sheet = _sheet(pictures, [tile.caption for tile in tiles], min(columns, len(tiles)), tile_width)
    return _jpeg(sheet, max_bytes)


def _check_image(image: Pixels) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"An image must be (H, W, 3) uint8, but got {image.shape} {image.dtype}.")


def _drawn(
    pixels: Pixels,
    frame_size: tuple[int, int],
    predictions: Predictions,
    task_type: str,
    names: Mapping[int, str],
) -> Pixels:
    canvas = Canvas(np.array(pixels, order="C"), frame_size, names)
    _PAINTERS[TaskType(task_type)](canvas, predictions)
    return canvas.pixels


def _classification(canvas: Canvas, predictions: Predictions) -> None:
    rows: list[tuple[int, float | None]] = []
    for one in predictions:
        rows += _ranked(one, sorted(canvas.names))
    if rows:
        _panel_of_shares(canvas, rows[:_MOST_PROBABILITIES])


def _ranked(one: Mapping[str, Any], ids: Sequence[int]) -> list[tuple[int, float | None]]:
    """The category, then the others by their probability."""
    category, probabilities = one["category_id"], one.get("probabilities")
    if not probabilities or len(probabilities) != len(ids):
        return [(category, one.get("score"))]
    pairs = zip(ids, probabilities, strict=True)
    return sorted(pairs, key=lambda pair: (pair[0] != category, -pair[1]))


def _panel_of_shares(canvas: Canvas, rows: Sequence[tuple[int, float | None]]) -> None:
    """A name, a bar and a number in each row, at the top left."""
    size, gap = canvas.text_size, max(3, canvas.text_size // 3)
    row_height = round(1.45 * size)
    rows = rows[: (canvas.height - gap) // row_height]
    room = canvas.width - 2 * gap
    number_width = round(text_width("0.00", size))
    bar_width = min(4 * size, room - number_width - 6 * size)
    if not rows or room < 3 * size:
        return
    if bar_width < size or all(share is None for _, share in rows):
        bar_width = number_width = 0
    beside = (bar_width + number_width + 2 * gap) if bar_width else 0
    names = [shortened(canvas.name(category), size, room - beside - 2 * gap) for category, _ in rows]
    name_width = round(max(text_width(name, size) for name in names))
    panel = (0, 0, min(name_width + beside + 2 * gap, canvas.width), len(rows) * row_height + gap)
    shade(canvas.pixels, panel)
    with Pen(canvas) as pen:
        for index, ((category, share), name) in enumerate(zip(rows, names, strict=True)):
            top = gap // 2 + index * row_height
            middle = top + row_height / 2
            pen.text((gap, middle), name, size, LIGHT if index else (255, 255, 255), anchor="lm")
            if not bar_width or share is None:
                continue
            left = gap + name_width + gap
            bar = (left, round(middle - size / 3), left + bar_width, round(middle + size / 3))
            pen.fill(bar, (74, 78, 88))
            pen.fill(
                (bar[0], bar[1], bar[0] + max(1, round(bar_width * share)), bar[3]), category_colour(category)
            )
            pen.text((bar[2] + gap, middle), f"{share:.2f}", size, LIGHT, anchor="lm")


def _object_detection(canvas: Canvas, predictions: Predictions) -> None:
    boxes = [(one, canvas.box(one["bbox"])) for one in _by_score(predictions)]
    with Pen(canvas) as pen:
        for one, box in boxes:
            pen.outline(box, category_colour(one["category_id"]), canvas.line)
        _label(canvas, pen, reversed(boxes))


def _keypoint_detection(canvas: Canvas, predictions: Predictions) -> None:
    objects = []
    for one in _by_score(predictions):
        points = np.asarray(one["keypoints"], dtype=np.float64).reshape(-1, 3)
        bbox = one.get("bbox") or keypoint_boxes(points[None])[0].tolist()
        objects.append((one, canvas.box(bbox), points))
    radius = canvas.line + 1
    with Pen(canvas) as pen:
        for one, box, _ in objects:
            pen.outline(box, category_colour(one["category_id"]), max(1, canvas.line - 1))
        for one, _, points in objects:
            for x, y, score in points.tolist():
                pen.dot(canvas.point(x, y), radius, category_colour(one["category_id"]), filled=score >= 0.5)
        _label(canvas, pen, [(one, box) for one, box, _ in reversed(objects)])


def _instance_segmentation(canvas: Canvas, predictions: Predictions) -> None:
    tint = Tint(canvas.pixels)
    boxes = []
    for one in _by_score(predictions):
        tint.add(
            canvas.mask(one["segmentation"]), category_colour(one["category_id"]), 0.45, 1.0, canvas.line
        )
        boxes.append((one, canvas.box(one["bbox"])))
    tint.apply()
    with Pen(canvas) as pen:
        _label(canvas, pen, reversed(boxes))


def _semantic_segmentation(canvas: Canvas, predictions: Predictions) -> None:
    tint = Tint(canvas.pixels)
    areas: dict[int, int] = {}
    for one in predictions:
        category = one["category_id"]
        area = tint.add(canvas.mask(one["segmentation"]), category_colour(category), 0.5, 0.8, 1)
        areas[category] = areas.get(category, 0) + area
    tint.apply()
    _legend(canvas, areas)


_PAINTERS: dict[TaskType, Callable[[Canvas, Predictions], None]] = {
    TaskType.CLASSIFICATION: _classification,
    TaskType.OBJECT_DETECTION: _object_detection,
    TaskType.KEYPOINT_DETECTION: _keypoint_detection,
    TaskType.INSTANCE_SEGMENTATION: _instance_segmentation,
    TaskType.SEMANTIC_SEGMENTATION: _semantic_segmentation,
}


def _by_score(predictions: Predictions) -> list[Mapping[str, Any]]:
    """The surest last, so that it lies on top."""
    return sorted(predictions, key=lambda one: float(one["score"]))


def _legend(canvas: Canvas, areas: Mapping[int, int]) -> None:
    """Colours and names of the categories that are seen, along the bottom; the largest, if there are many."""
    size, gap = canvas.text_size, max(3, canvas.text_size // 3)
    swatch, row_height, room = round(0.8 * size), round(1.45 * size), canvas.width - 2 * gap
    most_rows = min(_MOST_LEGEND_ROWS, (canvas.height // 2 - gap) // row_height)
    if most_rows < 1 or room < 4 * size:
        return
    seen = sorted((one for one in areas if areas[one]), key=lambda one: (-areas[one], one))
    entries = {one: shortened(canvas.name(one), size, room - swatch - gap) for one in seen[:40]}
    widths = {
        one: swatch + gap + round(text_width(name, size)) + gap + gap // 2 for one, name in entries.items()
    }
    shown = list(entries)
    rows = _in_rows(sorted(shown), widths, room)
    while len(rows) > most_rows:
        shown.pop()
        rows = _in_rows(sorted(shown), widths, room)
    if not rows:
        return
    left_out = len(seen) - len(shown)
    top = canvas.height - len(rows) * row_height - gap
    right = max(sum(widths[one] for one in row) for row in rows) + gap
    shade(canvas.pixels, (0, top, min(right, canvas.width), canvas.height))
    with Pen(canvas) as pen:
        for index, row in enumerate(rows):
            middle, left = top + gap / 2 + (index + 0.5) * row_height, gap
            for one in row:
                swatch_top = round(middle - swatch / 2)
                pen.fill((left, swatch_top, left + swatch, swatch_top + swatch), category_colour(one))
                pen.text((left + swatch + gap, middle), entries[one], size, LIGHT, anchor="lm")
                left += widths[one]
        if left_out:
            more = f"and {left_out} more"
            pen.chip((0, top - row_height, round(text_width(more, size)) + 2 * gap, top), more, size, DARK)


def _in_rows(categories: Iterable[int], widths: Mapping[int, int], room: int) -> list[list[int]]:
    rows: list[list[int]] = []
    used = room
    for one in categories:
        if used + widths[one] > room:
            rows.append([])
            used = 0
        rows[-1].append(one)
        used += widths[one]
    return rows


def _label(canvas: Canvas, pen: Pen, boxes: Iterable[tuple[Mapping[str, Any], Box]]) -> None:
    """Category and score at each box, the first ones first; none where no place is free.

    Labels cover a small share of the picture at most (or one of them more).
    """
    size, pad = canvas.text_size, max(2, canvas.text_size // 6)
    height = round(1.2 * size)
    if canvas.width < 3 * size or canvas.height < 2 * height:
        return
    left = _LABELLED_SHARE * canvas.width * canvas.height
    for one, box in boxes:
        if left <= 0 or len(canvas.occupied) == _MOST_LABELS:
            return
        score = f"  {one['score']:.2f}"
        room = min(canvas.width, 16 * size) - 2 * pad
        name = shortened(canvas.name(one["category_id"]), size, max(room - text_width(score, size), 0))
        text = f"{name}{score}".strip()
        width = round(text_width(text, size)) + 2 * pad
        place = _free_place(canvas, box, width, height)
        if place is not None:
            canvas.occupied.append(place)
            left -= width * height
            pen.chip(place, text, size, category_colour(one["category_id"]))


def _free_place(canvas: Canvas, box: Box, width: int, height: int) -> Box | None:
    """Above a box, else at its top if it is much higher, else below; None where labels lie already."""
    left, top, right, bottom = box
    if right <= 0 or bottom <= 0 or left >= canvas.width or top >= canvas.height:
        return None
    x = min(max(left, 0), canvas.width - width)
    inside = max(top, 0)
    tall = min(bottom, canvas.height) - inside >= 3 * height
    for y in (top - height, inside, bottom) if tall else (top - height, bottom, inside):
        place = (x, y, x + width, y + height)
        if y >= 0 and y + height <= canvas.height and not any(_meet(place, one) for one in canvas.occupied):
            return place
    return None


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _tile_picture(tile: Tile, tile_width: int) -> Pixels:
    _check_image(tile.image)
    height, width = tile.image.shape[:2]
    scale = min(tile_width / width, tile_width / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    frame_size = tile.frame_size or (width, height)
    return _drawn(_scaled(tile.image, size), frame_size, tile.predictions, tile.task_type, tile.names)


def _scaled(image: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture of so many pixels across and down; a tiny one keeps its hard edges."""
    from PIL import Image

    height, width = image.shape[:2]
    # Of large frames every n-th pixel is enough, while twice as many are left as are wanted.
    step = max(1, min(width // (2 * size[0]), height // (2 * size[1])))
    thinned = np.ascontiguousarray(image[::step, ::step])
    enlarged = size[0] > 3 * width or size[1] > 3 * height
    kind = Image.Resampling.NEAREST if enlarged else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(thinned).resize(size, kind, reducing_gap=1.0))


def _sheet(pictures: Sequence[Pixels], captions: Sequence[str], columns: int, tile_width: int) -> "Image":
    from PIL import Image, ImageDraw

    size = max(11, tile_width // 34)
    gap, caption_height = max(4, tile_width // 40), round(1.9 * size)
    rows = [range(first, min(first + columns, len(pictures))) for first in range(0, len(pictures), columns)]
    heights = [max(pictures[index].shape[0] for index in row) for row in rows]
    total = (gap + columns * (tile_width + gap), gap + sum(heights) + len(rows) * (caption_height + gap // 2))
    sheet = Image.new("RGB", total, DARK)
    pen = ImageDraw.Draw(sheet)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for column, index in enumerate(row):
            left, picture = gap + column * (tile_width + gap), pictures[index]
            sheet.paste(Image.fromarray(picture), (left + (tile_width - picture.shape[1]) // 2, top))
            text = shortened(writable(captions[index], size), size, tile_width, keep_end=True)
            place = (left + 1, top + height + caption_height / 2)
            pen.text(place, text, fill=LIGHT, font=font_for(text, size) or font(size), anchor="lm")
        top += height + caption_height + gap // 2
    return sheet


def _jpeg(sheet: "Image", max_bytes: int) -> bytes:
    """With the best quality of which there are at most so many bytes; smaller where the worst has more."""
    smallest = _encoded(sheet, _QUALITIES[-1])
    while len(smallest) > max_bytes:
        if sheet.size == (1, 1):
            raise ValueError(f"max_bytes is {max_bytes}; the smallest JPEG has {len(smallest)}.")
        sheet = sheet.resize((max(1, sheet.width * 3 // 4), max(1, sheet.height * 3 // 4)))
        smallest = _encoded(sheet, _QUALITIES[-1])
    best, fits, too_large = smallest, len(_QUALITIES) - 1, -1
    while fits - too_large > 1:
        middle = (fits + too_large) // 2
        tried = _encoded(sheet, _QUALITIES[middle])
        if len(tried) <= max_bytes:
            best, fits = tried, middle
        else:
            too_large = middle
    return best


def _encoded(sheet: "Image", kind: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=kind[0], subsampling=kind[1])
    return file.getvalue()
