"""How long commands take to start, beside another checkout: ``--before PATH``.

CPU seconds (user and system) of whole processes: other work on the machine counts less. Both checkouts take
turns in one run, each with its bytecode compiled. Only the ratio means something on another machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import av
import numpy as np

HERE = Path(__file__).resolve().parents[2]
IMPORTS = {
    "import the package": ["-c", "import lightly_assets"],
    "import all names": ["-c", "from lightly_assets import *"],
}


def commands(folder: Path) -> dict[str, list[str]]:
    """What is measured: arguments of Python by a name."""
    task = folder / "lightly" / ".lightly" / "predictions" / "objects"
    task.mkdir(parents=True)
    (task.parent / "tasks.json").write_text('["objects"]')
    schema = {"task_type": "object-detection", "categories": [{"id": 0, "name": "car"}]}
    (task / "schema.json").write_text(json.dumps(schema))
    (task / "a.json").write_text('{"file_name": "a.png", "predictions": []}')
    video = folder / "a.mp4"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), dtype=np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    program = ["-m", "lightly_assets.cli"]
    return IMPORTS | {
        "--help": [*program, "--help"],
        "run --help": [*program, "run", "--help"],
        "check": [*program, "check", str(folder / "lightly")],
        "probe": [*program, "probe", str(video)],
    }


def cpu_seconds(arguments: list[str], checkout: Path) -> float:
    """Of a process and its children."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, cwd=checkout
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} in {checkout} ended with {process.returncode}.")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="Another checkout of this project.")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    before = options.before.resolve()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'':20}{'before':>10}{'now':>10}{'ratio':>8}   CPU seconds, median of {options.rounds}")
        for name, arguments in commands(Path(folder)).items():
            times: dict[Path, list[float]] = {before: [], HERE: []}
            for number in range(options.rounds + 1):
                for checkout in (before, HERE) if number % 2 else (HERE, before):
                    seconds = cpu_seconds(arguments, checkout)
                    if number:  # The first round compiles.
                        times[checkout].append(seconds)
            ratio = median(now / then for then, now in zip(times[before], times[HERE], strict=True))
            print(
                f"{name:20}{median(times[before]):10.3f}{median(times[HERE]):10.3f}{ratio:8.2f}", flush=True
            )


if __name__ == "__main__":
    main()
