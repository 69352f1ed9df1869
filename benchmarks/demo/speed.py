"""What the demo's footage and models cost: ``python -m benchmarks.demo.speed [--frames 48]``.

Footage is written as ``lightly-assets demo`` writes it; then every task predicts and encodes the first frames
of each input, in batches, as a run does. The whole demo, Dagster included, has to end within 120 s.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.demo.pictures import Task, load_tasks
from lightly_assets.demo import write_demo
from lightly_assets.demo.input import CLIPS, Clip
from lightly_assets.media import open_video, read_image
from lightly_assets.pictures.contact_sheet import Tile, contact_sheet

BATCH = 8


def batches(folder: Path, clip: Clip, frames: int) -> Iterator[NDArray[np.uint8]]:
    """(N, H, W, 3) of the first frames."""
    if clip.frames == 1:
        yield read_image(folder / clip.key).image[None]
        return
    with open_video(folder / clip.key) as stream:
        images = (frame.image for frame in islice(stream, frames))
        while batch := list(islice(images, BATCH)):
            yield np.stack(batch)


def milliseconds(task: Task, key: str, batch: NDArray[np.uint8]) -> float:
    """A frame, of predicting and encoding a batch."""
    started = time.perf_counter()
    task.predict(batch, key)
    return 1000 * (time.perf_counter() - started) / len(batch)


def drawing_milliseconds(task: Task, key: str, batch: NDArray[np.uint8], columns: int = 3) -> float:
    """A tile, of the contact sheet of a batch; the frames are enlarged six times first, as in a 4K video."""
    large = batch.repeat(6, axis=1).repeat(6, axis=2)[:3]
    schema = task.settings.schema
    written = task.predict(large, key)
    tiles = [
        Tile(image, one.singletons, schema.task_type, schema.names, key)
        for image, one in zip(large, written, strict=True)
    ]
    contact_sheet(tiles, columns=columns)
    started = time.process_time()
    contact_sheet(tiles, columns=columns)
    return 1000 * (time.process_time() - started) / len(tiles)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=48, help="of each video")
    given = parser.parse_args()
    total = sum(clip.frames for clip in CLIPS)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        project = write_demo(Path(folder))
        footage = time.perf_counter() - started
        tasks = load_tasks(project)
        times: dict[str, list[float]] = {task.name: [] for task in tasks}
        drawing: dict[str, list[float]] = {task.name: [] for task in tasks}
        for clip in CLIPS:
            for number, batch in enumerate(batches(Path(folder) / "input", clip, given.frames)):
                for task in tasks:
                    times[task.name].append(milliseconds(task, clip.key, batch))
                    if number == 0:
                        drawing[task.name].append(drawing_milliseconds(task, clip.key, batch))
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"footage: {total} frames of {len(CLIPS)} inputs written in {footage:.1f} s")
    for name, value in medians.items():
        print(f"{name + ': milliseconds a frame':<80}{value:>7.1f}")
    every = sum(medians.values())
    print(f"{'all tasks: milliseconds a frame':<80}{every:>7.1f}")
    for name, values in drawing.items():
        label = name + ": ms a tile of a 4K contact sheet (at most 5)"
        print(f"{label:<80}{statistics.median(values):>7.1f}")
    seconds = footage + total * every / 1000
    print(f"{'footage, and all tasks on all frames: seconds (at most 60)':<80}{seconds:>7.1f}")


if __name__ == "__main__":
    main()
