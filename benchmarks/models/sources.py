"""What a model's input costs from rgb and from yuv: ``python -m benchmarks.models.sources [--rounds 3]``.

CPU milliseconds a frame of 1080p h264, decoding and pre-processing to (3, 640, 640) float32, in processes of
their own; their start is taken off with a video of two frames.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

from benchmarks.media.speed import encode
from lightly_assets.media import open_video
from lightly_assets.media.fit import Fit
from lightly_assets.models.layouts.yolo import Yolo
from lightly_assets.models.pixels.preprocessor import Preprocessor


def prepare(video: Path, source: str) -> None:
    """All frames as input, in batches of eight."""
    settings = {"source": source} if source == "yuv" else {}
    preprocessor = Preprocessor(Yolo.defaults.model_copy(update=settings))
    shrinking = preprocessor.shrinking
    with open_video(video, fit=None if shrinking is None else Fit(*shrinking)) as stream:
        while some := list(islice(stream, 8)):
            preprocessor([one.image for one in some], [(one.width, one.height) for one in some])


def milliseconds(video: Path, source: str) -> float:
    """CPU of a process and of those that it started."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.models.sources", "--part", video, source])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("a part failed")
    return 1000 * (used.ru_utime + used.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        prepare(Path(options.part[0]), options.part[1])
        return
    with tempfile.TemporaryDirectory() as name:
        long, short = (
            encode(Path(name) / f"{count}.mp4", "libx264", (1920, 1080), count, "veryfast")
            for count in (options.frames, 2)
        )

        def a_frame(source: str) -> float:
            return (milliseconds(long, source) - milliseconds(short, source)) / (options.frames - 2)

        rounds = [(a_frame("rgb"), a_frame("yuv")) for _ in range(options.rounds)]
    whole, small = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(after / before for before, after in rounds)
    print(f"source: rgb {whole:.1f} ms of CPU a frame, source: yuv {small:.1f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
