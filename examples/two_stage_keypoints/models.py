"""Keypoints in two stages: boxes that another task has published, and a model that looks into each of them.

Reads RTMPose and others with SimCC (``simcc_x`` (N, K, 2w), ``simcc_y`` (N, K, 2h)), as mmpose does it, and
heatmaps (N, K, h/4, w/4), whose peaks are not refined further as DARK and UDP do it.
"""

import json
from functools import lru_cache
from glob import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lightly_assets import Keypoints, prediction_path

MEAN = np.array([123.675, 116.28, 103.53], dtype=np.float32)
STD = np.array([58.395, 57.12, 57.375], dtype=np.float32)


class TopDown:
    """Made once, with the ``args`` of ``lightly.yaml``.

    Args:
        pose: the ONNX file, beside this one; its input is (N or 1, 3, height, width).
        predictions: the local folder ``.lightly/predictions`` in which the boxes lie.
        task: whose boxes they are.
        threshold: the least score of a box.
        padding: how much larger than its box a person's picture is.
    """

    def __init__(
        self, pose: str, predictions: str, task: str, threshold: float = 0.3, padding: float = 1.25
    ) -> None:
        here = Path(__file__).parent
        self.session = onnxruntime.InferenceSession(here / pose, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0]
        self.size = np.array(self.input.shape[:1:-1], dtype=np.float32)  # width, height
        self.folder, self.task = here / predictions, task
        self.threshold, self.padding = threshold, padding

    def predict(self, images: NDArray[np.uint8], sources: Any) -> list[Keypoints]:
        """One result per image."""
        return [self._of_image(image, source) for image, source in zip(images, sources, strict=True)]

    def _of_image(self, image: NDArray[np.uint8], source: Any) -> Keypoints:
        path = self._file(source.input, source.index)
        if path is None:
            raise FileNotFoundError(
                f"{source.input}, frame {source.index}: no boxes in {self.folder / self.task}; run the task "
                f"{self.task} first."
            )
        objects = json.loads(path.read_text())["predictions"]
        kept = [one for one in objects if one["score"] >= self.threshold]
        points = np.zeros((0, 1, 3), dtype=np.float32)
        if kept:
            points = np.concatenate([self._inside(image, one["bbox"]) for one in kept])
        boxes = np.array([one["bbox"] for one in kept], dtype=np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        ids = [one["category_id"] for one in kept]
        return Keypoints(points, [one["score"] for one in kept], ids, boxes=boxes)

    def _file(self, key: str, index: int | None) -> Path | None:
        if index is not None:
            return self._frames(key).get(index)
        path = self.folder / prediction_path(self.task, key)
        return path if path.exists() else None

    @lru_cache(maxsize=2)  # noqa: B019 - one object for the whole run
    def _frames(self, key: str) -> dict[int, Path]:
        """The files of a video's frames by their number: ``clip-007-mp4.json``."""
        path = self.folder / prediction_path(self.task, key)
        found = path.parent.glob(f"{escape(path.stem)}-*{Path(key).suffix.replace('.', '-')}.json")
        numbers = {one: one.stem.removeprefix(f"{path.stem}-").split("-")[0] for one in found}
        return {int(number): one for one, number in numbers.items() if number.isdigit()}

    def _inside(self, image: NDArray[np.uint8], bbox: list[float]) -> NDArray[np.float32]:
        """(1, K, 3) points of the object in a box: the box grows, takes the input's shape, and is cut out."""
        x, y, w, h = bbox
        shape = self.size[0] / self.size[1]
        wide = max(w, h * shape) * self.padding
        area = np.array([wide, wide / shape], dtype=np.float32)
        corner = np.array([x + w / 2, y + h / 2], dtype=np.float32) - area / 2
        scale = self.size / area
        matrix = np.array([[scale[0], 0, -corner[0] * scale[0]], [0, scale[1], -corner[1] * scale[1]]])
        part = cv2.warpAffine(image, matrix, [int(side) for side in self.size], flags=cv2.INTER_LINEAR)
        pixels = ((part - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)
        outputs = self.session.run(None, {self.input.name: pixels})
        found = simcc(*outputs) if len(outputs) == 2 else heatmaps(outputs[0])
        found[..., :2] = found[..., :2] / scale + corner
        return found


def simcc(horizontal: NDArray[Any], vertical: NDArray[Any]) -> NDArray[np.float32]:
    """(N, K, 3) points in the input's pixels: the largest of each axis, two of them to a pixel."""
    score = np.minimum(horizontal.max(axis=2), vertical.max(axis=2))
    place = np.stack([horizontal.argmax(axis=2), vertical.argmax(axis=2)], axis=2) / 2
    return np.concatenate([place, np.clip(score, 0, 1)[..., None]], axis=2).astype(np.float32)


def heatmaps(maps: NDArray[Any]) -> NDArray[np.float32]:
    """(N, K, 3) points in the input's pixels: the peak of each map, a quarter to its larger neighbour."""
    rows, columns = maps.shape[2:]
    flat = maps.reshape(*maps.shape[:2], -1)
    y, x = np.divmod(flat.argmax(axis=2), columns)
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    n, k = np.indices(x.shape)
    right = np.sign(padded[n, k, y + 1, x + 2] - padded[n, k, y + 1, x])
    below = np.sign(padded[n, k, y + 2, x + 1] - padded[n, k, y, x + 1])
    inner = (x > 0) & (x < columns - 1) & (y > 0) & (y < rows - 1)
    place = np.stack([x + 0.25 * right * inner, y + 0.25 * below * inner], axis=2) * 4
    return np.concatenate([place, np.clip(flat.max(axis=2), 0, 1)[..., None]], axis=2).astype(np.float32)
