"""What results cost after the model has spoken, for 1080p frames, against decoding and pre-processing them.

    python -m benchmarks.models_encode [--frames 60]

Prints milliseconds of one core per frame (medians), then the ratios that count: the share of masks in the CPU
of a chain whose model costs nothing, and encoding again against decoding and pre-processing again.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from lightly_assets.format.schema import Schema
from lightly_assets.models.columns import from_batch, to_batch
from lightly_assets.models.config import EncodeSettings
from lightly_assets.models.layouts.masks import prototype_masks
from lightly_assets.models.preprocess import Preprocess, Preprocessor
from lightly_assets.models.protocol import Source
from lightly_assets.models.results import Detections
from lightly_assets.pipeline.encode import TaskSettings, encode

WIDTH, HEIGHT, OBJECTS, CANDIDATES, CLASSES = 1920, 1080, 20, 100, 3


def milliseconds(work: Callable[[], Any], repeats: int = 15) -> float:
    """The median time on the CPU, all threads together."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1e3)
    return statistics.median(times)


def video(path: Path, frames: int) -> Path:
    """Blocks that move."""
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 256, (40, 70, 3)), np.ones((30, 30, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            picture = np.ascontiguousarray(scene[:HEIGHT, index : index + WIDTH])
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def decode(path: Path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return sum(frame.to_ndarray(format="rgb24") is not None for frame in container.decode(stream))


def boxes(count: int, rng: np.random.Generator) -> Any:
    centres = rng.uniform([100, 100], [WIDTH - 100, HEIGHT - 100], (count, 2))
    half = rng.uniform(30, 150, (count, 2))
    return np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)


def schema(task_type: str) -> Schema:
    categories = [{"id": number, "name": f"c{number}"} for number in range(CLASSES)]
    return Schema.parse({"task_type": task_type, "categories": categories})


def scores(count: int, rng: np.random.Generator) -> Any:
    return rng.uniform(0.05, 1, count).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=60)
    frames = parser.parse_args().frames
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = video(Path(folder) / "v.mp4", frames)
        decoding = milliseconds(lambda: decode(path), 5) / frames
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    prepare = Preprocessor(Preprocess(resize="letterbox", size=(640, 640)))
    preparing = milliseconds(lambda: prepare([image]))

    view = prepare.view(WIDTH, HEIGHT)
    y, x = np.mgrid[0:160, 0:160]
    prototypes = np.stack([np.sin(x / (4 + k)) * np.cos(y / (3 + k)) for k in range(32)]).astype(np.float32)
    weights = rng.normal(size=(OBJECTS, 32)).astype(np.float32)
    where = boxes(OBJECTS, rng)
    reading = milliseconds(lambda: prototype_masks(weights, prototypes, where, view))
    masks = prototype_masks(weights, prototypes, where, view)
    found = Detections(where, scores(OBJECTS, rng), rng.integers(0, CLASSES, OBJECTS), masks=masks)
    rows = [(Source("v.mp4", index, WIDTH, HEIGHT), found) for index in range(16)]
    task = TaskSettings(schema("instance-segmentation"), EncodeSettings(score_threshold=0.05))
    storing = milliseconds(lambda: to_batch(rows, "instance-segmentation")) / len(rows)
    writing = milliseconds(lambda: json.dumps(encode(found, task, WIDTH, HEIGHT).singletons))
    mask_cost = reading + storing + writing

    shares = rng.dirichlet(np.ones(CLASSES), CANDIDATES).astype(np.float32)
    ids = rng.integers(0, CLASSES, CANDIDATES)
    candidates = Detections(boxes(CANDIDATES, rng), scores(CANDIDATES, rng), ids, shares)
    batch = to_batch([(source, candidates) for source, _ in rows], "object-detection")
    boxes_task = TaskSettings(schema("object-detection"), EncodeSettings(score_threshold=0.5, nms_iou=0.7))

    def again() -> None:
        for _, result in from_batch(batch, "object-detection"):
            json.dumps(encode(result, boxes_task, WIDTH, HEIGHT).singletons)

    reencoding = milliseconds(again) / len(rows)
    chain = decoding + preparing + mask_cost
    print(f"decode                      {decoding:7.2f} ms")
    print(f"pre-process to 640×640      {preparing:7.2f} ms")
    print(f"{OBJECTS} masks: read            {reading:7.2f} ms")
    print(f"{OBJECTS} masks: store           {storing:7.2f} ms")
    print(f"{OBJECTS} masks: write           {writing:7.2f} ms")
    print(f"{CANDIDATES} candidates: re-encode  {reencoding:7.2f} ms\n")
    print("                                              measured  at least       aim")
    print(
        f"masks: store and write, share of CPU       {(storing + writing) / chain:11.1%}     ≤ 10 %     ≤ 5 %"
    )
    print(f"masks: read, store and write, share of CPU {mask_cost / chain:11.1%}")
    ratio = (decoding + preparing) / reencoding
    print(f"re-encode against decode and pre-process   {ratio:10.0f}×       20×       50×")


if __name__ == "__main__":
    main()
