"""Training examples: frames of generated scenes as the models see them, and what they should say."""

import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightly_assets.demo.footage import Scene, Truth

HEIGHT, WIDTH = 192, 320
"""Of the models' input: a 640x360 frame at half its size, 6 rows of padding above and below."""
PAD, GREY = 6, 114
CATEGORIES = ("person", "car")
MOST_OBJECTS = 16
POINTS = 5
UNKNOWN = 255
FRAMES_PER_SCENE = 5


@dataclass(frozen=True, slots=True)
class Examples:
    """N frames; places and sizes in pixels of the models' input."""

    images: NDArray[np.uint8]
    """(N, 192, 320, 3)."""
    semantic: NDArray[np.uint8]
    """(N, 192, 320) classes, UNKNOWN in the padding."""
    instances: NDArray[np.uint8]
    """(N, 192, 320) 0 nothing, n the n-th object."""
    weather: NDArray[np.int64]
    """(N,) places in WEATHERS."""
    boxes: NDArray[np.float32]
    """(N, MOST_OBJECTS, 4) corners."""
    classes: NDArray[np.int64]
    """(N, MOST_OBJECTS) places in CATEGORIES; -1: no object; -2: too small or too hidden to be asked for."""
    points: NDArray[np.float32]
    """(N, MOST_OBJECTS, POINTS, 3) x, y, seen; of persons only."""

    def __len__(self) -> int:
        return len(self.images)


def countable(box: tuple[float, float, float, float], visible: float) -> bool:
    """Whether an object is asked for: large enough, and not hidden but for a sliver. In frame pixels."""
    return visible >= 0.3 and box[2] >= 8 and box[3] >= 14


def seen_by_model(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A 640x360 frame as the (192, 320, 3) input: halved, with grey rows above and below."""
    small = Image.fromarray(image).resize(
        (WIDTH, HEIGHT - 2 * PAD), Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    padded = np.full((HEIGHT, WIDTH, 3), GREY, dtype=np.uint8)
    padded[PAD : HEIGHT - PAD] = np.asarray(small)
    return padded


def _compressed(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """With what a lossy codec leaves of it."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _one_scene(seed: int) -> list[tuple[NDArray[np.uint8], Truth]]:
    rng = np.random.default_rng([seed, 7003])
    scene = Scene(seed)
    frames = []
    for start in rng.uniform(0, 8, FRAMES_PER_SCENE):
        frame = scene.frame(float(start))
        image = frame.image
        if rng.random() < 0.6:
            image = _compressed(image, int(rng.integers(35, 90)))
        frames.append((image, frame.truth))
    return frames


def _arrays(seed: int) -> Examples:
    from lightly_assets.demo.footage import WEATHERS

    frames = _one_scene(seed)
    number = len(frames)
    made = Examples(
        images=np.empty((number, HEIGHT, WIDTH, 3), np.uint8),
        semantic=np.full((number, HEIGHT, WIDTH), UNKNOWN, np.uint8),
        instances=np.zeros((number, HEIGHT, WIDTH), np.uint8),
        weather=np.empty(number, np.int64),
        boxes=np.zeros((number, MOST_OBJECTS, 4), np.float32),
        classes=np.full((number, MOST_OBJECTS), -1, np.int64),
        points=np.zeros((number, MOST_OBJECTS, POINTS, 3), np.float32),
    )
    inner = slice(PAD, HEIGHT - PAD)
    for index, (image, truth) in enumerate(frames):
        made.images[index] = seen_by_model(image)
        made.semantic[index, inner] = truth.semantic[::2, ::2]
        made.instances[index, inner] = truth.instances[::2, ::2]
        made.weather[index] = WEATHERS.index(truth.weather)
        for place, one in enumerate(truth.objects[:MOST_OBJECTS]):
            x, y, w, h = one.box
            made.boxes[index, place] = np.array((x, y, x + w, y + h)) / 2 + (0, PAD, 0, PAD)
            asked = countable(one.box, one.visible)
            made.classes[index, place] = CATEGORIES.index(one.category) if asked else -2
            if one.category == "person":
                made.points[index, place] = one.keypoints * (0.5, 0.5, 1) + (0, PAD, 0)
    return made


def make_examples(seeds: range, processes: int = 2) -> Examples:
    """FRAMES_PER_SCENE frames of the scene of each seed."""
    with ProcessPoolExecutor(processes) as pool:
        parts = list(pool.map(_arrays, seeds, chunksize=20))
    return Examples(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Examples.__dataclass_fields__)
    )
