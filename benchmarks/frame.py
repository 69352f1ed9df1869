"""Where the time of a frame goes, and what is the next bottleneck on larger machines.

    python -m benchmarks.frame                        # from the constants below, at once
    python -m benchmarks.frame --measure              # measures them here: a minute or two
    python -m benchmarks.frame --measure --write      # and writes them: here, docs/speed.md, its picture

1080p h264, a detector as large as YOLO11n (ONNX, 640 pixels, one thread); milliseconds of CPU. Measured by
themselves: decoding without and with pixels, pre-processing, the model, reading its outputs, and, of a run
with a model that costs nothing, what our process does. What the whole run costs more is the last part: what
all of these take from each other, caches above all. A run's start is left out.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CORES: dict[str, Callable[[int], int]] = {
    "all": lambda cores: cores,
    "a quarter": lambda cores: max(1, cores // 4),
    "eight": lambda cores: min(8, cores),
    "one": lambda _: 1,
}
"""How many of a machine's cores can work at a part of one video at once.

A decoder gains nothing from more than eight, and what is Python's own runs on one.
"""


@dataclass(frozen=True)
class Stage:
    """A part of the work on a frame."""

    name: str
    ms: float
    """Of CPU."""
    cores: str
    """One of ``CORES``."""
    colour: str


# By --measure, on two cores of a cloud machine.
MEASURED = [
    Stage("decoding", 3.8, "eight", "#1f5fbf"),
    Stage("to RGB", 1.5, "a quarter", "#5b9bd5"),
    Stage("pre-processing", 1.2, "all", "#2e8b57"),
    Stage("model", 39.1, "all", "#c77700"),
    Stage("reading outputs", 0.3, "all", "#8b6fc0"),
    Stage("encoding, writing", 1.4, "one", "#c0504d"),
    Stage("beside each other", 0.0, "all", "#9aa3ad"),
]
MODEL = "model"
ONNX = {"kind": "onnx", "path": "../model.onnx", "layout": "yolo", "threads": 1, "batch_size": 8}

FREE = {"kind": "python", "call": "stub:predict", "batch_size": 8}
STUB = """
def predict(images):
    return [[{"category_id": 0, "bbox": [0, 10, 100, 30], "score": 0.8}] for _ in images]
