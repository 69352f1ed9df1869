"""How right the demo's models are: on generated streets that they have never seen, as frames of H.264 video.

``python -m benchmarks.demo.accuracy [--scenes 60] [--models FOLDER] [--source yuv]``. It runs the ONNX files
with ONNX Runtime alone and reads their outputs itself, so it also says what other programs would get out of
them. With ``--source yuv`` frames are made small in one step with their conversion to RGB, as
``preprocess: {source: yuv}`` does.
"""

import argparse
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from lightly_assets.demo.footage import SEMANTIC_CLASSES, WEATHERS, Scene, Truth

MODELS = Path(__file__).parents[2] / "lightly_assets" / "demo" / "models"
CATEGORIES = ("person", "car")
FIRST_SEED = 50_000  # Training begins at 100,000, the demo's own clips are below 100.
HEIGHT, WIDTH, PAD, GREY = 192, 320, 6, 114
SCALE = 0.5  # From a 640x360 frame to the models' input.
FLOOR = 0.05  # Boxes below it count nowhere, not in the average precision either.
SCORE, OVERLAP = 0.35, 0.6  # Score threshold and the IoU of the suppression, as in the demo's lightly.yaml.

Array = NDArray[Any]


def frames_of(scene: Scene, number: int, source: str = "rgb") -> Iterator[tuple[Array, Truth]]:
    """Frames over 8 seconds of a scene, encoded, decoded and in half their size, with their truth."""
    size = round(scene.width * SCALE), round(scene.height * SCALE)
    drawn = [scene.frame(8 * index / number) for index in range(number)]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
        stream.options = {"crf": "23", "preset": "veryfast"}
        for one in drawn:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(one.image, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        for frame, one in zip(container.decode(video=0), drawn, strict=True):
            if source == "yuv":
                small = frame.reformat(*size, format="rgb24", interpolation="FAST_BILINEAR").to_ndarray()
            else:
                whole = Image.fromarray(frame.to_ndarray(format="rgb24"))
                small = np.asarray(whole.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
            yield small, one.truth


class Net:
    """One of the demo's ONNX files, on one core."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.milliseconds: list[float] = []

    def __call__(self, batch: Array) -> list[Array]:
        started = time.perf_counter()
        outputs: list[Array] = self._session.run(None, {"images": batch})
        self.milliseconds.append(1000 * (time.perf_counter() - started) / len(batch))
        return outputs


def model_input(small: Array) -> Array:
    """(1, 3, 192, 320): letterbox, RGB, 0 to 1."""
    padded = np.full((HEIGHT, WIDTH, 3), GREY, dtype=np.float32)
    padded[PAD : HEIGHT - PAD] = small
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None]) / np.float32(255)


def overlaps(box: Array, boxes: Array) -> Array:
    """IoU of a box with (N, 4) boxes, as corners."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    return np.asarray(
        common / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - common)
    )


def found_objects(table: Array, classes: int, least: float = SCORE) -> tuple[Array, Array, Array, Array]:
    """Boxes (corners, frame pixels), scores, classes and what follows them, of a (4 + C + extra, A) table."""
    rows = table.T[table[4 : 4 + classes].max(axis=0) >= least]
    scores, kinds = rows[:, 4 : 4 + classes].max(axis=1), rows[:, 4 : 4 + classes].argmax(axis=1)
    corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    boxes = (corners - (0, PAD, 0, PAD)) / SCALE
    kept: list[int] = []
    for index in np.argsort(-scores):
        rivals = [other for other in kept if kinds[other] == kinds[index]]
        if not rivals or overlaps(boxes[index], boxes[rivals]).max() <= OVERLAP:
            kept.append(int(index))
    return boxes[kept], scores[kept], kinds[kept], rows[kept, 4 + classes :]


def whole_frame(planes: Array, height: int, width: int) -> Array:
    """(C, H, W) of (C, h, w) planes over the models' input."""
    size = (round(WIDTH / SCALE), round(HEIGHT / SCALE))
    grown = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.BILINEAR))
        for plane in planes
    ]
    top = round(PAD / SCALE)
    return np.stack(grown)[:, top : top + height, :width]


def countable(truth: Truth) -> list[bool]:
    """Which objects have to be found: not those that are tiny or hidden but for a sliver."""
    return [one.visible >= 0.3 and one.box[2] >= 8 and one.box[3] >= 14 for one in truth.objects]


