"""Decoding and pre-processing against ffmpeg's scaler: ``python -m benchmarks.pipeline.pixels [--rounds 3]``.

1080p h264 to (3, 640, 640) float32 with OpenCV's exact linear kernel, in batches of 2, CPU seconds; ffmpeg
scales to (3, 360, 640) uint8 and leaves out the rest. Both are whole processes.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from benchmarks.media.speed import encode
from benchmarks.pipeline.processes import head, row, took

OURS = """
import sys
from lightly_assets.media import open_video
from lightly_assets.models.pixels.preprocessor import Preprocessor
from lightly_assets.models.preprocess import Preprocess

ready = Preprocessor(Preprocess(resize="letterbox", size=640, interpolation="linear"))
some, count = [], 0
with open_video(sys.argv[1]) as frames:
    for frame in frames:
        some.append(frame.image)
        if len(some) == 2:
            batch, _ = ready(some)
            count += len(batch)
            some = []
assert batch.shape == (2, 3, 640, 640) and str(batch.dtype) == "float32"
print(count)
"""
NOTHING = OURS.split("some, count")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        video = str(encode(Path(name) / "v.mp4", "libx264", (1920, 1080), options.frames, "veryfast"))
        ratios, with_start, ours_ms, theirs_ms = [], [], [], []
        for _ in range(options.rounds):
            start = took([sys.executable, "-c", NOTHING])[0].cpu
            taken, out, _ = took([sys.executable, "-c", OURS, video])
            assert int(out) == options.frames
            command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", video]
            theirs = took([*command, "-vf", "scale=640:360,format=gbrp", "-f", "null", "-"])[0].cpu
            with_start.append(taken.cpu / theirs)
            ratios.append((taken.cpu - start) / theirs)
            ours_ms.append(1000 * (taken.cpu - start) / options.frames)
            theirs_ms.append(1000 * theirs / options.frames)
    print(
        f"CPU a frame: ours {statistics.median(ours_ms):.2f} ms, ffmpeg {statistics.median(theirs_ms):.2f} ms"
    )
    head()
    row("1080p to (3, 640, 640) float32, CPU / ffmpeg's", statistics.median(ratios), "1.15", "1.05")
    row("the same with the start of Python", statistics.median(with_start), "", "")


if __name__ == "__main__":
    main()
