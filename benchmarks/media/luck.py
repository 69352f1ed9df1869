"""Whether any verdict depends on luck: ``python -m benchmarks.media.luck``.

Probes every bad file of the corpus so many times, alone and beside busy processes, with all threads, and says
how many times it passed as sound. Exits with 1 where one did, or where two verdicts differ.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightly_assets.media import probe
from tests.media.corpus_files import build


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that keep the machine busy."""
    others = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.join()


def _spin() -> None:
    while True:
        sum(range(10_000))


def verdicts(path: Path, probes: int, threads: int) -> Counter[tuple[int | None, tuple[str, ...]]]:
    """What so many probes say of a file: its frames and its errors."""
    found: Counter[tuple[int | None, tuple[str, ...]]] = Counter()
    for _ in range(probes):
        info = probe(path, threads=threads)
        found[info.frames, info.errors] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probes", type=int, default=200)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--busy", type=int, default=4, help="Processes beside the second half of the probes.")
    arguments = parser.parse_args()
    faults = 0
    print("| file | busy processes | sound | verdicts | seconds |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="luck-") as name:
        bad = [video.name for video in build(Path(name)) if not video.sound]
        for others in (0, arguments.busy):
            with busy(others):
                for file in bad:
                    start = time.monotonic()
                    found = verdicts(Path(name, file), arguments.probes, arguments.threads)
                    sound = sum(count for (_, errors), count in found.items() if not errors)
                    faults += sound + len(found) - 1
                    seconds = time.monotonic() - start
                    print(f"| `{file}` | {others} | {sound} | {len(found)} | {seconds:.0f} |", flush=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