@dataclass
class Detection:
    """Counts over all frames; objects that need not be found are neither hits nor mistakes."""

    hits: int = 0
    mistakes: int = 0
    missed: int = 0
    clear: list[bool] = field(default_factory=list)
    """Of each object of which more than half is seen, whether it was found."""
    ious: list[float] = field(default_factory=list)
    ranked: list[tuple[float, str, bool]] = field(default_factory=list)
    """Score, category and whether it is a hit, of each box that counts."""
    asked: dict[str, int] = field(default_factory=dict)
    """Objects of each category that have to be found."""

    def add(self, boxes: Array, scores: Array, kinds: Array, truth: Truth) -> list[tuple[int, int]]:
        """Count a frame; returns pairs of found and true objects."""
        must = countable(truth)
        true = np.array([(x, y, x + w, y + h) for x, y, w, h in (one.box for one in truth.objects)], float)
        free, pairs = set(range(len(true))), []
        for index in np.argsort(-scores):
            same = [other for other in free if truth.objects[other].category == CATEGORIES[kinds[index]]]
            values = overlaps(boxes[index], true[same]) if same else np.zeros(0)
            # Objects that have to be found come first.
            order = sorted(range(len(same)), key=lambda place: (must[same[place]], values[place]))
            best = next((place for place in reversed(order) if values[place] >= 0.5), None)
            if best is None:
                if not self._forgiven(boxes[index], true, must):
                    self.mistakes += 1
                    self.ranked.append((float(scores[index]), CATEGORIES[kinds[index]], False))
                continue
            free.discard(same[best])
            if must[same[best]]:
                self.hits += 1
                self.ranked.append((float(scores[index]), CATEGORIES[kinds[index]], True))
                self.ious.append(float(values[best]))
                pairs.append((int(index), same[best]))
        self.missed += sum(must[other] for other in free)
        for one, needed in zip(truth.objects, must, strict=True):
            self.asked[one.category] = self.asked.get(one.category, 0) + needed
        self.clear += [
            place not in free for place, one in enumerate(truth.objects) if must[place] and one.visible > 0.5
        ]
        return pairs

    @staticmethod
    def _forgiven(box: Array, true: Array, must: list[bool]) -> bool:
        """Whether a box lies on an object that need not be found."""
        for other, needed in zip(true, must, strict=True):
            low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
            if not needed and np.clip(high - low, 0, None).prod() > 0.5 * (box[2:] - box[:2]).prod():
                return True
        return False

    @property
    def mean_average_precision(self) -> float:
        """At IoU 0.5: the area below precision over recall, the mean of the categories."""
        areas = []
        for category, asked in self.asked.items():
            if not asked:
                continue
            ordered = sorted((one for one in self.ranked if one[1] == category), key=lambda one: -one[0])
            hits = np.cumsum([hit for _, _, hit in ordered])
            precision = hits / np.arange(1, len(hits) + 1)
            # The best precision that is had at this recall or a higher one.
            best = np.maximum.accumulate(precision[::-1])[::-1]
            areas.append(float((best * np.diff(hits, prepend=0)).sum() / asked))
        return float(np.mean(areas))

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + self.mistakes)

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.hits + self.missed)


@dataclass
class Accuracy:
    """What the models are worth, over some scenes."""

    frames: int = 0
    objects: Detection = field(default_factory=Detection)
    candidates: Detection = field(default_factory=Detection)
    """All boxes above the floor, for the average precision."""
    instances: Detection = field(default_factory=Detection)
    people: Detection = field(default_factory=Detection)
    mask_ious: list[float] = field(default_factory=list)
    point_errors: list[float] = field(default_factory=list)
    """Of keypoints that are seen, in shares of the person's height."""
    confusion: Array = field(default_factory=lambda: np.zeros((len(SEMANTIC_CLASSES),) * 2, np.int64))
    weather: int = 0
    """Frames whose weather is right."""
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def class_ious(self) -> Array:
        """Of each semantic class."""
        both = np.diag(self.confusion)
        return np.asarray(both / (self.confusion.sum(0) + self.confusion.sum(1) - both))


def measure(folder: Path, scenes: int, frames: int = 4, source: str = "rgb") -> Accuracy:
    """Run all models in a folder over frames of so many scenes."""
    result = Accuracy()
    nets = {
        name: Net(folder / f"{name}.onnx")
        for name in ("objects", "instances", "people", "semantic", "weather")
    }
    for seed in range(FIRST_SEED, FIRST_SEED + scenes):
        for image, truth in frames_of(Scene(seed), frames, source):
            result.frames += 1
            _add(result, nets, image, truth)
    result.milliseconds = {name: float(np.median(net.milliseconds)) for name, net in nets.items()}
    return result


