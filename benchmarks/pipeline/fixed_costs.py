"""What a run costs beside its model, against a version before.

``python -m benchmarks.pipeline.fixed_costs --before CHECKOUT [--rounds 3]``

CHECKOUT is a folder with another version of the package (``git worktree add``); both run with the packages of
this environment. CPU seconds of whole processes, with everything: one clip of two seconds in a new project,
and 460 frames of 1080p with an ONNX model of no cost at 640.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.media.speed import encode
from benchmarks.pipeline.processes import head, row, run_anew
from tests.models.onnx_files import constant_model

STUB = """
ANSWER = [{"category_id": 0, "bbox": [0, 10, 100, 30], "score": 0.8}]


def predict(images):
    return [ANSWER for _ in images]
"""


def project(folder: Path, model: dict[str, Any], size: tuple[int, int], frames: int) -> Path:
    """A project with one video and one task."""
    (folder / "input").mkdir(parents=True)
    encode(folder / "input" / "a.mp4", "libx264", size, frames, "veryfast")
    (folder / "stub.py").write_text(STUB)
    rows = np.zeros((1, 5, 8400), dtype=np.float32)
    rows[0, :, 0] = (320, 320, 100, 50, 0.9)
    constant_model(folder / "constant.onnx", rows, [640, 640])
    categories = [{"id": 0, "name": "thing"}]
    task = {"name": "stub", "task_type": "object-detection", "categories": categories, "model": model}
    roots = {"input": "input", "lightly": "lightly", "state": "state"}
    (folder / "lightly.yaml").write_text(yaml.safe_dump({"datasource": roots, "tasks": [task]}))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the version before")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=460)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = {"kind": "python", "call": "stub:predict"}
        onnx = {"kind": "onnx", "path": "constant.onnx", "layout": "yolo"}
        rows = (
            ("one 2-second clip, new project, CPU / before", python, (640, 360), 50, "0.70", "0.50"),
            (
                "ONNX of no cost at 640, 1080p, CPU / before",
                onnx,
                (1920, 1080),
                options.frames,
                "0.68",
                "0.55",
            ),
        )
        table = []
        for number, (text, model, size, frames, least, aim) in enumerate(rows):
            made = project(folder / f"{number}", model, size, frames)
            ratios = []
            for _ in range(options.rounds):
                before, now = run_anew(made, checkout=options.before), run_anew(made)
                print(
                    f"{text}: {now.cpu:.2f} s of {before.cpu:.2f} s (wall {now.wall:.2f}, {before.wall:.2f})"
                )
                ratios.append(now.cpu / before.cpu)
            table.append((text, statistics.median(ratios), least, aim))
    head()
    for one in table:
        row(*one)


if __name__ == "__main__":
    main()
