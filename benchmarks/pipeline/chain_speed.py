"""The whole chain against the decoder alone and against the documented script.

``python -m benchmarks.pipeline.chain_speed [--rounds 5] [--frames 1500]``.
All run one after the other in each round; the table shows medians of ratios within a round. The busy share
is that of a model that sleeps: whatever it does not sleep was spent waiting for us.
"""

import argparse
import compileall
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import yaml

import lightly_assets
from benchmarks import programs
from benchmarks.media.speed import encode
from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session

MODEL = """
import time

SLEEP = {sleep}
ANSWER = [{{"category_id": 0, "bbox": [0, 10, 100, 30], "score": 0.8}}]


def predict(images):
    if SLEEP:
        time.sleep(SLEEP)
    return [ANSWER for _ in images]
"""


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def decode_alone(ffmpeg: str, video: Path) -> None:
    command = [ffmpeg, "-v", "error", "-nostdin", "-threads", "0", "-i", str(video), "-f", "null", "-"]
    subprocess.run(command, check=True)


PAGE_SCRIPT = """
import json, sys, time
from pathlib import Path
import av

start = time.perf_counter()
dataset_dir, predictions_dir = Path(sys.argv[1]), Path(sys.argv[2])
for video_path in dataset_dir.glob("**/*.mp4"):
    predictions = []
    with av.open(str(video_path)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            frame.to_image()
            predictions.append([{"category_id": 0, "bbox": [0, 10, 100, 30], "score": 0.8}])
    zero_padding = len(str(len(predictions)))
    for index, found in enumerate(predictions):
        video_name = video_path.relative_to(dataset_dir).with_suffix("")
        frame_name = Path(f"{video_name}-{index:0{zero_padding}}-{video_path.suffix[1:]}.png")
        out_path = predictions_dir / frame_name.with_suffix(".json")
        out_path.parent.mkdir(parents=True, exist_ok=True)
        with open(out_path, "w") as file:
            json.dump({"file_name": str(frame_name), "predictions": found}, file)
print(time.perf_counter() - start)
"""


def documented_script(dataset: Path, predictions: Path) -> float:
    """Seconds of the specification's example for videos, as its users run it, without the script's start."""
    command = [sys.executable, "-c", PAGE_SCRIPT, str(dataset), str(predictions)]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


def write_project(folder: Path, sleep: float, batch_size: int) -> Path:
    (folder / "stub.py").write_text(MODEL.format(sleep=sleep))
    model = {"kind": "python", "call": "stub:predict", "batch_size": batch_size}
    categories = [{"id": 0, "name": "thing"}]
    task = {"name": "stub", "task_type": "object-detection", "categories": categories, "model": model}
    roots = {"input": "input", "lightly": "lightly", "state": "state"}
    config = folder / "lightly.yaml"
    config.write_text(yaml.safe_dump({"datasource": roots, "tasks": [task]}))
    return config


def chain(config: Path) -> None:
    """Everything from nothing.

    Earlier results are put aside, not deleted: file systems are slow to reuse what was just deleted.
    """
    aside = config.parent / f"aside-{time.monotonic_ns()}"
    aside.mkdir()
    for name in ("lightly", "state"):
        with suppress(FileNotFoundError):
            (config.parent / name).rename(aside / name)
    with Session(load_project(config)) as session:
        for outcome in session.run(session.plan()):
            if outcome.problems():
                raise SystemExit(str(outcome.problems()))
        session.finish()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=1500)
    options = parser.parse_args()
    ffmpeg = programs.ffmpeg()
    compileall.compile_dir(str(Path(lightly_assets.__file__).parent), quiet=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "input").mkdir()
        video = folder / "input" / "street.mp4"
        encode(video, "libx264", (1920, 1080), options.frames, "veryfast")
        config = write_project(folder, 0.0, 8)
        chain(config)
        against_decoder, against_script, rates = [], [], []
        for _ in range(options.rounds):
            alone = options.frames / seconds(lambda: decode_alone(ffmpeg, video))
            ours = options.frames / seconds(lambda: chain(config))
            script = options.frames / documented_script(folder / "input", folder / "script")
            against_decoder.append(ours / alone)
            against_script.append(ours / script)
            rates.append((alone, ours, script))
        # As slow as a model that is clearly the slowest part: 60 ms an image.
        taken = seconds(partial(chain, write_project(folder, 0.48, 8)))
        busy = 0.48 * -(-options.frames // 8) / taken
    alone, ours, script = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"frames/s: ffmpeg -f null {alone:.0f}, chain {ours:.0f}, documented script {script:.0f}")
    print(f"{'':52}{'measured':>9}{'at least':>9}{'aim':>6}")
    for text, value, least, aim in (
        ("chain with a 0 ms stub, 1080p, / ffmpeg -f null", statistics.median(against_decoder), 0.83, 0.90),
        ("the same / the documented script", statistics.median(against_script), 4.4, 5.2),
        ("busy share of a model that is the slowest part", busy, 0.95, 0.98),
    ):
        print(f"{text:52}{value:9.2f}{least:9.2f}{aim:6.2f}")


if __name__ == "__main__":
    main()
