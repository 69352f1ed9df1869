"""Small pose models whose answers depend on their pixels, and the picture and boxes that they are shown."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.models.onnx_files import node, write

WIDTH, HEIGHT = 48, 64
KEYPOINTS = 3
"""One for each channel."""
BOXES = [
    [20.0, 30.0, 60.0, 40.0],
    [60.25, 10.5, 31.75, 88.0],
    [0.0, 0.0, 160.0, 120.0],
    [130.0, 90.0, 30.0, 30.0],
    [0.0, 50.0, 12.5, 9.0],
    [77.0, 59.0, 1.0, 1.0],
]
"""x, y, width, height; of the last ones, parts lie outside of the picture, or are less than a pixel."""


def picture(height: int = 120, width: int = 160) -> NDArray[np.uint8]:
    """Smooth spots and slopes of every colour."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:height, :width]
    found = np.zeros((height, width, 3))
    for _ in range(40):
        y, x, size = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(3, 12)
        spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * size**2))
        found += spot[..., None] * rng.uniform(20, 160, 3)
    return np.clip(found + rng.uniform(0, 12, found.shape), 0, 255).astype(np.uint8)


def simcc_model(path: Path, batch: int | str = "n", names: tuple[str, str] = ("simcc_x", "simcc_y")) -> Path:
    """Means of columns and of rows, through fixed random weights, two places for each pixel."""
    rng = np.random.default_rng(6)
    weights = {
        f"{axis}_weights": rng.normal(0, 0.02, (size, 2 * size)).astype(np.float32)
        for axis, size in (("x", WIDTH), ("y", HEIGHT))
    }
    nodes = [
        node("ReduceMean", ["images"], ["columns"], axes=[2], keepdims=0),
        node("ReduceMean", ["images"], ["rows"], axes=[3], keepdims=0),
        node("MatMul", ["columns", "x_weights"], [names[0]]),
        node("MatMul", ["rows", "y_weights"], [names[1]]),
    ]
    outputs: dict[str, Any] = {
        names[0]: (np.float32, [batch, KEYPOINTS, 2 * WIDTH]),
        names[1]: (np.float32, [batch, KEYPOINTS, 2 * HEIGHT]),
    }
    return write(path, nodes, {"images": (np.float32, [batch, 3, HEIGHT, WIDTH])}, outputs, weights)


def heatmap_model(path: Path, batch: int | str = "n") -> Path:
    """The means of four by four pixels, so that each colour's map peaks where that colour is brightest."""
    return write(
        path,
        [node("AveragePool", ["images"], ["heatmaps"], kernel_shape=[4, 4], strides=[4, 4])],
        {"images": (np.float32, [batch, 3, HEIGHT, WIDTH])},
        {"heatmaps": (np.float32, [batch, KEYPOINTS, HEIGHT // 4, WIDTH // 4])},
    )


def heatmaps() -> NDArray[np.float32]:
    """(6, 5, 16, 12) maps with one peak each, also beside edges and in corners, and two without any."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:16, :12]
    found = np.zeros((6, 5, 16, 12))
    for maps in found:
        for one in maps:
            y, x = rng.uniform(-0.5, 15.5), rng.uniform(-0.5, 11.5)
            one += rng.uniform(0.2, 1.1) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 8)
            one += rng.uniform(0, 0.02, one.shape)
    found[5, 0], found[5, 1] = 0, -0.1
    return found.astype(np.float32)
