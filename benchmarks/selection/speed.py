"""Selection beside the package that does it: ``python -m benchmarks.selection.speed [--samples 50000]``.

Weights, balance and diversity on the same arrays, through ``lightly_assets.selection`` and by calling
lightly-mundig directly; with ``--studio PYTHON``, of an environment that holds LightlyStudio, also by its own
class. Seconds of processor time, in turn. Then the memory that ``select`` takes for many frames without
embeddings.
"""

import argparse
import json
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


STUDIO = """
import json, sys, time
import numpy as np
from lightly_studio.sampling.mundig import Mundig

arrays, wanted = np.load(sys.argv[1]), int(sys.argv[2])
weights, rows, target, vectors = (arrays[name] for name in ("weights", "rows", "target", "vectors"))
start = time.process_time()
mundig = Mundig()
mundig.add_weighting(weights)
mundig.add_class_balancing(rows, target)
mundig.add_diversity(vectors)
found = mundig.run(wanted)
print(json.dumps([time.process_time() - start, found]))
"""


def compare(samples: int, wanted: int, rounds: int, studio: str | None) -> None:
    """Prints the times and their ratios."""
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

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "arrays.npz"
        np.savez(file, weights=weights, rows=rows, target=target, vectors=vectors)
        for _ in range(rounds):
            start = time.process_time()
            one = ours()
            middle = time.process_time()
            other = directly()
            end = time.process_time()
            assert one == other
            text = f"directly {end - middle:.1f} s, {(middle - start) / (end - middle):.2f}×"
            if studio is not None:
                command = [studio, "-c", STUDIO, str(file), str(wanted)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                seconds, theirs = json.loads(done.stdout.splitlines()[-1])
                assert one == theirs
                text += f"; LightlyStudio {seconds:.1f} s, {(middle - start) / seconds:.2f}×"
            print(f"{wanted:,} of {samples:,}: {middle - start:.1f} s, {text}")


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
    parser.add_argument("--studio", help="the Python of an environment with lightly-studio 1.2")
    parser.add_argument("--files", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.rounds:
        compare(options.samples, 1000, options.rounds, options.studio)
    if options.files:
        memory(options.files)


if __name__ == "__main__":
    main()
