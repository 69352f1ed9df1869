"""The corpus as a table: ``python -m benchmarks.media.corpus [--write docs/frames.md]``.

Says for every file what PyAV's plain loop counts, what the container claims, what ffprobe counts and what we
say. Needs the ffprobe program on PATH.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import programs
from lightly_assets.media import VideoInfo, probe
from tests.media.corpus_files import Video, build

BEGIN, END = "<!-- corpus: begin -->\n", "<!-- corpus: end -->\n"
HEAD = (
    "| file | what it is | PyAV's loop | container | ffprobe | we | verdict |\n"
    "|---|---|---|---|---|---|---|\n"
)
_LOOP = """
import sys, av
count = 0
try:
    with av.open("file:" + sys.argv[1]) as container:
        for frame in container.decode(container.streams.video[0]):
            count += 1
    print(count)
except IndexError:
    print("none")
except av.error.FFmpegError:
    print(f"{count}, then an error" if count else "error")
"""


def by_the_loop(path: Path) -> str:
    """The specification's loop, in a process that may crash or hang."""
    command = [sys.executable, "-c", _LOOP, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "hangs"
    return done.stdout.strip() or "crashes"


def by_ffprobe(ffprobe: str, path: Path) -> str:
    """What the specification's ffprobe command counts."""
    entries = ["-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    command = [ffprobe, "-v", "error", "-select_streams", "v:0", *entries, f"file:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = [line.strip().rstrip(",") for line in done.stdout.splitlines() if line.strip()]
    return lines[0] if lines else "none"


def row(ffprobe: str, video: Video, path: Path) -> str:
    info = probe(path)
    container = "–" if info.container_frames is None else str(info.container_frames)
    ours = "none" if info.frames is None else str(info.frames)
    name = video.name.replace("|", "\\|").replace("\n", "\\n")
    cells = (
        f"`{name}`",
        video.note,
        by_the_loop(path),
        container,
        by_ffprobe(ffprobe, path),
        ours,
        verdict(info),
    )
    return "| " + " | ".join(cells) + " |\n"


def verdict(info: VideoInfo) -> str:
    if info.errors:
        return "refused: " + info.errors[0].replace("|", "\\|")
    return "sound" if not info.remarks else "sound; " + " ".join(info.remarks)


def table(ffprobe: str) -> str:
    with tempfile.TemporaryDirectory(prefix="corpus-") as name:
        folder = Path(name)
        return HEAD + "".join(row(ffprobe, video, folder / video.name) for video in build(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="Put the table into this page.")
    page: Path | None = parser.parse_args().write
    text = table(programs.program("ffprobe", "Debian's package ffmpeg"))
    if page is None:
        print(text, end="")
        return
    before, rest = page.read_text().split(BEGIN)
    page.write_text(before + BEGIN + text + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
