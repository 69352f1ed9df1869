"""Damages videos at random and looks whether anybody is harmed: ``python -m benchmarks.media.mutations``.

Of every codec so many mutations are decoded and extracted. A published set of frames must have the count that
the specification's own loop gets, without an error, in a process of its own. Exits with 1 where one has not.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lightly_assets.media import DamagedVideo, Limits, extract, probe
from tests.media.corpus_files import build, flip_bytes

SOURCES = (
    "plain.mp4",
    "h265.mp4",
    "av1.mp4",
    "vp8.webm",
    "vp9.webm",
    "mpeg2.mpg",
    "mpeg1.mpeg",
    "mpeg4_b.avi",
    "mjpeg.avi",
    "alpha.mov",
    "raw.hevc",
    "interlaced.mp4",
)
_SLOW_SECONDS = 30.0
_ORACLE = """
import sys, av
for path in sys.argv[1:]:
    try:
        with av.open("file:" + path) as container:
            print(sum(1 for _ in container.decode(container.streams.video[0])), flush=True)
    except (av.error.FFmpegError, IndexError):
        print("error", flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one mutation."""

    source: str
    seed: int
    verdict: str
    """``sound`` or ``damaged``; anything else is a fault of ours."""


def mutate(corpus: Path, folder: Path, source: str, seeds: range) -> Iterator[Outcome]:
    """Decodes and extracts mutations of one video."""
    paths = [flip_bytes(corpus / source, folder / f"{seed}-{source}", seed) for seed in seeds]
    expected = _by_the_loop(paths)
    for seed, path in zip(seeds, paths, strict=True):
        yield Outcome(
            source, seed, _verdict(path, folder / f"{seed}-{source}-out", expected.get(path, "none"))
        )


def _verdict(path: Path, out: Path, expected: str) -> str:
    limits = Limits(max_seconds=_SLOW_SECONDS)
    start = time.monotonic()
    infos = [probe(path, limits=limits, threads=threads) for threads in (2, 1)]
    try:
        published = extract(path, out, limits=limits).frames
    except DamagedVideo:
        published = None
    if time.monotonic() - start > 3 * _SLOW_SECONDS:
        return "slow"
    if len({(info.frames, bool(info.errors)) for info in infos}) > 1:
        return f"counted as {infos[0].frames} and {infos[1].frames}"
    files = [file for file in out.rglob("*") if file.is_file()]
    if published is None:
        return "published nevertheless" if files else "damaged"
    return "sound" if str(published) == expected and len(files) == published else f"published as {published}"


def _by_the_loop(paths: list[Path]) -> dict[Path, str]:
    """What the specification's loop counts; a file that kills or stops it has no count."""
    left, found = list(paths), {}
    while left:
        process = subprocess.Popen(
            [sys.executable, "-c", _ORACLE, *map(str, left)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            out, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        counts = out.decode().split()
        found |= dict(zip(left, counts, strict=False))
        left = left[len(counts) + 1 :]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    arguments = parser.parse_args()
    print("| video | sound | damaged | wrong | seconds |\n|---|---|---|---|---|")
    faults = []
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        corpus = Path(name) / "corpus"
        build(corpus)
        for source in SOURCES:
            start = time.monotonic()
            with tempfile.TemporaryDirectory(dir=name) as folder:
                outcomes = list(mutate(corpus, Path(folder), source, range(arguments.seeds)))
            verdicts = Counter(outcome.verdict for outcome in outcomes)
            wrong = [outcome for outcome in outcomes if outcome.verdict not in ("sound", "damaged")]
            faults += wrong
            seconds = time.monotonic() - start
            print(
                f"| {source} | {verdicts['sound']} | {verdicts['damaged']} | {len(wrong)} | {seconds:.0f} |",
                flush=True,
            )
    for fault in faults:
        print(f"{fault.source}, seed {fault.seed}: {fault.verdict}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
