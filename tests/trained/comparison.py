"""What is written about an image, and whether a package says the same."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.encoding.encode import TaskSettings, encode
from lightly_assets.format.schema import Schema
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.protocol import Source

Boxes = list[tuple[int, float, list[float]]]


def ours(settings: dict[str, Any], task_type: str, count: int) -> Callable[[NDArray[Any]], Any]:
    """From an image to what is written about it."""
    categories = [{"id": number, "name": f"c{number}"} for number in range(count)]
    schema = Schema.parse({"task_type": task_type, "categories": categories})
    config = parse_model(settings | {"metadata": "ignore"} if "layout" in settings else settings)
    model = load_model(config, task_type=task_type, categories=schema.categories, base_dir=Path("/"))
    task = TaskSettings(schema, encode_settings(config, schema.task_type))

    def written(image: NDArray[Any]) -> Any:
        height, width = image.shape[:2]
        result = model.predict(image[None], [Source("a.png", None, width, height)])[0]
        return encode(result, task, width, height).singletons

    return written


def whole(singletons: Any, *, sides: bool = False) -> Boxes:
    """Class, score and corners in whole pixels; ``sides``: width and height are cut, not corners."""
    found = []
    for one in singletons:
        x, y, w, h = one["bbox"]
        far = (int(x) + int(w), int(y) + int(h)) if sides else (int(x + w), int(y + h))
        found.append((one["category_id"], one["score"], [int(x), int(y), *far]))
    return found


def assert_same_boxes(pairs: list[tuple[str, Boxes, Boxes]], at_least: int) -> None:
    """The same objects in every image, 95 % of the corners within half a pixel, scores within 1e-3."""
    corners, scores, total = [], [], 0
    for name, theirs, mine in pairs:
        assert len(theirs) == len(mine), (name, theirs, mine)
        free = list(mine)
        for category, score, box in theirs:
            match = min(free, key=lambda one: float(np.abs(np.array(one[2]) - box).max()))
            free.remove(match)
            assert match[0] == category, name
            corners += np.abs(np.array(match[2]) - box).tolist()
            scores.append(abs(match[1] - score))
            total += 1
    assert total >= at_least, total
    print(
        f"{total} objects, corners p95 {np.quantile(corners, 0.95):.3f} px, max {max(corners)}, "
        f"scores max {max(scores):.2g}",
        file=sys.stderr,
    )
    assert np.quantile(corners, 0.95) <= 0.5
    assert max(scores) <= 1e-3


def corners(singletons: Any) -> Boxes:
    """Class, score and corners as they are written."""
    return [
        (one["category_id"], one["score"], [x, y, x + w, y + h])
        for one in singletons
        for x, y, w, h in [one["bbox"]]
    ]


def inside(boxes: Boxes, width: int, height: int) -> Boxes:
    """Without those that touch the image's edge."""
    return [one for one in boxes if min(one[2][:2]) > 0 and one[2][2] < width - 1 and one[2][3] < height - 1]
