"""People in real footage, by the model files inside of the package mediapipe 0.10.14 (Apache-2.0).

Each public function takes (N, H, W, 3) uint8 RGB images and returns one result per image.
"""

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightly_assets.models.results import Detections, Keypoints, SemanticScores

Array = NDArray[Any]

# pose_detection: a grid of anchors at strides 8, 16 and three times 32 over 224 pixels, two at each place.
_GRIDS = ((28, 2), (14, 2), (7, 6))
_DETECTOR_SIZE, _LANDMARK_SIZE, _SILHOUETTE_SIZE = 224, 256, 256
_PERSON_SCORE = 0.5
_SAME_PERSON = 0.3  # Of two detections whose boxes overlap more, the better one stays.
_MARGIN = 1.25  # Around the circle that the detector draws around a person.
_BODY_POINTS = 33  # The rest are helpers of mediapipe's tracking.


def poses(images: Array) -> list[Keypoints]:
    """33 keypoints of each person, from nose to toes; their order is in the README."""
    return [_as_keypoints(_people(image)) for image in images]


def masks(images: Array) -> list[Detections]:
    """A mask, and the box around it, of each person."""
    return [_as_detections(_people(image), image.shape[:2]) for image in images]


def boxes(images: Array) -> list[Detections]:
    """The box around the mask of each person."""
    found = masks(images)
    return [Detections(one.boxes, one.scores, one.category_ids) for one in found]


def silhouettes(images: Array) -> list[SemanticScores]:
    """The probability of every pixel to be background (channel 0) or person (channel 1)."""
    results = []
    for image in images:
        height, width = image.shape[:2]
        side = _SILHOUETTE_SIZE
        pixels = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
        small = _run("selfie_segmentation/selfie_segmentation.tflite", pixels / np.float32(255))[0][0, ..., 0]
        person = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR))
        person = person.clip(0, 1)
        results.append(SemanticScores(np.stack([1 - person, person])))
    return results


@dataclass(frozen=True)
class _Person:
    points: Array
    """(33, 3) x, y in pixels of the image, and how visible."""
    score: float
    mask: Array
    """(256, 256) logits, over the turned square around the person."""
    to_square: tuple[float, ...]
    """The affine map from the image's pixels to the square's."""


def _people(image: Array) -> list[_Person]:
    found = (_person(image, centre, top) for centre, top in _circles(image))
    return [person for person in found if person is not None]


def _circles(image: Array) -> list[tuple[Array, Array]]:
    """For each person the middle of the hips and the point of the circle around them above the head."""
    height, width = image.shape[:2]
    side = max(height, width)
    scale = _DETECTOR_SIZE / side
    left, top = (side - width) / 2, (side - height) / 2
    # Pillow's affine maps say, for every pixel of the result, where it comes from.
    pixels = _warped(image, (1 / scale, 0, -left, 0, 1 / scale, -top), _DETECTOR_SIZE)
    raw, logits = _run("pose_detection/pose_detection.tflite", pixels / np.float32(127.5) - 1)
    scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
    likely = np.flatnonzero(scores >= _PERSON_SCORE)
    likely = likely[np.argsort(-scores[likely], kind="stable")]
    anchors = _anchors()[likely]
    centres = raw[0, likely, :2] + anchors
    corners = np.concatenate([centres - raw[0, likely, 2:4] / 2, centres + raw[0, likely, 2:4] / 2], axis=1)
    points = (raw[0, likely, 4:8].reshape(-1, 2, 2) + anchors[:, None]) / scale - [left, top]
    return [(points[place][0], points[place][1]) for place in _apart(corners)]


@functools.cache
def _anchors() -> Array:
    """(2254, 2) centres of the anchors, in the detector's pixels."""
    centres = []
    for cells, each in _GRIDS:
        y, x = np.mgrid[0:cells, 0:cells]
        middle = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * (_DETECTOR_SIZE / cells)
        centres.append(np.repeat(middle, each, axis=0))
    return np.concatenate(centres)


