"""Prediction folders for tests of the report: planted frames, hostile names, footage."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.evaluation.folders import write_task

WIDTH, HEIGHT, FRAMES = 96, 64, 30
HOSTILE = "<img src=x onerror=alert(1)>"
CATEGORIES = {0: "car", 4: HOSTILE, 7: "</script><script>alert(2)</script>"}
CROWDED, EMPTY, UNCERTAIN, ODD = 4, 9, 17, 25


def video(path: Path) -> None:
    """Thirty frames; each frame's grey says its number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(FRAMES):
            picture = np.full((HEIGHT, WIDTH, 3), 8 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def boxes(index: int) -> list[dict[str, Any]]:
    """Two sure boxes a frame, but for the planted ones."""
    if index == EMPTY:
        return []
    found = [one([10 + index, 10, 12, 10], 0, 0.95), one([50, 30, 12 + index % 3, 10], 4, 0.9)]
    if index == CROWDED:
        found += [one([x, 40, 6, 6], 0, 0.97) for x in range(0, 60, 6)]
    if index == UNCERTAIN:
        found[0]["score"] = 0.5
    if index == ODD:
        found[1]["bbox"] = [0, 0, WIDTH, 3]
    return found


def one(box: list[float], category: int, score: float) -> dict[str, Any]:
    return {"category_id": category, "bbox": box, "score": score}


def write_project(root: Path) -> Path:
    """Input and predictions below ``root``; the path of labels for them, in which frame 3 has five more."""
    video(root / "input/cam/v.mp4")
    names = [f"cam/v-{index:02}-mp4.png" for index in range(FRAMES)]
    predictions = {name: boxes(index) for index, name in enumerate(names)}
    write_task(root / "lightly", "boxes", "object-detection", CATEGORIES, predictions)
    images = [
        {"id": index + 1, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for index, name in enumerate(names)
    ]
    annotations = [
        {"image_id": index + 1, "category_id": found["category_id"], "bbox": found["bbox"], "iscrowd": 0}
        for index, name in enumerate(names)
        for found in predictions[name]
    ]
    annotations += [
        {"image_id": 4, "category_id": 0, "bbox": [x, 50, 5, 5], "iscrowd": 0} for x in range(0, 50, 10)
    ]
    categories = [{"id": number, "name": name} for number, name in CATEGORIES.items()]
    labels = root / "labels.json"
    labels.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return labels
