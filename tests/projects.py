"""Small projects for tests: videos whose truth is known, and a model that finds what is in them."""

import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT, SIDE = 96, 64, 16

# Finds the bright square of the pictures below. Every call is noted, so that tests can count.
MODEL = """
from pathlib import Path

LOG = Path(__file__).with_name("calls.log")


def find(images):
    with LOG.open("a") as log:
        log.write(f"find {len(images)}\\n")
    return [boxes(image) for image in images]


def find_other(images):
    with LOG.open("a") as log:
        log.write(f"find_other {len(images)}\\n")
    return [boxes(image) for image in images]


def boxes(image):
    bright = image.astype(int).sum(axis=2) > 500
    if not bright.any():
        return []
    rows, columns = bright.any(axis=1).nonzero()[0], bright.any(axis=0).nonzero()[0]
    x, y = int(columns[0]), int(rows[0])
    w, h = int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y
    return [{"category_id": 0, "bbox": [x, y, w, h], "score": round(0.3 + x / 200, 3)}]
"""


def picture(position: int | None) -> NDArray[np.uint8]:
    """A dark picture, with a bright square at column ``position``."""
    image = np.full((HEIGHT, WIDTH, 3), 16, dtype=np.uint8)
    if position is not None:
        image[24 : 24 + SIDE, position : position + SIDE] = 240
    return image


def positions(frames: int) -> list[int | None]:
    """Where the square is in each frame: it moves right, two pixels a frame, and is away every fifth."""
    return [None if index % 5 == 4 else index * 2 % (WIDTH - SIDE) for index in range(frames)]


def write_video(path: Path, where: Iterable[int | None], codec: str = "libx264") -> Path:
    """A video with one frame for each position."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "mov" if path.suffix.lower() == ".mov" else "mp4"
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "10", "threads": "1"}
        stream.time_base = Fraction(1, 10)
        for index, position in enumerate(where):
            frame = av.VideoFrame.from_ndarray(picture(position), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_image(path: Path, position: int | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(position)).save(path)
    return path


class SmallProject:
    """A folder with a ``lightly.yaml``, the model above beside it, and three roots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.input, self.lightly, self.state = (folder / name for name in ("input", "lightly", "state"))
        self.predictions = self.lightly / ".lightly" / "predictions"
        self.config = folder / "lightly.yaml"
        self.settings: dict[str, Any] = {
            "datasource": {"input": "./input", "lightly": "./lightly", "state": "./state"},
            "tasks": [task("squares")],
        }
        self.input.mkdir(parents=True)
        (folder / "square_model.py").write_text(MODEL)
        self.write()

    @classmethod
    def at(cls, folder: Path) -> "SmallProject":
        """A project that is there already."""
        small = cls.__new__(cls)
        small.folder = folder
        small.input, small.lightly, small.state = (folder / name for name in ("input", "lightly", "state"))
        small.predictions = small.lightly / ".lightly" / "predictions"
        small.config = folder / "lightly.yaml"
        small.settings = yaml.safe_load(small.config.read_text())
        return small

    def write(self, **changes: Any) -> None:
        """Write ``lightly.yaml``, with other top-level keys."""
        self.settings |= changes
        self.config.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    def fill(self, videos: int, stills: int) -> None:
        """Some videos, each a frame longer than the one before, and a folder of images."""
        for number in range(videos):
            write_video(self.input / f"{number}.mp4", positions(6 + number))
        for number in range(stills):
            write_image(self.input / f"stills/{number}.png", 10 + number)

    def send(self) -> None:
        """Let the input be seen: on disk it is, as soon as it is written."""

    def calls(self) -> list[str]:
        """The model's calls since the last time that this was asked."""
        log = self.folder / "calls.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def images_seen(self, name: str = "find") -> int:
        """How many images a model was given since the last time."""
        return sum(int(line.split()[1]) for line in self.calls() if line.split()[0] == name)

    def files(self) -> dict[str, bytes]:
        """Everything below ``.lightly/predictions``."""
        return read_folder(self.predictions)

    def read(self, path: str) -> Any:
        return json.loads((self.predictions / path).read_bytes())


def read_folder(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def task(name: str, call: str = "square_model:find", **model: Any) -> dict[str, Any]:
    """A task for ``lightly.yaml``."""
    return {
        "name": name,
        "task_type": "object-detection",
        "categories": [{"id": 0, "name": "square"}],
        "model": {"kind": "python", "call": call, "batch_size": 4} | model,
    }
