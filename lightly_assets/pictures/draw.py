"""Predictions drawn on frames: for people who look at a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lightly_assets.format.boxes import keypoint_boxes
from lightly_assets.format.schema import TaskType
from lightly_assets.pictures import style
from lightly_assets.pictures.canvas import Box, Canvas, Pen, Pixels, Tint, shade
from lightly_assets.pictures.style import DARK, LIGHT, category_colour
from lightly_assets.pictures.text import shortened, text_width

Predictions = Sequence[Mapping[str, Any]]


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
    check_image(image)
    return drawn(image, (image.shape[1], image.shape[0]), predictions, task_type, names)


def check_image(image: Pixels) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"An image must be (H, W, 3) uint8, but got {image.shape} {image.dtype}.")


def drawn(
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
        _panel_of_shares(canvas, rows[: style.MOST_PROBABILITIES])


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
                pen.dot(
                    canvas.point(x, y),
                    radius,
                    category_colour(one["category_id"]),
                    filled=score >= style.SEEN,
                )
        _label(canvas, pen, [(one, box) for one, box, _ in reversed(objects)])


def _instance_segmentation(canvas: Canvas, predictions: Predictions) -> None:
    tint = Tint(canvas.pixels)
    boxes = []
    for one in _by_score(predictions):
        tint.add(
            canvas.mask(one["segmentation"]),
            category_colour(one["category_id"]),
            *style.INSTANCE_TINT,
            canvas.line,
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
        area = tint.add(canvas.mask(one["segmentation"]), category_colour(category), *style.SEMANTIC_TINT, 1)
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
    most_rows = min(style.MOST_LEGEND_ROWS, (canvas.height // 2 - gap) // row_height)
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
    left = style.LABELLED_SHARE * canvas.width * canvas.height
    for one, box in boxes:
        if left <= 0 or len(canvas.occupied) == style.MOST_LABELS:
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
