"""What is done with what a model said, against the model itself: the demo's models on the demo's footage.

    python -m benchmarks.models.encode [--repeats 5]

First: encoding stored predictions again with a new threshold (from the stored table to the table of what will
be written), against predicting again (decoding and the model). Second: instance masks of 1080p frames, 20 a
frame, of the demo's segmenter: the share of what comes after the model in the CPU time of the whole chain.
CPU time of all threads and of the decoding process, medians.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import yaml

from benchmarks.demo.pictures import Task, load_tasks
from lightly_assets.demo import write_demo
from lightly_assets.demo.input import CLIPS
from lightly_assets.encoding.encode import TaskSettings, encode_batch
from lightly_assets.encoding.json_bytes import singletons_bytes
from lightly_assets.format.schema import Schema
from lightly_assets.media import open_video
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.protocol import Source
from lightly_assets.models.results import Result
from lightly_assets.pipeline.state.tables import PredictionsWriter, Row, SingletonsWriter, read_predictions

BATCH, AT_ONCE = 8, 128
# As many frames as a minute of video has, so that opening and closing tables does not weigh.
STORED_FRAMES = 1800
MASKS, MASK_FRAMES = 20, 48
Frames = list[tuple[Source, np.ndarray[Any, Any]]]
Rows = list[tuple[Source, Result]]


def cpu() -> float:
    """Milliseconds of this process and of those that it has waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime)


def median(work: Callable[[], Any], repeats: int) -> float:
    """Milliseconds of CPU."""
    times = []
    for _ in range(repeats):
        start = cpu()
        work()
        times.append(cpu() - start)
    return statistics.median(times)


def decode(path: Path) -> Frames:
    with open_video(path) as stream:
        return [
            (Source(path.name, frame.index, frame.image.shape[1], frame.image.shape[0]), frame.image)
            for frame in stream
        ]


def predict(task: Task, frames: Frames) -> Rows:
    rows: Rows = []
    for start in range(0, len(frames), BATCH):
        sources, images = zip(*frames[start : start + BATCH], strict=True)
        rows += zip(sources, task.model.predict(np.stack(images), sources), strict=True)
    return rows


def store(task: Task, rows: Rows, path: Path) -> None:
    writer = PredictionsWriter(path, task.settings.schema.task_type)
    for source, result in rows:
        writer.add(source, result)
    writer.close()


def write(task: Task, rows: Any, path: Path) -> None:
    """Singletons of rows, as bytes, in a table."""
    writer = SingletonsWriter(path)
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        results = [result for _, result in some]
        sizes = [(source.width, source.height) for source, _ in some]
        for (source, _), one in zip(some, encode_batch(results, task.settings, sizes), strict=True):
            writer.add(Row(source, len(one.singletons), singletons_bytes(one.singletons)))
    writer.close()


def with_threshold(task: Task, threshold: float) -> Task:
    encode = task.settings.encode.model_copy(update={"score_threshold": threshold})
    return replace(task, settings=replace(task.settings, encode=encode))


def encoding_again(tasks: list[Task], folder: Path, repeats: int) -> None:
    videos = [folder / "input" / clip.key for clip in CLIPS if clip.frames > 1]
    frames = [frame for video in videos for frame in decode(video)]
    decoding = median(lambda: [decode(video) for video in videos], repeats) / len(frames)
    print(f"decoding 640×360                      {decoding:6.2f} ms of CPU a frame\n")
    print("task                                 model  encode again   ratio   at least     aim")
    for task in tasks:
        again = with_threshold(task, 0.5)
        model = median(lambda task=task: predict(task, frames), 3) / len(frames)
        rows = predict(task, frames)
        path = folder / "stored.parquet"
        store(task, (rows * (STORED_FRAMES // len(rows) + 1))[:STORED_FRAMES], path)

        def read_and_write(task: Task = again, path: Path = path) -> None:
            write(task, read_predictions(path, task.settings.schema.task_type), folder / "written.parquet")

        encoding = median(read_and_write, repeats) / STORED_FRAMES
        target = "       20×     50×" if task.settings.schema.task_type == "object-detection" else ""
        ratio = (decoding + model) / encoding
        print(f"{task.name:33}{model:6.2f} ms{encoding:9.3f} ms{ratio:8.0f}×{target}")


def large_video(source: Path, target: Path) -> None:
    """The first frames of a video, three times as wide and high: 1080p."""
    frames = islice(decode(source), MASK_FRAMES)
    with av.open(target, "w") as container:
        stream: Any = container.add_stream("libx264", rate=20, options={"preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        for number, (_, image) in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(1920, 1080)
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def segmenter(project: Path) -> Task:
    """The demo's, which writes the 20 likeliest objects of a frame whatever their score."""
    one = next(
        one
        for one in yaml.safe_load(project.read_text())["tasks"]
        if one["task_type"] == "instance-segmentation"
    )
    config = parse_model(
        one["model"] | {"score_threshold": 0.001, "max_detections": MASKS, "max_masks": MASKS}
    )
    schema = Schema.parse({"task_type": one["task_type"], "categories": one["categories"]})
    model = load_model(
        config, task_type=schema.task_type, categories=schema.categories, base_dir=project.parent
    )
    return Task(one["name"], model, TaskSettings(schema, encode_settings(config, schema.task_type)))


def masks(project: Path, folder: Path, repeats: int) -> None:
    video = folder / "large.mp4"
    large_video(folder / "input" / CLIPS[0].key, video)
    task = segmenter(project)
    frames = decode(video)
    rows = predict(task, frames)
    parts = {
        "decode": median(lambda: decode(video), repeats),
        "model, with its masks": median(lambda: predict(task, frames), repeats),
        "store": median(lambda: store(task, rows, folder / "masks.parquet"), repeats),
        "encode and write": median(lambda: write(task, rows, folder / "written.parquet"), repeats),
    }
    total = sum(parts.values())
    written = np.mean([len(result.scores) for _, result in rows])  # type: ignore[union-attr]
    print(f"\n1080p, {written:.1f} masks a frame       ms of CPU a frame   share   at least     aim")
    for name, value in parts.items():
        print(f"{name:38}{value / len(frames):13.2f}{value / total:8.1%}")
    share = (parts["store"] + parts["encode and write"]) / total
    print(f"{'store, encode and write':51}{share:8.1%}     ≤ 10 %   ≤ 5 %")


def main() -> None:
    parser = argparse.ArgumentParser(description="Encoding against the model.")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = write_demo(folder)
        encoding_again(load_tasks(project), folder, repeats)
        masks(project, folder, repeats)
    print(f"\n{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
