"""Selection beside the package that does it: ``python -m benchmarks.selection.speed [--samples 50000]``.

Weights, balance and diversity on the same arrays, through ``lightly_assets.selection`` and by calling
lightly-mundig directly, as LightlyStudio does; seconds of processor time, in turn. Then the memory that
``select`` takes for many frames without embeddings.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from lightly_mundig import Selection

from benchmarks.report.speed import MEMORY, write_folder
from lightly_assets.selection.engine import Balance, Diversity, Plan, Weights, select
from lightly_assets.selection.run import Request, run_selection

CONFIG = {
    "n_samples": 1000,
    "strategies": [
        {
            "input": {"type": "SCORES", "task": "boxes", "score": "uncertainty_entropy"},
            "strategy": {"type": "WEIGHTS"},
        },
        {
            "input": {"type": "PREDICTIONS", "task": "boxes", "name": "CLASS_DISTRIBUTION"},
            "strategy": {"type": "BALANCE", "distribution": "UNIFORM"},
        },
    ],
}


def compare(samples: int, wanted: int, rounds: int) -> None:
    """Prints both times and their ratio."""
    random = np.random.default_rng(0)
    weights, vectors = random.random(samples), random.random((samples, 128)).astype(np.float32)
    rows, target = random.integers(0, 5, (samples, 10)).astype(float), np.full(10, 0.1)

    def ours() -> list[int]:
        parts = [Weights(weights), Balance(rows, target), Diversity(vectors)]
        return select(Plan(samples, wanted, parts))

    def directly() -> list[int]:
        selection = Selection()
        selection.add_weighting_strategy(weights.tolist(), 1.0)
        selection.add_balancing_strategy(rows, target.tolist(), 1.0)
        selection.add_diversifying_strategy(vectors, 1.0)
        return list(selection.run_selection([], samples, wanted))

    for _ in range(rounds):
        start = time.process_time()
        one = ours()
        middle = time.process_time()
        other = directly()
        end = time.process_time()
        assert one == other
        print(
            f"{wanted:,} of {samples:,}: {middle - start:.1f} s, directly {end - middle:.1f} s, "
            f"{(middle - start) / (end - middle):.2f}×"
        )


def memory(files: int) -> None:
    """Prints what ``select`` takes, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        write_folder(Path(folder), files, 10)
        code = f"from benchmarks.selection.speed import measure; measure({folder!r})"
        subprocess.run([sys.executable, "-c", code], check=True)


def measure(folder: str) -> None:
    """Prints the time and the memory of one selection."""
    start = time.perf_counter()
    found = run_selection(Request(CONFIG, folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    seconds = time.perf_counter() - start
    print(
        f"select {len(found.chosen):,} of {len(found.samples):,} frames of 10 objects: {seconds:.0f} s, "
        f"at most {peak:.0f} MB"
    )


def main() -> None:
    """Prints time, then memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.rounds:
        compare(options.samples, 1000, options.rounds)
    if options.files:
        memory(options.files)


if __name__ == "__main__":
    main()
