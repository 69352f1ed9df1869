"""Decoding and pre-processing against ffmpeg's scaler: ``python -m benchmarks.pipeline.pixels [--rounds 3]``.

1080p h264 to (3, 640, 640) float32 with OpenCV's exact linear kernel, in batches of 2, CPU seconds; ffmpeg
scales to (3, 360, 640) uint8 and leaves out the rest. Both are whole processes; the start is told apart.
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
FEW = 2


def ours(video: Path, frames: int) -> float:
    """CPU seconds for all of its frames."""
    taken, out, _ = took([sys.executable, "-c", OURS, str(video)])
    assert int(out) == frames
    return taken.cpu


def theirs(video: Path) -> float:
    """The same of ffmpeg."""
    command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(video)]
    return took([*command, "-vf", "scale=640:360,format=gbrp", "-f", "null", "-"])[0].cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        few, many = (
            encode(Path(name) / f"{count}.mp4", "libx264", (1920, 1080), count, "veryfast")
            for count in (FEW, options.frames)
        )
        each, whole = [], []
        for _ in range(options.rounds):
            # What a video of two frames takes is the start of the processes.
            start, mine = ours(few, FEW), ours(many, options.frames)
            their_start, other = theirs(few), theirs(many)
            each.append((mine - start, other - their_start))
            whole.append(mine / other)
    shown = [1000 * statistics.median(column) / (options.frames - FEW) for column in zip(*each, strict=True)]
    print(f"CPU a frame: ours {shown[0]:.2f} ms, ffmpeg {shown[1]:.2f} ms")
    head()
    ratio = statistics.median(mine / other for mine, other in each)
    row("1080p to (3, 640, 640) float32, CPU / ffmpeg's", ratio, "1.15", "1.05")
    row("the same with the start of both processes", statistics.median(whole), "", "")


if __name__ == "__main__":
    main()
