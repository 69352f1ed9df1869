"""Every active learning score of a folder: ``python -m benchmarks.folders.scores [--files 1000000]``.

From files in the format to one number per image and score, as ``select`` and ``report`` compute them.
Seconds on the clock, with as many processes as there are cores, and the memory at its peak.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.report.speed import MEMORY, write_folder
from lightly_assets.cores import cores
from lightly_assets.folders.read import read_folder
from lightly_assets.folders.scores import file_scores


def main() -> None:
    """Prints seconds for reading and for scoring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--boxes", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        write_folder(Path(folder), options.files, options.boxes)
        start, used = time.perf_counter(), _cpu()
        task = read_folder(folder, wanted=["probabilities"]).tasks["boxes"]
        middle = time.perf_counter()
        scores = file_scores(task)
        end = time.perf_counter()
        assert all(values.size == options.files for values in scores.values())
        print(
            f"{options.files:,} files of {options.boxes} objects, {cores()} processes: "
            f"checked and read in {middle - start:.1f} s, {len(scores)} scores in {end - middle:.1f} s, "
            f"{_cpu() - used:.1f} s of processor time, at most "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB"
        )


def _cpu() -> float:
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


if __name__ == "__main__":
    main()
