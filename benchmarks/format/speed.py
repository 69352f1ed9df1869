"""How fast the format is, beside what was asked for: ``python -m benchmarks.format.speed [--files N]``.

Every ratio is measured in one run, the two sides in turn, as the median of the pairs.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lightly_assets.checker.check import check
from lightly_assets.encoding.json_bytes import prediction_bytes
from lightly_assets.format.rle import encode
from lightly_assets.format.segmentation import convert_to_lightly_predictions
from lightly_assets.format.singletons import detection_singletons
from lightly_assets.storage import open_store
from tests.format import page as format_page

MEMORY = Path("/dev/shm")  # a folder that is no disk, where there is one
Row = tuple[str, float, str, str, str]


def compare(
    ours: Callable[[], Any], other: Callable[[], Any], pairs: int, calls: int = 1
) -> tuple[float, float]:
    """How many times faster ours is, and our milliseconds: medians of runs in turn, of some calls each."""
    ratios, times = [], []
    for _ in range(pairs):
        start = time.perf_counter()
        for _ in range(calls):
            ours()
        middle = time.perf_counter()
        for _ in range(calls):
            other()
        times.append((middle - start) / calls)
        ratios.append((time.perf_counter() - middle) / (middle - start))
    return statistics.median(ratios), 1000 * statistics.median(times)


def blobs(height: int, width: int) -> NDArray[np.uint8]:
    """Ellipses with wavy outlines, a third of the image."""
    random = np.random.default_rng(0)
    mask = np.zeros((height, width), np.uint8)
    y, x = np.ogrid[:height, :width]
    for _ in range(12):
        centre_y, centre_x = random.random(2) * (height, width)
        radius_y, radius_x = random.random(2) * (height, width) / 6 + 10
        distance = ((y - centre_y) / radius_y) ** 2 + ((x - centre_x) / radius_x) ** 2
        mask |= (distance + 0.3 * np.sin(x / 17) * np.cos(y / 13) < 1).astype(np.uint8)
    return mask


def encoding() -> Iterator[Row]:
    for height, width in ((1080, 1920), (2160, 3840)):
        noise = (np.random.default_rng(1).random((height, width)) < 0.5).astype(np.uint8)
        for name, mask, least, aim in (("blobs", blobs(height, width), 11, 20), ("noise", noise, 2, 4)):
            for dtype in (np.uint8, np.bool_):
                typed = mask.astype(dtype)
                assert encode(typed) == format_page.encode(typed)
                ratio, ms = compare(lambda m=typed: encode(m), lambda m=typed: format_page.encode(m), 7, 5)
                yield (
                    f"encode {name} {width}×{height} {typed.dtype}",
                    ratio,
                    f"{ms:.2f} ms",
                    f"{least}",
                    f"{aim}",
                )


def scores(categories: int, height: int = 1080, width: int = 1920, cell: int = 120) -> NDArray[np.float32]:
    """(1, C, H, W) smooth softmax scores with a little noise, as a network gives them."""
    random = np.random.default_rng(0)
    ys, xs = (
        np.linspace(0, height / cell, height, dtype=np.float32),
        np.linspace(0, width / cell, width, dtype=np.float32),
    )
    rows, columns = ys.astype(int), xs.astype(int)
    down, right = (ys - rows)[:, None], (xs - columns)[None]
    volume = np.empty((1, categories, height, width), np.float32)
    for category in range(categories):
        grid = random.standard_normal((height // cell + 3, width // cell + 3)).astype(np.float32) * 2
        top = grid[rows][:, columns] * (1 - right) + grid[rows][:, columns + 1] * right
        bottom = grid[rows + 1][:, columns] * (1 - right) + grid[rows + 1][:, columns + 1] * right
        noise = random.standard_normal((height, width), dtype=np.float32) * 0.02
        volume[0, category] = top * (1 - down) + bottom * down + noise
    np.exp(volume, out=volume)
    volume /= volume.sum(axis=1, keepdims=True)
    return volume


def converting() -> Iterator[Row]:
    for categories, least, aim, pairs in ((2, 4.5, 8, 7), (19, 6, 12, 5), (150, 13, 25, 3)):
        volume = scores(categories)
        (ours,) = convert_to_lightly_predictions(volume)
        assert ours == format_page.convert_to_lightly_predictions(volume)
        ratio, ms = compare(
            lambda v=volume: convert_to_lightly_predictions(v),
            lambda v=volume: format_page.convert_to_lightly_predictions(v),
            pairs,
        )
        yield (
            f"convert_to_lightly_predictions 1080p C={categories}",
            ratio,
            f"{ms:.0f} ms",
            f"{least}",
            f"{aim}",
        )


def detections(seed: int) -> list[dict[str, Any]]:
    """20 boxes with scores and the probabilities of three classes, about 3 kB of JSON."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(3), 20).astype(np.float32)
    boxes = (random.random((20, 4)) * [900, 500, 100, 100] + [0, 0, 1, 1]).round(2)
    return detection_singletons(
        boxes, random.random(20).round(4), probabilities.argmax(axis=1), probabilities, categories=(0, 1, 2)
    )


