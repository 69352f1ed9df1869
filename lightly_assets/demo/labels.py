"""The truth about the demo's footage as a COCO annotation file, to judge the demo's predictions by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.demo.footage import SceneFrame
from lightly_assets.demo.footage.truth import KEYPOINTS, TruthObject
from lightly_assets.demo.input import CLIPS, Clip

_CATEGORIES = {"person": 0, "car": 1}
# As in the demo's own figures: what is hardly seen, or too small, is neither asked for nor wrong.
_SEEN, _WIDTH, _HEIGHT = 0.3, 8, 14


def demo_labels(clips: tuple[Clip, ...] = CLIPS) -> dict[str, Any]:
    """Boxes, masks and keypoints of all persons and cars of the clips."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for clip in clips:
        for index, picture in enumerate(clip.pictures()):
            height, width = picture.image.shape[:2]
            image = len(images) + 1
            images.append(
                {"id": image, "file_name": _file_name(clip, index), "width": width, "height": height}
            )
            for label in _labels(picture):
                annotations.append({"id": len(annotations) + 1, "image_id": image, **label})
    categories = [
        {"id": number, "name": name, "keypoints": list(KEYPOINTS[name])}
        for name, number in _CATEGORIES.items()
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_demo_labels(path: Path) -> None:
    """Write them, unless the file is there already."""
    if not path.exists():
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(demo_labels(), separators=(",", ":")))
        part.replace(path)


def _file_name(clip: Clip, index: int) -> str:
    if clip.frames == 1:
        return clip.key
    stem, _, suffix = clip.key.rpartition(".")
    return f"{stem}-{index:0{len(str(clip.frames))}d}-{suffix}.png"


def _labels(picture: SceneFrame) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(picture.truth.objects):
        mask = picture.truth.mask(number)
        _, _, w, h = one.box
        hardly_seen = one.visible < _SEEN or w < _WIDTH or h < _HEIGHT
        yield {
            "category_id": _CATEGORIES[one.category],
            "bbox": list(one.box),
            "area": int(mask.sum()),
            "iscrowd": int(hardly_seen),
            "segmentation": {"size": list(mask.shape), "counts": _column_counts(mask)},
            "keypoints": _keypoints(one),
            "num_keypoints": int((one.keypoints[:, 2] > 0).sum()),
        }


def _keypoints(one: TruthObject) -> list[float]:
    places = one.keypoints.astype(np.float64).round(1)
    return [value for x, y, seen in places.tolist() for value in (x, y, 2 if seen else 1)]


def _column_counts(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's run lengths, down the columns."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts: list[int] = np.diff(edges).tolist()
    return [0, *counts] if flat[0] else counts
