"""How fast frames come, beside what was asked for: ``python -m benchmarks.media.speed [ROW…]``.

Every ratio is measured in one run, the two sides in turn, as the median of the pairs. Inputs are made first.
"""

import argparse
import compileall
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lightly_assets
from benchmarks import programs
from lightly_assets.media import extract, open_video
from lightly_assets.media.png import encode_png

Row = tuple[str, float, str, str, str]
Timed = Callable[[], Any]


def compare(ours: Timed, other: Timed, pairs: int, clock: Callable[[], float]) -> tuple[float, float, float]:
    """How many times faster ours is, and seconds of both: medians of runs in turn, behind one to warm up."""
    ours()
    ratios, times, others = [], [], []
    for _ in range(pairs):
        start = clock()
        ours()
        middle = clock()
        other()
        end = clock()
        ratios.append((end - middle) / (middle - start))
        times.append(middle - start)
        others.append(end - middle)
    return statistics.median(ratios), statistics.median(times), statistics.median(others)


def footage(width: int, height: int, count: int) -> Iterator[NDArray[np.uint8]]:
    """A textured scene that pans, with a camera's grain and things that move: 10 Mbit/s at 1080p."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0 : height + 64, 0 : width + 640].astype(np.float32)
    scene = 120 + 45 * np.sin(columns / 37) * np.cos(rows / 53) + 30 * np.sin((columns + 2 * rows) / 11)
    grain = random.normal(0, 6, (height + 200, width + 200, 3)).astype(np.int16)
    colours = np.stack([scene, 0.8 * scene + 20, 240 - scene], 2).clip(0, 255).astype(np.uint8)
    for index in range(count):
        x, y = index * 3 % 640, index % 64
        down, right = random.integers(0, 200, 2)
        image = colours[y : y + height, x : x + width] + grain[down : down + height, right : right + width]
        for thing in range(5):
            left, top = (index * (3 + thing) * 2) % (width - width // 8), height * thing // 6
            image[top : top + height // 8, left : left + width // 8] = (40 * thing, 200 - 30 * thing, 90)
        yield image.clip(0, 255).astype(np.uint8)


def encode(path: Path, codec: str, size: tuple[int, int], count: int, preset: str) -> Path:
    """A video of that footage."""
    options = {"preset": preset} | ({"x265-params": "log-level=none"} if codec == "libx265" else {})
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index, image in enumerate(footage(*size, count)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def seconds(work: Timed) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def decode(path: Path, threads: int = 0) -> int:
    """All frames as RGB arrays, each looked at."""
    total = 0
    with open_video(path, threads=threads) as frames:
        for frame in frames:
            total += int(frame.image[0, 0, 0])
    return total


def program(ffmpeg: str, path: Path) -> None:
    command = [ffmpeg, "-v", "error", "-nostdin", "-threads", "0", "-i", str(path), "-f", "null", "-"]
    subprocess.run(command, check=True)


PAGE_LOOP = """
import sys, time, av
def count(path):
    with av.open(path) as container:
        stream = container.streams.video[0]
        return sum(frame.to_image().width > 0 for frame in container.decode(stream))
start = time.perf_counter()
count(sys.argv[1])
print(time.perf_counter() - start)
"""


def page_seconds(path: Path) -> float:
    """The specification's loop in a script of its own, as its users run it, without the script's start."""
    done = subprocess.run([sys.executable, "-c", PAGE_LOOP, str(path)], check=True, capture_output=True)
    return float(done.stdout)


def file_rows(folder: Path, ffmpeg: str, pairs: int) -> Iterator[Row]:
    for name, codec, size, count in (
        ("1080p h264", "libx264", (1920, 1080), 600),
        ("720p h265", "libx265", (1280, 720), 300),
    ):
        video = encode(
            folder / f"{codec}.mp4", codec, size, count, "veryfast" if codec == "libx264" else "ultrafast"
        )
        ratio, ours, other = compare(
            lambda v=video: decode(v), lambda v=video: program(ffmpeg, v), pairs, time.perf_counter
        )
        note = f"{count / ours:.0f} against {count / other:.0f} frames/s"
        least, aim = ("0.9", "1.0") if codec == "libx264" else ("", "")
        yield f"one {name} file to RGB, against ffmpeg -f null", ratio, least, aim, note
        pairs_of_times = [(seconds(lambda v=video: decode(v)), page_seconds(video)) for _ in range(3)]
        ratio = statistics.median(page / ours for ours, page in pairs_of_times)
        note = f"the loop gives {count / statistics.median(page for _, page in pairs_of_times):.0f} frames/s"
        yield "the same against the specification's loop", ratio, "4.5", "5.5", note


def clip_rows(folder: Path, ffmpeg: str, pairs: int) -> Iterator[Row]:
    first = encode(folder / "clip.mp4", "libx264", (1280, 720), 50, "veryfast")
    clips = [Path(shutil.copy(first, folder / f"clip{index}.mp4")) for index in range(200)]

    def ours() -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda clip: decode(clip, threads=1), clips))

    def theirs() -> None:
        for clip in clips:
            program(ffmpeg, clip)

    ratio, seconds, _ = compare(ours, theirs, max(2, pairs // 2), time.perf_counter)
    note = f"{len(clips) * 50 / seconds:.0f} frames/s"
    yield "200 clips of 2 s, against the sum of ffmpeg -f null", ratio, "0.8", "0.95", note


def png_rows(folder: Path, pairs: int) -> Iterator[Row]:
    video = encode(folder / "png.mp4", "libx264", (1920, 1080), 10, "veryfast")
    with open_video(video) as frames:
        images = [frame.image.copy() for frame in frames]

    def pillow() -> None:
        for image in images:
            Image.fromarray(image).save(io.BytesIO(), "PNG")

    def ours() -> None:
        for image in images:
            encode_png(image)

    ratio, seconds, _ = compare(ours, pillow, pairs, time.process_time)
    yield "PNG of a 1080p frame, CPU against Pillow", ratio, "5", "8", f"{1000 * seconds / 10:.1f} ms a frame"

    def exported() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            extract(video, out)

    def written() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out, av.open(str(video)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                frame.to_image().save(f"{out}/{index}.png")

    ratio, seconds, _ = compare(exported, written, pairs, time.perf_counter)
    yield (
        "1080p file to PNG files, time against the page's loop",
        ratio,
        "",
        "",
        f"{10 / seconds:.0f} frames/s",
    )


MEMORY = """
import sys
from pathlib import Path
from lightly_assets.media import open_video
def peak(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
children = f"/proc/self/task/{__import__('os').getpid()}/children"
most = 0
with open_video(sys.argv[1]) as frames:
    for frame in frames:
        frame.image.max()  # who decodes also looks
        if frame.index % 500 == 0:
            most = max(most, sum(peak(pid) for pid in Path(children).read_text().split()))
print(most + peak("self"))
"""


def memory_rows(folder: Path) -> Iterator[Row]:
    peaks = {}
    for count in (1_000, 100_000):
        video = folder / f"long{count}.mp4"
        images = list(footage(320, 192, 50))
        with av.open(str(video), "w") as output:
            stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "25"})
            stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
            for index in range(count):
                frame = av.VideoFrame.from_ndarray(images[index % 50], format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                output.mux(stream.encode(frame))
            output.mux(stream.encode())
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        found = subprocess.run(
            [sys.executable, "-c", MEMORY, str(video)], env=environment, check=True, capture_output=True
        )
        peaks[count] = int(found.stdout)
    note = f"{peaks[100_000] / 1024:.0f} MB"
    yield (
        "peak memory, 100,000 frames against 1,000 (less is better)",
        peaks[100_000] / peaks[1_000],
        "1.1",
        "1.0",
        note,
    )


def find_program() -> str:
    """The ffmpeg program, and says which."""
    found = programs.ffmpeg()
    version = subprocess.run([found, "-version"], capture_output=True, text=True, check=True).stdout
    print(f"{version.split(' Copyright')[0]}; PyAV {av.__version__} with FFmpeg {av.ffmpeg_version_info}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=["files", "clips", "png", "memory"])
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    # A decoder's start is part of what is measured, and compiling its modules is not.
    compileall.compile_dir(str(Path(lightly_assets.__file__).parent / "media"), quiet=2)
    ffmpeg = find_program()
    print(f"{os.cpu_count()} cores\n| | ratio | at least | aim | |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="media-speed-") as name:
        folder = Path(name)
        makers: dict[str, Callable[[], Iterator[Row]]] = {
            "files": lambda: file_rows(folder, ffmpeg, arguments.pairs),
            "clips": lambda: clip_rows(folder, ffmpeg, arguments.pairs),
            "png": lambda: png_rows(folder, arguments.pairs),
            "memory": lambda: memory_rows(folder),
        }
        for maker in arguments.rows:
            for title, ratio, least, aim, note in makers[maker]():
                print(f"| {title} | {ratio:.2f} | {least} | {aim} | {note} |", flush=True)


if __name__ == "__main__":
    main()