"""


def cpu_ms(work: Callable[[], Any]) -> float:
    """Of this process."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def part(name: str, folder: Path, kind: str) -> tuple[float, float]:
    """Milliseconds of CPU of a part in a process of its own: with those that it started, and its own."""
    command = [sys.executable, "-m", "benchmarks.frame", "--part", name, str(folder), kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    own = float(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return 1000 * (used.ru_utime + used.ru_stime), own


def do_part(name: str, folder: Path, kind: str) -> None:
    """What :func:`part` measures."""
    from lightly_assets.media import open_video, probe

    video = folder / kind / "street.mp4"
    if name == "probe":
        probe(video)
    elif name == "decode":
        with open_video(video) as stream:
            for _ in stream:
                pass
    else:
        run(
            folder,
            kind,
            {"kind": "python", "call": "stub:predict", "batch_size": 8} if name == "stub" else ONNX,
        )
    print(1000 * time.process_time())


def measured(frames: int, rounds: int) -> list[Stage]:
    """The stages as they are here; the least of some rounds."""
    from benchmarks.media.speed import encode
    from benchmarks.networks import CLASSES, NANO, network, write_onnx
    from lightly_assets.format.schema import Category
    from lightly_assets.media import open_video
    from lightly_assets.models.checked_model import load_model
    from lightly_assets.models.config import parse_model

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, count in (("long", frames), ("short", 2)):
            (folder / kind).mkdir()
            encode(folder / kind / "street.mp4", "libx264", (1920, 1080), count, "veryfast")
        write_onnx(folder / "model.onnx", network(NANO))
        categories = [Category(id=number, name=f"thing {number}") for number in range(CLASSES)]
        model: Any = load_model(
            parse_model(ONNX | {"path": "model.onnx"}),
            task_type="object-detection",
            categories=categories,
            base_dir=folder,
        )
        reader, call = model.runtime.reader, model.runtime._run
        with open_video(folder / "long" / "street.mp4") as stream:
            some = [one.image for one in islice(stream, 8)]
        batch, views = reader._preprocessor(some)
        outputs = call(batch)

        def least(work: Callable[[], Any]) -> float:
            return min(cpu_ms(work) for _ in range(rounds)) / 8

        def a_frame(name: str, whose: int) -> float:
            long, short = (
                min(part(name, folder, kind)[whose] for _ in range(rounds)) for kind in ("long", "short")
            )
            return (long - short) / (frames - 2)

        found = {
            "decoding": a_frame("probe", 0),
            "pre-processing": least(lambda: reader._preprocessor(some)),
            MODEL: least(lambda: call(batch)),
            "reading outputs": least(lambda: reader._layout.results(outputs, views)),
            "encoding, writing": a_frame("stub", 1),
        }
        found["to RGB"] = a_frame("decode", 0) - found["decoding"]
        found["beside each other"] = a_frame("run", 0) - sum(found.values())
    return [Stage(one.name, max(found[one.name], 0), one.cores, one.colour) for one in MEASURED]


def run(folder: Path, kind: str, model: dict[str, Any]) -> None:
    """Everything from nothing, of the video in a folder."""
    import yaml

    from benchmarks.networks import CLASSES
    from lightly_assets.config import load_project
    from lightly_assets.pipeline.session import Session

    categories = [{"id": number, "name": f"thing {number}"} for number in range(CLASSES)]
    task = {"name": "things", "task_type": "object-detection", "categories": categories, "model": model}
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        config = Path(fresh) / "lightly.yaml"
        (Path(fresh) / "stub.py").write_text(STUB)
        roots = {"input": f"../{kind}", "lightly": "lightly", "state": "state"}
        config.write_text(yaml.safe_dump({"datasource": roots, "tasks": [task]}))
        with Session(load_project(config)) as session:
            for outcome in session.run(session.plan()):
                if outcome.problems():
                    raise SystemExit(str(outcome.problems()))
            session.finish()


def limits(stages: list[Stage], cores: int, gpu_ms: float | None) -> list[tuple[float, str]]:
    """What limits a machine, in frames a second, the least first.

    ``gpu_ms`` is what the model takes of a GPU; without one it runs on the cores.
    """
    on_cpu = [one for one in stages if gpu_ms is None or one.name != MODEL]
    found = [(1000 * cores / sum(one.ms for one in on_cpu), "all cores together")]
    for one in on_cpu:
        if one.cores != "all":
            found.append((1000 * CORES[one.cores](cores) / max(one.ms, 1e-6), one.name))
    if gpu_ms is not None:
        found.append((1000 / gpu_ms, "the GPU"))
    return sorted(found)


def table(stages: list[Stage]) -> str:
    """Machines and what limits them."""
    lines = ["| cores | model | frames a second | limited by | then by |", "|---|---|---|---|---|"]
    for gpu_ms, text in ((None, "on the cores"), (1.0, "1 ms of a GPU")):
        for cores in (4, 16, 64):
            (rate, first), (other, second), *_ = limits(stages, cores, gpu_ms)
            lines.append(f"| {cores} | {text} | {rate:.0f} | {first} | {second} ({other:.0f}) |")
    return "\n".join(lines)


def picture(stages: list[Stage]) -> str:
    """Two bars: a frame, and what is left of it where the model runs elsewhere."""
    width, left, top = 900, 24, 62
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 2 * left} 236" '
        'font-family="system-ui, sans-serif" font-size="14" role="img" '
        'aria-label="Where the CPU time of a frame goes, with and without the model">',
        f'<rect width="{width + 2 * left}" height="236" rx="10" fill="#ffffff"/>',
    ]
    for some, title in (
        (stages, "a frame of 1080p, the model on the CPU"),
        ([one for one in stages if one.name != MODEL], "the same frame without the model"),
    ):
        total = sum(one.ms for one in some)
        parts.append(
            f'<text x="{left}" y="{top - 12}" fill="#16202c" font-weight="600">{title}: '
            f"{total:.1f} ms of CPU</text>"
        )
        x = float(left)
        for one in some:
            part = width * one.ms / total
            parts.append(f'<rect x="{x:.1f}" y="{top}" width="{part:.1f}" height="36" fill="{one.colour}"/>')
            if part > 36:
                parts.append(
                    f'<text x="{x + part / 2:.1f}" y="{top + 23}" fill="#ffffff" text-anchor="middle">'
                    f"{one.ms:.1f}</text>"
                )
            x += part
        top += 86
    x = left
    for one in stages:
        parts.append(f'<rect x="{x}" y="204" width="12" height="12" fill="{one.colour}"/>')
        parts.append(f'<text x="{x + 17}" y="215" fill="#5b6675" font-size="12">{one.name}</text>')
        x += 36 + round(6.6 * len(one.name))
    return "\n".join([*parts, "</svg>", ""])


