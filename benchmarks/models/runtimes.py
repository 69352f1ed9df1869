"""What each runtime costs besides its own time, for 1080p frames: ``python -m benchmarks.models.runtimes``.

Frames a second as they pass (batches of 8, one thread for the model), and milliseconds of CPU an image: the
runtime's own, and ours before it (pre-processing), after it (reading its outputs into what is stored) and
around it (stacking images, checking results). Runtimes that need PyTorch are measured where it is; so is
YOLO11 with random weights in three runtimes.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.models.encode import Frames, decode, large_video
from lightly_assets.demo import write_demo
from lightly_assets.demo.input import CLIPS
from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.columns import pack
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import Model

BATCH, ROUNDS = 8, 5
PIXELS = {"resize": "letterbox", "size": [192, 320], "mean": [0, 0, 0], "std": [1, 1, 1]}
PYTHON = """
def predict(images):
    return [[{"category_id": 0, "bbox": [10, 20, 30, 40], "score": 0.5}] * 20 for _ in images]
"""


class Clock:
    """Milliseconds of CPU spent in parts of a model."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def watch(self, part: str, owner: Any, name: str) -> None:
        work: Callable[..., Any] = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return work(*given, **named)
            finally:
                self.spent[part] += 1000 * (time.process_time() - start)

        setattr(owner, name, timed)


def watched(model: Model) -> Clock:
    """The clock of a model, whichever runtime it is of."""
    clock, runtime = Clock(), model.runtime  # type: ignore[attr-defined]
    for owner, name in ((runtime, "_call"), (runtime, "_program"), (runtime, "_singletons")):
        if hasattr(owner, name):
            clock.watch("own", owner, name)
    for attribute, name in (("session", "run"), ("_model", "predict")):
        if hasattr(runtime, attribute):
            clock.watch("own", getattr(runtime, attribute), name)
    if hasattr(runtime, "reader"):
        clock.watch("before", runtime.reader, "_preprocessor")
        clock.watch("after", runtime.reader._layout, "results")
    return clock


def measure(name: str, model: Model, frames: Frames) -> None:
    clock = watched(model)
    packing = SimpleNamespace(pack=pack)
    clock.watch("after", packing, "pack")
    walls, totals = [], []
    for number in range(ROUNDS + 1):
        wall, start = time.perf_counter(), time.process_time()
        for first in range(0, len(frames), BATCH):
            sources, images = zip(*frames[first : first + BATCH], strict=True)
            for one in model.predict(list(images), sources):
                packing.pack(one)
        if number == 0:  # the first round warms up
            clock.spent.clear()
            continue
        walls.append(time.perf_counter() - wall)
        totals.append(1000 * (time.process_time() - start))
    images = len(frames)
    total = sum(totals) / ROUNDS / images
    own, before, after = (clock.spent[part] / ROUNDS / images for part in ("own", "before", "after"))
    rate = images / statistics.median(walls)
    around = total - own - before - after
    print(f"{name:36}{rate:9.0f}{own:10.2f}{before:9.2f}{after:9.2f}{around:9.2f}")


def load(folder: Path, task_type: str, classes: int, **settings: Any) -> Model:
    categories = [Category(id=number, name=f"c{number}") for number in range(classes)]
    if settings["kind"] not in ("coco", "lightly"):
        settings["batch_size"] = BATCH
    return load_model(parse_model(settings), task_type=task_type, categories=categories, base_dir=folder)


def everywhere(folder: Path, frames: Frames) -> None:
    """Runtimes that every installation has."""
    (folder / "twenty_boxes.py").write_text(PYTHON)
    measure(
        "python, 20 ready boxes",
        load(folder, "object-detection", 1, kind="python", call="twenty_boxes:predict"),
        frames,
    )
    demo = (
        ("objects", "object-detection", 2, "yolo"),
        ("people", "keypoint-detection", 1, "yolo"),
        ("instances", "instance-segmentation", 2, "yolo"),
        ("semantic", "semantic-segmentation", 6, "logits"),
        ("weather", "classification", 3, "logits"),
    )
    for name, task_type, classes, layout in demo:
        model = load(
            folder,
            task_type,
            classes,
            kind="onnx",
            path=f"models/{name}.onnx",
            layout=layout,
            threads=1,
            preprocess=PIXELS,
        )
        measure(f"onnx, the demo's {name}", model, frames)
    labels(folder, frames)


def labels(folder: Path, frames: Frames) -> None:
    """20 boxes a frame, from a COCO file and from a task's folder."""
    boxes = [{"category_id": 0, "bbox": [10 * number, 20, 30, 40], "score": 0.5} for number in range(20)]
    task = folder / "task"
    task.mkdir()
    images, annotations = [], []
    for source, _ in frames:
        stem = f"large-{source.index:02}-mp4"
        images.append({"id": source.index, "file_name": f"{stem}.png"})
        annotations += [one | {"image_id": source.index} for one in boxes]
        written = {"file_name": f"{stem}.png", "predictions": boxes}
        (task / f"{stem}.json").write_text(json.dumps(written))
    (folder / "coco.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    measure("coco, 20 boxes", load(folder, "object-detection", 1, kind="coco", path="coco.json"), frames)
    measure("lightly, 20 boxes", load(folder, "object-detection", 1, kind="lightly", path="task"), frames)


def with_torch(folder: Path, frames: Frames) -> None:
    """YOLO11n with random weights, as ONNX, as TorchScript and as ultralytics runs it; 640 pixels."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    torch.set_num_threads(1)
    made = YOLO("yolo11n.yaml")
    made.save(folder / "yolo11n.pt")
    network = made.model.eval()
    network.model[-1].export, network.model[-1].format = True, "torchscript"
    image = torch.zeros(1, 3, 640, 640)
    network(image)  # makes its anchors
    torch.jit.trace(network, image, strict=False, check_trace=False).save(str(folder / "yolo11n.torchscript"))
    torch.onnx.export(
        network,
        (image,),
        str(folder / "yolo11n.onnx"),
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
        dynamo=False,
    )
    common = {"layout": "yolo", "threads": 1}
    some = frames[:BATCH]
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("onnx, yolo11n", {"kind": "onnx", "path": "yolo11n.onnx", **common}),
        ("torch, yolo11n", {"kind": "torch", "path": "yolo11n.torchscript", **common}),
        (
            "ultralytics, yolo11n",
            {"kind": "ultralytics", "path": "yolo11n.pt", "imgsz": 640, "trusted": True},
        ),
    )
    for name, settings in kinds:
        measure(name, load(folder, "object-detection", 80, **settings), some)


def main() -> None:
    argparse.ArgumentParser(description="What each runtime costs besides its own time.").parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_demo(folder)
        large_video(folder / "input" / CLIPS[0].key, folder / "large.mp4")
        frames = decode(folder / "large.mp4")
        print("                                               milliseconds of CPU an image")
        print("runtime and model                    frames/s       own   before    after   around")
        everywhere(folder, frames)
        if find_spec("torch") is None or find_spec("ultralytics") is None:
            print("torch and ultralytics are not installed here, so they were not measured", file=sys.stderr)
            return
        with_torch(folder, frames)


if __name__ == "__main__":
    main()