def _add(result: Accuracy, nets: dict[str, Net], image: Array, truth: Truth) -> None:
    batch, (height, width) = model_input(image), truth.semantic.shape
    table = nets["objects"](batch)[0][0]
    for counted, least in ((result.objects, SCORE), (result.candidates, FLOOR)):
        boxes, scores, kinds, _ = found_objects(table, 2, least)
        counted.add(boxes, scores, kinds, truth)

    table, prototypes = nets["instances"](batch)
    boxes, scores, kinds, mix = found_objects(table[0], 2)
    planes = whole_frame(prototypes[0], height, width)
    for index, other in result.instances.add(boxes, scores, kinds, truth):
        left, top, right, bottom = np.ceil(boxes[index]).astype(int).clip(0)
        mask = np.zeros((height, width), dtype=bool)
        inside = np.tensordot(mix[index], planes[:, top:bottom, left:right], axes=1) > 0
        mask[top:bottom, left:right] = inside
        true = truth.mask(other)
        result.mask_ious.append(float((mask & true).sum() / (mask | true).sum()))

    boxes, scores, kinds, points = found_objects(nets["people"](batch)[0][0], 1)
    persons = Truth(
        truth.weather,
        tuple(one for one in truth.objects if one.category == "person"),
        truth.instances,
        truth.semantic,
    )
    for index, other in result.people.add(boxes, scores, kinds, persons):
        one = persons.objects[other]
        places = (points[index].reshape(-1, 3)[:, :2] - (0, PAD)) / SCALE
        gaps = np.linalg.norm(places - one.keypoints[:, :2], axis=1) / one.box[3]
        result.point_errors += gaps[one.keypoints[:, 2] > 0].tolist()

    labels = whole_frame(nets["semantic"](batch)[0][0], height, width).argmax(axis=0)
    pairs = truth.semantic.astype(np.int64) * len(SEMANTIC_CLASSES) + labels
    result.confusion += np.bincount(pairs.ravel(), minlength=result.confusion.size).reshape(
        result.confusion.shape
    )
    result.weather += WEATHERS[int(nets["weather"](batch)[0][0].argmax())] == truth.weather


def drawing_rate() -> float:
    """Frames of 640x360 that one core draws in a second, over three scenes."""
    times = []
    for seed in range(FIRST_SEED, FIRST_SEED + 3):
        scene = Scene(seed)
        for index in range(40):
            started = time.perf_counter()
            scene.frame(index / 20)
            times.append(time.perf_counter() - started)
    return 1 / float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the ONNX files")
    parser.add_argument("--source", choices=["rgb", "yuv"], default="rgb", help="what is made small")
    given = parser.parse_args()
    found = measure(given.models, given.scenes, source=given.source)
    print(f"{found.frames} frames of {given.scenes} unseen scenes, decoded from H.264")
    lines = [(f"{name} {what}", value, aim) for name, one in (
        ("objects:", found.objects), ("instances:", found.instances), ("people:", found.people)
    ) for what, value, aim in (
        ("precision at IoU 0.5", one.precision, 0.95),
        ("recall at IoU 0.5", one.recall, 0.95),
        ("recall, more than half seen", float(np.mean(one.clear)), 0.95),
        ("mean IoU of boxes", float(np.mean(one.ious)), 0.85),
    )]  # fmt: skip
    errors = np.array(found.point_errors)
    lines += [
        ("objects: mean average precision at IoU 0.5", found.candidates.mean_average_precision, 0.9),
        ("instances: mean IoU of masks", float(np.mean(found.mask_ious)), 0.8),
        ("people: keypoints within a tenth of the height", float((errors < 0.1).mean()), 0.9),
        ("semantic: mean IoU", float(found.class_ious.mean()), 0.85),
        *((f"semantic: IoU of {name}", float(value), None)
          for name, value in zip(SEMANTIC_CLASSES, found.class_ious, strict=True)),
        ("weather: accuracy", found.weather / found.frames, 0.95),
    ]  # fmt: skip
    print(f"{'':<50}{'found':>7}{'aim':>7}")
    for name, value, aim in lines:
        print(f"{name:<50}{value:>7.3f}{'' if aim is None else f'{aim:>7.2f}'}")
    for task, value in found.milliseconds.items():
        print(f"{task + ': milliseconds a frame, one core':<50}{value:>7.1f}{6:>7.1f}")
    print(f"{'footage: frames drawn a second, one core':<50}{drawing_rate():>7.0f}{40:>7.0f}")


if __name__ == "__main__":
    main()