def parts_table(stages: list[Stage]) -> str:
    """The parts of a frame."""
    total = sum(one.ms for one in stages)
    lines = ["| part | ms of CPU a frame | share | cores that can work at it |", "|---|---|---|---|"]
    lines += [f"| {one.name} | {one.ms:.1f} | {one.ms / total:.2f} | {one.cores} |" for one in stages]
    return "\n".join(lines)


def caption(stages: list[Stage]) -> str:
    """What the picture shows, in words."""
    model, total = next(one.ms for one in stages if one.name == MODEL), sum(one.ms for one in stages)
    return (
        f"A frame of 1080p takes {total:.1f} ms of CPU with a model as large as YOLO11n, "
        f"{model:.0f} of them the model"
    )


def written_page(page: str, stages: list[Stage]) -> str:
    """docs/speed.md with these figures: both tables, and the words for the picture."""
    for new, pattern in (
        (f"![{caption(stages)}]", r"!\[A frame of 1080p takes [^]]*\]"),
        (f"{parts_table(stages)}\n", r"\| part \| ms of CPU(?:.*\n)(?:\|.*\n)*"),
        (f"{table(stages)}\n", r"\| cores \| model \|(?:.*\n)(?:\|.*\n)*"),
    ):
        page, count = re.subn(pattern, lambda _, new=new: new, page)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"docs/speed.md has {count} places like {pattern}, and must have one.")
    return page


def written_constants(source: str, stages: list[Stage]) -> str:
    """This file with these figures as its constants."""
    lines = [f'    Stage("{one.name}", {one.ms:.1f}, "{one.cores}", "{one.colour}"),\n' for one in stages]
    new = f"MEASURED = [\n{''.join(lines)}]\n"
    return re.sub(r"^MEASURED = \[\n(?:    .*\n)*\]\n", lambda _: new, source, count=1, flags=re.MULTILINE)


def write(stages: list[Stage]) -> None:
    """The constants, the page and its picture, all of the same figures."""
    # What is written is computed from what is shown, so that all three agree to the last digit.
    shown = [Stage(one.name, round(one.ms, 1), one.cores, one.colour) for one in stages]
    here, page = ROOT / "benchmarks" / "frame.py", ROOT / "docs" / "speed.md"
    here.write_text(written_constants(here.read_text("utf-8"), shown), encoding="utf-8")
    page.write_text(written_page(page.read_text("utf-8"), shown), encoding="utf-8")
    (ROOT / "docs" / "pictures" / "frame-time.svg").write_text(picture(shown), encoding="utf-8")


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure instead of taking the constants")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--write",
        action="store_true",
        help="into this file, docs/speed.md and its picture; read the page after",
    )
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.part:
        do_part(options.part[0], Path(options.part[1]), options.part[2])
        return
    stages = measured(options.frames, options.rounds) if options.measure else MEASURED
    print(f"{parts_table(stages)}\n\n{table(stages)}")
    if options.write:
        write(stages)


if __name__ == "__main__":
    main()
