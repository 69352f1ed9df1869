"""Predictions of all five types on images and videos, with names that are meant to be awkward."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lightly_assets.format import rle
from tests.evaluation.folders import write_task
from tests.projects import HEIGHT, WIDTH, positions, write_video

FRAMES = 12
VIDEO = "cam 1/drive'1.v2.mp4"
IMAGES = ("stills/c.jpg", 'stills/ä "b".png')
NAMES = [*IMAGES, *(f"cam 1/drive'1.v2-{index:02}-mp4.png" for index in range(FRAMES))]
CATEGORIES = {3: "car", 7: "<b>person</b>"}
TASKS = {
    "weather": "classification",
    "boxes.v1": "object-detection",
    "people": "keypoint-detection",
    "instances": "instance-segmentation",
    "street": "semantic-segmentation",
}


def write_input(root: Path) -> None:
    """Two images and a video."""
    for name in IMAGES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (9, 90, 200)).save(root / name)
    write_video(root / VIDEO, positions(FRAMES))


def write_predictions(root: Path, seed: int = 0) -> None:
    """All tasks; some frames have no object."""
    random = np.random.default_rng(seed)
    for task, kind in TASKS.items():
        files = {name: singletons(kind, random) for name in NAMES}
        write_task(root, task, kind, CATEGORIES, files)


def singletons(kind: str, random: np.random.Generator) -> list[dict[str, Any]]:
    """Up to three predictions of a type."""
    if kind == "classification":
        share = round(float(random.random()), 4)
        return [{"category_id": 7, "probabilities": [1 - share, share]}]
    count = 2 if kind == "semantic-segmentation" else int(random.integers(0, 4))
    return [one(kind, random, 3 + 4 * (place % 2)) for place in range(count)]


def one(kind: str, random: np.random.Generator, category: int) -> dict[str, Any]:
    """A prediction with awkward numbers."""
    about: dict[str, Any] = {"category_id": category, "score": round(float(random.random()), 4)}
    x, y = (random.random(2) * (WIDTH - 30, HEIGHT - 30)).round(3).tolist()
    w, h = (1 + random.random(2) * 28).round(3).tolist()
    if kind == "object-detection":
        return about | {"bbox": [x, y, w, h]}
    if kind == "keypoint-detection":
        points = [[x + step, y + step, 0.5] for step in range(3)]
        box = {} if category == 3 else {"bbox": [x, y, w, h]}
        return about | box | {"keypoints": [value for point in points for value in point]}
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    rows, columns = slice(int(y), int(y) + 9), slice(int(x), int(x) + 17)
    mask[rows, columns] = random.random((9, 17)) > 0.4
    mask[int(y), int(x)] = 1
    found = about | {"segmentation": rle.encode(mask)}
    return found | ({"bbox": [x, y, w, h]} if kind == "instance-segmentation" else {})


def predictions(root: Path, task: str) -> dict[str, list[dict[str, Any]]]:
    """What the files say, read as plain JSON."""
    folder = root / ".lightly/predictions" / task
    files = [json.loads(path.read_bytes()) for path in folder.rglob("*.json") if path.name != "schema.json"]
    return {one["file_name"]: one["predictions"] for one in files}
