"""A whole run with a YOLO11n against ultralytics' own ``predict(stream=True)`` on the same video.

``python -m benchmarks.pipeline.against_ultralytics --ultralytics PYTHON [--frames 200] [--rounds 1]``

PYTHON is the interpreter of an environment with ultralytics and what it exports with: ``python -m venv E``,
``E/bin/pip install torch torchvision ultralytics onnx onnxslim onnxruntime``. The weights are random, as
nothing is downloaded. Both sides start from nothing; ultralytics gets the better of its own format and ONNX,
and of batches of 1 and 8.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import yaml

from benchmarks.media.speed import encode
from benchmarks.pipeline.processes import head, row, run_anew, took

MAKE = """
import sys
import torch
from ultralytics import YOLO

torch.manual_seed(0)
made = YOLO("yolo11n.yaml")
made.save("yolo11n.pt")
made.export(format="onnx", dynamic=True, imgsz=640)
"""
THEIRS = """
import sys
from ultralytics import YOLO

weights, video, batch = sys.argv[1:]
model = YOLO(weights, task="detect")
found = model.predict(video, stream=True, imgsz=640, batch=int(batch), verbose=False, device="cpu")
print(sum(1 for one in found))
"""


def project(folder: Path, frames: int) -> Path:
    """A project with one video and the model of the folder."""
    made = folder / "project"
    (made / "input").mkdir(parents=True)
    encode(made / "input" / "street.mp4", "libx264", (1920, 1080), frames, "veryfast")
    task = {
        "name": "objects",
        "task_type": "object-detection",
        "categories": [{"id": one, "name": f"class {one}"} for one in range(80)],
        "model": {"kind": "onnx", "path": str(folder / "yolo11n.onnx"), "layout": "yolo"},
    }
    roots = {"input": "input", "lightly": "lightly", "state": "state"}
    (made / "lightly.yaml").write_text(yaml.safe_dump({"datasource": roots, "tasks": [task]}))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--ultralytics", required=True, help="interpreter of an environment with ultralytics")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    took([options.ultralytics, "-c", "import ultralytics, onnx"], YOLO_OFFLINE="1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        offline = {"YOLO_OFFLINE": "1", "YOLO_CONFIG_DIR": name}
        took(["env", "-C", name, options.ultralytics, "-c", MAKE], **offline)
        made = project(folder, options.frames)
        video = str(made / "input" / "street.mp4")
        ratios, busy = [], []
        for _ in range(options.rounds):
            theirs = {}
            for weights in ("yolo11n.pt", "yolo11n.onnx"):
                for batch in (1, 8):
                    command = [options.ultralytics, "-c", THEIRS, str(folder / weights), video, str(batch)]
                    taken, out, _ = took(command, **offline)
                    assert out.split()[-1] == str(options.frames), out
                    theirs[f"ultralytics, {weights}, batch {batch}"] = taken
            ours = run_anew(made, watched=True)
            for text, taken in [*theirs.items(), ("lightly-assets run", ours)]:
                print(f"{text:46}{taken.wall:7.1f} s{taken.cpu:8.1f} s of CPU")
            ratios.append(ours.wall / min(taken.wall for taken in theirs.values()))
            busy.append(ours.busy or 0.0)
    head()
    row(
        "whole run, YOLO11n at 640, 1080p: wall / ultralytics' best",
        statistics.median(ratios),
        "0.85",
        "0.75",
    )
    row("the same: CPU / (wall x cores), first frame to last file", statistics.median(busy), "0.90", "0.95")


if __name__ == "__main__":
    main()
