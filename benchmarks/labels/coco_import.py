"""Import of COCO labels beside ``labelformat convert``, and their masks beside pycocotools.

    python -m benchmarks.labels.coco_import [--images 20000] [--boxes 200000] [--rounds 3] [--masks 50000]
                                            [--folder /dev/shm]

Both convert the same file of boxes into prediction files, in processes of their own that take turns; the
table gives processor time (of the program and of the system), the peak of resident memory, and the ratios of
the medians. A folder in memory leaves out most of what the disk costs both. Then random polygons, many of
them far outside of their image, and random run lengths are drawn by our code and by pycocotools: how many of
them differ.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as pycoco

from benchmarks import programs
from lightly_assets.format.coco.masks import from_coco
from lightly_assets.format.rle import decode

WIDTH, HEIGHT = 1920, 1080


def write_labels(path: Path, images: int, boxes: int) -> None:
    """Boxes in any order, as trackers and COCO itself have them."""
    chance = random.Random(1)
    listed = [
        {
            "id": number,
            "file_name": f"train/{number % 50:03d}/{number:06d}.jpg",
            "width": WIDTH,
            "height": HEIGHT,
        }
        for number in range(1, images + 1)
    ]
    annotations = []
    for number in range(1, boxes + 1):
        w, h = chance.uniform(5, 300), chance.uniform(5, 300)
        box = [chance.uniform(0, WIDTH - w), chance.uniform(0, HEIGHT - h), w, h]
        annotations.append(
            {
                "id": number,
                "image_id": chance.randint(1, images),
                "category_id": chance.randint(1, 80),
                "bbox": [round(value, 2) for value in box],
                "area": round(w * h, 2),
                "iscrowd": 0,
                "segmentation": [],
            }
        )
    categories = [{"id": number, "name": f"class {number}"} for number in range(1, 81)]
    path.write_text(json.dumps({"images": listed, "annotations": annotations, "categories": categories}))


def measure(command: list[str]) -> tuple[float, float, float]:
    """Seconds of the program and of the system, and megabytes of memory at the peak."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        assert process.stderr is not None
        sys.exit(f"{command[0]} failed: {process.stderr.read().decode()}")
    return used.ru_utime, used.ru_stime, used.ru_maxrss / 1024


def compare(labelformat: str, labels: Path, folder: Path, rounds: int) -> None:
    beside = Path(sys.executable).parent
    ours, theirs = folder / "ours", folder / "theirs"
    task = ["--task", "object-detection", "--input-format", "coco", "--input-file", str(labels)]
    into = ["--output-format", "lightly", "--output-folder", str(theirs)]
    commands = {
        "labelformat": [labelformat, "convert", *task, *into],
        "import-coco": [str(beside / "lightly-assets"), "import-coco", str(labels)],
    }
    commands["import-coco"] += ["--task", "labels", "--lightly", str(ours)]
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            for target in (ours, theirs):
                shutil.rmtree(target, ignore_errors=True)
            taken[name].append(measure(command))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in taken.items()
    }
    print(f"{'':14}{'program s':>11}{'system s':>11}{'both s':>11}{'memory MB':>11}")
    for name, (program, system, memory) in medians.items():
        print(f"{name:14}{program:11.2f}{system:11.2f}{program + system:11.2f}{memory:11.0f}")
    (a, b, c), (x, y, z) = medians["labelformat"], medians["import-coco"]
    print(f"{'ratio':14}{a / x:11.2f}{b / y:11.2f}{(a + b) / (x + y):11.2f}{z / c:11.2f}")


def random_segmentation(chance: np.random.Generator, height: int, width: int) -> Any:
    if chance.random() < 0.25:
        mask = np.asfortranarray(chance.random((height, width)) < chance.random(), dtype=np.uint8)
        packed = pycoco.encode(mask)
        return {"size": [height, width], "counts": packed["counts"].decode()}
    reach = chance.choice([1.0, 3.0])
    polygons = []
    for _ in range(chance.integers(1, 4)):
        points = chance.uniform(-reach + 1, reach, (chance.integers(3, 12), 2)) * (width, height)
        polygons.append((np.round(points) if chance.random() < 0.3 else points).ravel().tolist())
    return polygons


def differing(count: int) -> int:
    """Random masks that our code and pycocotools draw differently."""
    chance = np.random.default_rng(5)
    wrong = 0
    for _ in range(count):
        height, width = (int(value) for value in chance.integers(2, 90, 2))
        segmentation = random_segmentation(chance, height, width)
        if isinstance(segmentation, list):
            packed = pycoco.merge(pycoco.frPyObjects(segmentation, height, width))
        else:
            packed = segmentation
        wrong += not np.array_equal(
            decode(from_coco(segmentation, height, width), height, width), pycoco.decode(packed)
        )
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--boxes", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--masks", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, help="Where both write; a temporary folder where not given.")
    given = parser.parse_args()
    labelformat = programs.program("labelformat", "the package labelformat")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        labels = Path(folder) / "labels.json"
        # A process counts the memory of the one that it was made from.
        writer = multiprocessing.get_context("spawn").Process(
            target=write_labels, args=(labels, given.images, given.boxes)
        )
        writer.start()
        writer.join()
        compare(labelformat, labels, Path(folder), given.rounds)
    print(f"masks that differ from pycocotools: {differing(given.masks)} of {given.masks:,}")


if __name__ == "__main__":
    main()
