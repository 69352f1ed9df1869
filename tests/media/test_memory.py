"""Memory does not grow with the length of a video."""

import os
import subprocess
import sys
from pathlib import Path

from tests.media.corpus_files import encode

MEASURE = """
import os, sys
from pathlib import Path
from lightly_assets.media import open_video
def peak(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
most = 0
with open_video(sys.argv[1]) as frames:
    for frame in frames:
        frame.image.max()  # who decodes also looks
        if frame.index % 100 == 0:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            most = max(most, sum(map(peak, children)))
print(most + peak("self"))
"""


def peak_kilobytes(video: Path) -> int:
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(video)], env=environment, check=True, capture_output=True
    )
    return int(done.stdout)


def test_a_long_video_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "g": "25"}
    short = encode(tmp_path / "short.mp4", numbers=range(500), size=(160, 96), options=options)
    # A raw stream behind itself is a longer stream.
    part = encode(tmp_path / "part.h264", numbers=range(500), size=(160, 96), options=options, format="h264")
    long = tmp_path / "long.h264"
    long.write_bytes(part.read_bytes() * 8)
    assert peak_kilobytes(long) <= 1.1 * peak_kilobytes(short)
