"""The picture of predictions that README and docs show: ``python -m benchmarks.demo.pictures [--out FILE]``.

It writes the demo's project into a temporary folder, and runs its models on some of its frames.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from lightly_assets.demo import write_demo
from lightly_assets.encoding.encode import Encoded, TaskSettings, encode
from lightly_assets.format.schema import Schema
from lightly_assets.media import open_video, read_image
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.protocol import Model, Source
from lightly_assets.pictures.contact_sheet import Tile, contact_sheet

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "predictions.jpg"
SHOWN = (
    ("object_detection_road_users", "stills/street_2.PNG", None),
    ("keypoint_detection_people", "stills/crossing_0.png", None),
    ("instance_segmentation_road_users", "front/2026-05-04/drive 1.v2.mp4", 22),
    ("semantic_segmentation_street", "stills/street_3.jpeg", None),
    ("classification_weather", "rear/loop.MOV", 22),
    ("instance_segmentation_road_users", "front/2026-05-05/drive 2.mp4", 52),
)
"""Task, input and frame of each tile."""


@dataclass(frozen=True)
class Task:
    """One of the project's tasks, ready to predict."""

    name: str
    model: Model
    settings: TaskSettings

    def predict(self, images: NDArray[np.uint8], key: str) -> list[Encoded]:
        """What is written about (N, H, W, 3) frames of an input."""
        height, width = images.shape[1:3]
        sources = [Source(key, index, width, height) for index in range(len(images))]
        results = self.model.predict(images, sources)
        return [encode(result, self.settings, width, height) for result in results]


def load_tasks(project: Path) -> list[Task]:
    """The tasks of a ``lightly.yaml``."""
    tasks = []
    for one in yaml.safe_load(project.read_text())["tasks"]:
        schema = Schema.parse({"task_type": one["task_type"], "categories": one["categories"]})
        config = parse_model(one["model"])
        model = load_model(
            config, task_type=schema.task_type, categories=schema.categories, base_dir=project.parent
        )
        settings = TaskSettings(schema, encode_settings(config, schema.task_type))
        tasks.append(Task(one["name"], model, settings))
    return tasks


def frame_of(path: Path, index: int | None) -> NDArray[np.uint8]:
    """A frame of a video, or an image."""
    if index is None:
        return read_image(path).image
    with open_video(path) as stream:
        return next(frame.image for frame in stream if frame.index == index)


def tile(task: Task, folder: Path, key: str, index: int | None) -> Tile:
    image = frame_of(folder / key, index)
    singletons = task.predict(image[None], key)[0].singletons
    schema = task.settings.schema
    where = Path(key).stem if index is None else f"{Path(key).stem} · frame {index}"
    return Tile(image, singletons, schema.task_type, schema.names, f"{schema.task_type} · {where}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURE)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = write_demo(Path(folder))
        tasks = {task.name: task for task in load_tasks(project)}
        tiles = [tile(tasks[name], Path(folder) / "input", key, index) for name, key, index in SHOWN]
    sheet = contact_sheet(tiles, columns=3, tile_width=440, max_bytes=250_000)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_bytes(sheet)
    print(f"{given.out}: {len(sheet):,} bytes")


if __name__ == "__main__":
    main()