def _apart(corners: Array) -> list[int]:
    """The places of boxes, given from the best to the worst, that do not overlap a better one."""
    kept: list[int] = []
    for place, box in enumerate(corners):
        if all(_overlap(box, corners[other]) <= _SAME_PERSON for other in kept):
            kept.append(place)
    return kept


def _overlap(one: Array, other: Array) -> float:
    shared = np.prod(np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0))
    areas = np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])
    return float(shared / (areas - shared))


def _person(image: Array, centre: Array, top: Array) -> _Person | None:
    """What the second model sees in the square around a circle, turned until the person stands upright."""
    radius = float(np.hypot(*(top - centre)))
    if radius < 1:
        return None
    up = (top - centre) / radius
    right = np.array([-up[1], up[0]])
    step = 2 * radius * _MARGIN / _LANDMARK_SIZE
    corner = centre - (right - up) * step * _LANDMARK_SIZE / 2
    to_image = (right[0] * step, -up[0] * step, corner[0], right[1] * step, -up[1] * step, corner[1])
    pixels = _warped(image, to_image, _LANDMARK_SIZE)
    landmarks, confidence, mask, *_ = _run(
        "pose_landmark/pose_landmark_full.tflite", pixels / np.float32(255)
    )
    score = float(confidence[0, 0])
    if score < _PERSON_SCORE:
        return None
    marks = landmarks.reshape(-1, 5)[:_BODY_POINTS].astype(np.float64)
    a, b, c, d, e, f = to_image
    x, y = marks[:, 0], marks[:, 1]
    visible = 1 / (1 + np.exp(-marks[:, 3]))
    points = np.stack([a * x + b * y + c, d * x + e * y + f, visible], axis=1)
    return _Person(points, min(score, 1.0), mask[0, ..., 0], _inverse(to_image))


def _inverse(affine: tuple[float, ...]) -> tuple[float, ...]:
    matrix = np.linalg.inv(np.array([affine[:3], affine[3:], (0, 0, 1)]))
    return tuple(matrix[:2].ravel().tolist())


def _as_keypoints(people: list[_Person]) -> Keypoints:
    points = np.array([one.points for one in people]).reshape(-1, _BODY_POINTS, 3)
    return Keypoints(points, [one.score for one in people], np.zeros(len(people), dtype=np.int64))


def _as_detections(people: list[_Person], size: tuple[int, int]) -> Detections:
    """Persons whose mask has a pixel in the image."""
    found = [(one.score, _whole(one, size)) for one in people]
    found = [(score, mask) for score, mask in found if mask.any()]
    return Detections(
        np.array([_around(mask) for _, mask in found]).reshape(-1, 4),
        [score for score, _ in found],
        np.zeros(len(found), dtype=np.int64),
        masks=np.array([mask for _, mask in found], dtype=np.bool_).reshape(-1, *size),
    )


def _whole(person: _Person, size: tuple[int, int]) -> Array:
    """The mask of a person over the whole image."""
    logits = Image.fromarray(person.mask).transform(
        (size[1], size[0]), Image.Transform.AFFINE, person.to_square, Image.Resampling.BILINEAR, fillcolor=-1
    )
    return np.asarray(logits) > 0


def _around(mask: Array) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _warped(image: Array, affine: tuple[float, ...], side: int) -> Array:
    return np.asarray(
        Image.fromarray(image).transform(
            (side, side), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
        )
    )


def _run(name: str, image: Array) -> list[Array]:
    """The outputs of a model for one image (H, W, 3)."""
    interpreter = _interpreter(name)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None].astype(np.float32))
    interpreter.invoke()
    return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]


@functools.cache
def _interpreter(name: str) -> Any:
    # Only the files of the package are used: importing it would need far more packages.
    package = importlib.util.find_spec("mediapipe")
    if package is None or not package.submodule_search_locations:
        raise ImportError("install its packages with: pip install --no-deps -r requirements.txt")
    from ai_edge_litert.interpreter import Interpreter

    path = Path(package.submodule_search_locations[0], "modules", name)
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter
