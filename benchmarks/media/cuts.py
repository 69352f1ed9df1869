"""Cuts and overwrites videos of every container at random: ``python -m benchmarks.media.cuts``.

A file that lost something and passes as sound is counted, and how often frames went missing in silence. Exits
with 1 where a container that can tell a cut did not, or where the whole file is refused. Sources come from
the ffmpeg program of ``imageio-ffmpeg``.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import programs
from lightly_assets.media import probe

_PICTURE = "testsrc2=size=320x240:rate=25:duration=8"
_LARGE = "testsrc2=size=640x360:rate=25:duration=10"
_VP8 = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus"
_X264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25"


@dataclass(frozen=True)
class Source:
    """A container, and how to make a file of it."""

    name: str
    options: str
    tells: bool = True
    """Whether every cut can be told; else cuts between two packets, sectors or fragments look like an end."""
    picture: str = _PICTURE
    sound: bool = True


SOURCES = (
    Source("behind.mp4", f"{_X264} -c:a aac"),
    Source("front.mp4", f"{_X264} -c:a aac -movflags +faststart"),
    Source(
        "apart.mp4",
        f"{_X264} -b:v 2M -c:a aac -chunk_duration 3000000 -movflags +faststart",
        picture=_LARGE,
    ),
    Source("apart.mov", f"{_X264} -b:v 2M -c:a pcm_s16le -chunk_duration 3000000 -movflags +faststart"),
    Source("front.m4v", "-c:v mpeg4 -q:v 5 -c:a aac -movflags +faststart -f mp4"),
    Source("mjpeg.mov", "-c:v mjpeg -q:v 8 -c:a pcm_s16le -movflags +faststart"),
    Source("fragments.mp4", f"{_X264} -c:a aac -movflags frag_keyframe+empty_moov", tells=False),
    Source("segments.mp4", f"{_X264} -c:a aac -movflags dash+global_sidx+frag_keyframe -f mp4"),
    Source("mjpeg.avi", "-c:v mjpeg -q:v 8 -c:a pcm_s16le"),
    Source("mpeg4.avi", "-c:v mpeg4 -q:v 5 -c:a libmp3lame"),
    Source("silent.avi", "-c:v mpeg4 -bf 2 -q:v 5", sound=False),
    Source("raw.avi", "-c:v rawvideo -pix_fmt bgr24 -s 64x48 -c:a pcm_s16le"),
    Source("vp8.webm", _VP8),
    Source("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus"),
    Source("live.webm", f"{_VP8} -live 1", tells=False),
    Source("h264.mkv", f"{_X264} -c:a aac"),
    Source("program.mpg", "-c:v mpeg2video -q:v 5 -bf 2 -c:a mp2 -f vob", tells=False),
    Source("mpeg1.mpeg", "-c:v mpeg1video -q:v 5 -c:a mp2", tells=False),
    Source("transport.ts", f"{_X264} -c:a aac", tells=False),
    Source(
        "raw.hevc", "-c:v libx265 -preset ultrafast -x265-params log-level=none", tells=False, sound=False
    ),
)


@dataclass(frozen=True)
class Damage:
    """What became of the changed copies of one file."""

    tried: int
    passed: int
    """How many passed as sound."""
    fewer: int
    """How many of those have lost frames, and nothing says so."""
    where: tuple[int, ...]


def make(folder: Path, source: Source) -> Path:
    """Lets the ffmpeg program make the file."""
    path = folder / source.name
    inputs = ["-f", "lavfi", "-i", source.picture]
    if source.sound:
        inputs += ["-f", "lavfi", "-i", "sine=duration=8"]
    command = [programs.ffmpeg(), "-nostdin", "-loglevel", "error", "-y", *inputs, *source.options.split()]
    subprocess.run([*command, "-threads", "2", str(path)], check=True)
    return path


def cut(data: bytes, chance: random.Random) -> tuple[bytes, int]:
    """The beginning of a file."""
    end = chance.randrange(len(data) // 20, len(data))
    return data[:end], end


def overwrite(data: bytes, chance: random.Random) -> tuple[bytes, int]:
    """A file with 40 bytes written over."""
    start = chance.randrange(len(data) // 20, len(data) - 40)
    return data[:start] + chance.randbytes(40) + data[start + 40 :], start


Change = Callable[[bytes, random.Random], tuple[bytes, int]]


def damage(path: Path, change: Change, count: int, frames: int) -> Damage:
    """Probes changed copies of a file that has so many frames."""
    data = path.read_bytes()
    changed = path.with_name(f"changed-{path.name}")
    passed, fewer = [], 0
    for seed in range(count):
        content, place = change(data, random.Random(f"{path.name} {seed}"))
        changed.write_bytes(content)
        info = probe(changed)
        if not info.errors:
            passed.append(place)
            fewer += (info.frames or 0) < frames
    changed.unlink()
    return Damage(count, len(passed), fewer, tuple(passed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=60)
    parser.add_argument("--overwrites", type=int, default=60)
    parser.add_argument("--only", default="", help="Only sources whose name contains this.")
    parser.add_argument("--where", action="store_true", help="Also say where the changes were that passed.")
    arguments = parser.parse_args()
    print("| file | frames | cut, passes as sound | 40 bytes overwritten, passes | with fewer frames |")
    print("|---|---|---|---|---|")
    faults = []
    with tempfile.TemporaryDirectory(prefix="cuts-") as name:
        for source in SOURCES:
            if arguments.only not in source.name:
                continue
            path = make(Path(name), source)
            info = probe(path)
            if info.errors or not info.frames:
                faults.append(f"{source.name}: refused ({info.errors})")
                continue
            cuts = damage(path, cut, arguments.cuts, info.frames)
            over = damage(path, overwrite, arguments.overwrites, info.frames)
            if source.tells and cuts.passed:
                faults.append(f"{source.name}: {cuts.passed} cuts pass as sound, at {cuts.where}")
            print(
                f"| `{source.name}` | {info.frames} | {cuts.passed} of {cuts.tried} | "
                f"{over.passed} of {over.tried} | {over.fewer} |",
                flush=True,
            )
            if arguments.where:
                print(f"  cut at {cuts.where}, overwritten at {over.where}", flush=True)
            path.unlink()
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
