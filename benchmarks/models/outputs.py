"""Reading segmenters' outputs for frames of 1080p, against the version before, in one run.

    git worktree add ../before v0.1.0        # or any other commit
    python -m benchmarks.models.outputs --before ../before [--rounds 5]

Semantic segmentation: 6 classes, from the demo's model's logits on its own footage to masks and scores as
they are stored. Instance segmentation: the 20 likeliest objects of the demo's model, from coefficients and
prototypes to run lengths. Both versions read the same numbers in turns, in processes of their own; masks must
be the same to the bit. CPU time, medians of ratios within a round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

FRAMES, OBJECTS, REPEATS = 8, 20, 10
SIZE = (1920, 1080)
Found = dict[str, Any]


def write_outputs(target: Path) -> None:
    """Outputs of the demo's segmenters on frames of its footage, as the models give them."""
    import onnxruntime
    from PIL import Image

    from lightly_assets.demo import write_demo
    from lightly_assets.demo.input import CLIPS
    from lightly_assets.media import open_video

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_demo(folder)
        clip = next(one for one in CLIPS if one.frames > FRAMES)
        batch = np.full((FRAMES, 192, 320, 3), 114, dtype=np.uint8)
        with open_video(folder / "input" / clip.key) as stream:
            for place, frame in enumerate(islice(stream, FRAMES)):
                small = Image.fromarray(frame.image).resize((320, 180), Image.Resampling.BILINEAR)
                batch[place, 6:186] = small
        images = (batch.transpose(0, 3, 1, 2) / 255).astype(np.float32)
        outputs = {}
        for model in ("semantic", "instances"):
            session = onnxruntime.InferenceSession(str(folder / "models" / f"{model}.onnx"))
            outputs[model] = session.run(None, {"images": images})
    rows, prototypes = outputs["instances"]
    np.savez(target, logits=outputs["semantic"][0], rows=rows, prototypes=prototypes)


def milliseconds(work: Callable[[], Any]) -> float:
    """Of CPU, the least of some."""
    least = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return 1000 * least


def semantic(logits: np.ndarray[Any, Any]) -> Found:
    """What the version of lightly_assets on the path makes of logits, and how long it takes a frame."""
    from lightly_assets.format.schema import TaskType
    from lightly_assets.models.columns import pack
    from lightly_assets.models.layouts.base import Output, ReadSettings
    from lightly_assets.models.layouts.scores import Logits
    from lightly_assets.models.pixels.geometry import view_of
    from lightly_assets.models.preprocess import Preprocess

    settings = ReadSettings(
        task_type=TaskType.SEMANTIC_SEGMENTATION,
        classes=logits.shape[1],
        floor=0,
        max_candidates=300,
        max_masks=100,
        nms_iou=None,
        nms_per_class=False,
    )
    layout = Logits(settings, [Output("logits", (None, *logits.shape[1:]), "float32")])
    view = view_of(Preprocess(resize="letterbox", size=(192, 320)).complete(), *SIZE)

    def read() -> list[Any]:
        return [pack(one) for one in layout.results([logits], [view] * len(logits))]

    found = read()
    digest = sha256()
    for one in found:
        digest.update(one.classes.tobytes())
        digest.update(b"".join(counts.tobytes() for counts in one.masks.counts))
    scores = [[*one.medians.tolist(), *one.means.tolist()] for one in found]
    return {"ms": milliseconds(read) / len(logits), "masks": digest.hexdigest(), "scores": scores}


def instances(rows: np.ndarray[Any, Any], prototypes: np.ndarray[Any, Any]) -> Found:
    """The same of objects' masks."""
    from lightly_assets.models.layouts.shared.masks import prototype_masks
    from lightly_assets.models.pixels.geometry import view_of
    from lightly_assets.models.preprocess import Preprocess

    view = view_of(Preprocess(resize="letterbox", size=(192, 320)).complete(), *SIZE)
    given = []
    for table, planes in zip(rows.transpose(0, 2, 1), prototypes, strict=True):
        best = table[np.argsort(-table[:, 4:6].max(axis=1), kind="stable")[:OBJECTS]]
        half = best[:, 2:4] / 2
        boxes = view.to_image(np.concatenate([best[:, :2] - half, best[:, :2] + half], axis=1))
        given.append((best[:, 6:], planes, boxes, view))

    def read() -> list[Any]:
        return [prototype_masks(*one) for one in given]

    digest = sha256(b"".join(counts.tobytes() for one in read() for counts in one.counts))
    return {"ms": milliseconds(read) / len(given), "masks": digest.hexdigest()}


def measured(checkout: Path, outputs: Path) -> dict[str, Found]:
    """What a version does, in a process of its own."""
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "--outputs", str(outputs)]
    # One thread: matrix products would take more.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    environment = os.environ | threads | {"PYTHONPATH": str(checkout)}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--before", type=Path, help="a checkout of the version to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--outputs", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.outputs:
        given = np.load(options.outputs)
        found = {
            "semantic": semantic(given["logits"]),
            "instances": instances(given["rows"], given["prototypes"]),
        }
        print(json.dumps(found))
        return
    if options.before is None or not (options.before / "lightly_assets").is_dir():
        parser.error("--before must name a checkout of another version; git worktree add makes one")
    with tempfile.TemporaryDirectory() as name:
        outputs = Path(name) / "outputs.npz"
        write_outputs(outputs)
        now = Path(__file__).resolve().parents[2]
        rounds = [
            (measured(options.before.resolve(), outputs), measured(now, outputs))
            for _ in range(options.rounds)
        ]
    print(f"{'':36}{'before':>10}{'now':>9}{'ratio':>8}{'at most':>9}{'aim':>6}   masks")
    for name, text, most, aim in (
        ("semantic", "semantic, 6 classes, a frame of 1080p", 0.50, 0.25),
        ("instances", "instances, 20 objects of a frame", 0.60, 0.40),
    ):
        pairs = [(before[name], after[name]) for before, after in rounds]
        ratio = statistics.median(after["ms"] / before["ms"] for before, after in pairs)
        before, after = (
            statistics.median(one["ms"] for one in column) for column in zip(*pairs, strict=True)
        )
        same = "the same" if all(one["masks"] == other["masks"] for one, other in pairs) else "DIFFERENT"
        print(f"{text:36}{before:7.2f} ms{after:6.2f} ms{ratio:8.2f}{most:9.2f}{aim:6.2f}   {same}")
    first, second = (np.concatenate(one["semantic"]["scores"]) for one in rounds[0])
    print(f"scores of semantic masks differ by at most {np.abs(first - second).max():.5f} (at most 0.001)")


if __name__ == "__main__":
    main()