def writing(folder: Path, count: int = 500, rounds: int = 16) -> Iterator[Row]:
    """New files in new folders, as a first run publishes them; in turn, so that all meet the same disk."""
    frames = [(f"v-{index:05d}-mp4", detections(index)) for index in range(count)]
    contents = [(f"{stem}.json", prediction_bytes(f"{stem}.png", one)) for stem, one in frames]

    def ours(folder: Path) -> None:
        files = ((f"{stem}.json", prediction_bytes(f"{stem}.png", one)) for stem, one in frames)
        open_store(folder).write_many(files)

    def ready(folder: Path) -> None:
        open_store(folder).write_many(contents)

    def page(folder: Path) -> None:
        for stem, one in frames:
            with (folder / f"{stem}.json").open("w") as file:
                json.dump({"file_name": f"{stem}.png", "predictions": one}, file)

    def raw(folder: Path) -> None:
        for name, data in contents:
            path = f"{folder}/{name}"
            descriptor = os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.write(descriptor, data)
            os.close(descriptor)
            os.rename(f"{path}.tmp", path)  # noqa: PTH104

    sides = [ours, ready, page, raw]
    seconds: dict[str, list[float]] = {side.__name__: [] for side in sides}
    for number in range(rounds):
        # The disk still writes what the side before has left to it, so no side always follows the same one.
        for side in random.Random(number).sample(sides, len(sides)):
            place = folder / f"{side.__name__}{number}"
            place.mkdir()
            start = time.perf_counter()
            side(place)
            seconds[side.__name__].append(time.perf_counter() - start)
    written = (folder / "ours0/v-00007-mp4.json").read_bytes()
    assert written == (folder / "page0/v-00007-mp4.json").read_bytes()

    def ratio(numerator: str, denominator: str) -> float:
        pairs = zip(seconds[numerator], seconds[denominator], strict=True)
        return statistics.median(above / below for above, below in pairs)

    rate = f"{count / statistics.median(seconds['ours']):,.0f} files/s"
    where = "in memory" if folder.is_relative_to(MEMORY) else "on disk"
    yield f"write files of 20 boxes {where}, against json.dump", ratio("page", "ours"), rate, "6", "raw"
    yield f"raw limit {where}: open, write, rename of ready bytes, likewise", ratio("page", "raw"), "", "", ""
    yield f"write files {where}, against the raw limit", ratio("raw", "ours"), "", "", "0.95"
    yield f"write ready bytes {where}, against the raw limit", ratio("raw", "ready"), "", "", "0.95"


def parse_files(paths: Sequence[str]) -> None:
    """The bare loop that a check is compared with."""
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123
            orjson.loads(file.read())


def checking(folder: Path, count: int) -> Iterator[Row]:
    predictions = folder / ".lightly/predictions"
    task = predictions / "people"
    task.mkdir(parents=True)
    (predictions / "tasks.json").write_text('["people"]')
    categories = [{"id": index, "name": f"class {index}"} for index in range(3)]
    (task / "schema.json").write_text(json.dumps({"task_type": "object-detection", "categories": categories}))
    samples = [detections(seed) for seed in range(100)]
    for index in range(count):
        name = f"{index // 1000:03d}/{index:06d}"
        if index % 1000 == 0:
            (task / f"{index // 1000:03d}").mkdir()
        (task / f"{name}.json").write_bytes(prediction_bytes(f"{name}.png", samples[index % 100]))

    def bare() -> None:
        for path in sorted(task.rglob("*.json")):
            with path.open("rb") as file:
                orjson.loads(file.read())

    def listed_by_two() -> None:
        with ProcessPoolExecutor(2, get_context("fork")) as pool:
            list(pool.map(parse_files, (paths[::2], paths[1::2])))

    paths = sorted(str(path) for path in task.rglob("*.json"))
    report = check(folder)
    assert report.ok and report.files == count, report.to_text()
    rate = "{:,.0f} files/s".format
    ratio, ms = compare(lambda: check(folder), lambda: parse_files(paths), 3)
    yield (
        f"check {count:,} files, against a loop over known paths",
        ratio,
        rate(1000 * count / ms),
        "0.5",
        "0.8",
    )
    ratio, _ = compare(lambda: check(folder), bare, 3)
    yield f"check {count:,} files, against a loop that lists them too", ratio, "", "0.5", "0.8"
    ratio, ms = compare(lambda: check(folder, processes=2), listed_by_two, 3)
    yield (
        "the same in two processes, against a loop in two processes",
        ratio,
        rate(1000 * count / ms),
        "0.5",
        "0.8",
    )
    ratio, _ = compare(lambda: check(folder, processes=2), lambda: check(folder), 3)
    yield "check in two processes, against check in one", ratio, "", "", "2 on idle cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000, help="how many files are checked")
    parser.add_argument("--only", help="only the rows of this group: encode, convert, write or check")
    options = parser.parse_args()
    with ExitStack() as stack:

        def new_folder(parent: Path | None = None) -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent)))

        places = [None, MEMORY] if MEMORY.is_dir() else [None]
        groups = {
            "encode": encoding,
            "convert": converting,
            "write": lambda: chain.from_iterable(writing(new_folder(place)) for place in places),
            "check": lambda: checking(new_folder(), options.files),
        }
        print(f"{'what':62} {'ratio':>7}  {'ours':>16}  {'at least':>8}  aim")
        for group, rows in groups.items():
            for what, ratio, ours, least, aim in rows() if options.only in (None, group) else ():
                print(f"{what:62} {ratio:6.2f}×  {ours:>16}  {least:>8}  {aim}", flush=True)


if __name__ == "__main__":
    main()
