"""How busy the cores are with five tasks on one video, as the demo has them.

``python -m benchmarks.pipeline.busy_cores [--repeats 4] [--rounds 3]``: CPU seconds against wall x cores,
from the first decoded frame to the last file, of whole runs. One of the demo's clips is repeated so often.
"""

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from benchmarks.pipeline.processes import head, row, run_anew
from lightly_assets.demo import write_demo
from lightly_assets.demo.input import CLIPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_demo(folder)
        clip = folder / CLIPS[0].key.rpartition("/")[2]
        (folder / "input" / CLIPS[0].key).rename(clip)
        for file in [*(folder / "input").rglob("*")]:
            if file.is_file():
                file.unlink()
        command = [get_ffmpeg_exe(), "-v", "error", "-stream_loop", str(options.repeats - 1), "-i", str(clip)]
        subprocess.run([*command, "-c", "copy", str(folder / "input" / "long.mp4")], check=True)
        found = []
        for _ in range(options.rounds):
            taken = run_anew(folder, watched=True)
            print(f"{taken.wall:.1f} s, {taken.cpu:.1f} s of CPU, busy {taken.busy:.2f}")
            found.append(taken.busy or 0.0)
    head()
    row("five tasks on one video: CPU / (wall x cores)", statistics.median(found), "0.88", "0.95")


if __name__ == "__main__":
    main()
