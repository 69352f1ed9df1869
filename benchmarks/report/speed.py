"""A report of many prediction files beside ``check`` of them: ``python -m benchmarks.report.speed``.

Both read the same folder, in turn, with as many processes as there are cores; seconds on the clock, and the
memory that this process and its children took at most.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson

from lightly_assets.checker.check import check
from lightly_assets.cores import cores
from lightly_assets.report.gather import Request, gather
from lightly_assets.report.page import page

MEMORY = Path("/dev/shm")  # a folder that is no disk, where there is one
VIDEO_FRAMES = 1000


def write_folder(root: Path, files: int, boxes: int) -> None:
    """Videos of a thousand frames each."""
    random = np.random.default_rng(0)
    folder = root / ".lightly/predictions"
    (folder / "boxes").mkdir(parents=True)
    (folder / "tasks.json").write_bytes(orjson.dumps(["boxes"]))
    names = [{"id": one, "name": f"class {one}"} for one in range(10)]
    (folder / "boxes/schema.json").write_bytes(
        orjson.dumps({"task_type": "object-detection", "categories": names})
    )
    for number in range(files):
        video, index = divmod(number, VIDEO_FRAMES)
        corners = (random.random((boxes, 2)) * 500).round(1).tolist()
        found = [
            {"category_id": int(category), "bbox": [*corner, 40.0, 30.0], "score": score}
            for category, corner, score in zip(
                random.integers(0, 10, boxes), corners, random.random(boxes).round(3).tolist(), strict=True
            )
        ]
        stem = f"v{video:04}-{index:04}-mp4"
        data = {"file_name": f"{stem}.png", "predictions": found}
        (folder / "boxes" / f"{stem}.json").write_bytes(orjson.dumps(data))


def main() -> None:
    """Prints both, and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--boxes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    place = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        write_folder(Path(folder), options.files, options.boxes)
        print(f"{options.files:,} files of {options.boxes} boxes, {cores()} processes")
        for _ in range(options.rounds):
            start = time.perf_counter()
            check(folder, processes=cores())
            middle = time.perf_counter()
            made = page(gather(Request(folder)))
            end = time.perf_counter()
            ratio = (end - middle) / (middle - start)
            print(
                f"check {middle - start:.1f} s, report {end - middle:.1f} s, {ratio:.2f}×, "
                f"page {len(made) / 1e6:.1f} MB"
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"at most {peak:.0f} MB in this process")


if __name__ == "__main__":
    main()
