"""The model on one frame: what it finds, drawn, and whether that is plausible."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lightly_assets.encoding.encode import encode
from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.format.rle import decode
from lightly_assets.format.schema import Category, Schema, TaskType
from lightly_assets.models.config import encode_settings
from lightly_assets.models.crops.objects import Objects, keypoints_in_boxes
from lightly_assets.models.pixels.preprocessor import WHOLE_NUMBERS
from lightly_assets.models.protocol import Model
from lightly_assets.models.results import Result
from lightly_assets.pictures.draw import draw
from lightly_assets.pipeline.inputs.pixels import Pixels
from lightly_assets.proposal.asking import RANGES, is_open
from lightly_assets.proposal.found import ModelFound

# Boxes smaller than this, in pixels, or larger than this share of the image, are rarely objects.
_TINY = 2.0
_WHOLE = 0.95
_MOST_ROWS = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model made of one frame."""

    frame: Pixels
    singletons: Sequence[Mapping[str, Any]]
    rows: list[tuple[str, str]]
    """The plausibility table."""
    doubts: list[str]
    """What speaks against it; empty where nothing does."""


def try_model(found: ModelFound, frame: Pixels) -> Trial:
    """Runs a model on a frame, as a run of the project would.

    Raises:
        ModelError: it fails, or says what is no result.
    """
    assert found.model is not None
    (result,) = _asked(found, found.model, frame)
    schema = _schema(found)
    settings = TaskSettings(schema, encode_settings(found.config, schema.task_type))
    written = encode(result, settings, frame.source.width, frame.source.height).singletons
    names = {one.id: one.name for one in schema.categories}
    if schema.task_type is TaskType.CLASSIFICATION:
        return Trial(frame, written, *_of_classes(written, names))
    if schema.task_type is TaskType.SEMANTIC_SEGMENTATION:
        return Trial(frame, written, *_of_areas(written, names, frame))
    if found.in_boxes:
        return Trial(frame, written, *_of_points(written))
    return Trial(frame, written, *_of_objects(written, names, frame))


def _asked(found: ModelFound, model: Model, frame: Pixels) -> Sequence[Result]:
    """What the model says of a frame; where it looks into boxes, of the whole frame as one."""
    if not found.in_boxes:
        return model.predict(frame.image[None], [frame.source])
    box = np.array([[0, 0, frame.source.width, frame.source.height]], dtype=np.float64)
    whole = Objects(box, np.ones(1), np.zeros(1, dtype=np.int64))
    return keypoints_in_boxes(model, [(frame.image, frame.source, whole)], {0: 0})


def draw_trial(trial: Trial, found: ModelFound, path: Path) -> None:
    """The frame with what was found on it, as PNG."""
    schema = _schema(found)
    names = {one.id: one.name for one in schema.categories}
    Image.fromarray(draw(trial.frame.image, trial.singletons, schema.task_type, names)).save(path)


def other_ranges(found: ModelFound, frame: Pixels) -> list[tuple[str, str]]:
    """What the model says of the frame with pixels in other ranges; nothing where the range is known."""
    if not is_open(found, "mean") or found.model is None:
        return []
    used: Any = found.model
    if used.runtime.reader.preprocess.dtype in WHOLE_NUMBERS:
        return []
    rows = []
    for name, pixels in RANGES.items():
        other = replace(found, pixels=found.pixels | pixels)
        other.load()
        trial = try_model(other, frame)
        told = [f"{row.strip()} {value}" for row, value in trial.rows[:2]]
        rows.append((name, ", ".join(told)))
    return rows


def _schema(found: ModelFound) -> Schema:
    categories = tuple(Category(id=number, name=name) for number, name in enumerate(found.names))
    return Schema(task_type=found.task_type, categories=categories)


def _of_objects(
    found: Sequence[Mapping[str, Any]], names: Mapping[int, str], frame: Pixels
) -> tuple[list[tuple[str, str]], list[str]]:
    rows = [("objects", str(len(found)))]
    if not found:
        return rows, ["nothing is found in this frame; if something is there, pixels or layout are wrong"]
    scores = np.array([one["score"] for one in found])
    rows.append(("scores", f"{scores.min():.2f} to {scores.max():.2f}"))
    counts = Counter(names[one["category_id"]] for one in found)
    rows += [(f"  {name}", str(count)) for name, count in counts.most_common(_MOST_ROWS)]
    boxes = np.array([one["bbox"] for one in found if one.get("bbox")], dtype=np.float64).reshape(-1, 4)
    if not len(boxes):
        return rows, []
    sides = boxes[:, 2:]
    area = frame.source.width * frame.source.height
    tiny, whole = int((sides < _TINY).any(axis=1).sum()), int((sides.prod(axis=1) > _WHOLE * area).sum())
    low, high = np.median(sides, axis=0)
    rows.append(("box, median", f"{low:.0f}×{high:.0f} px"))
    doubts = []
    for count, what in ((tiny, f"under {_TINY:g} px"), (whole, "over the whole image")):
        rows.append((f"boxes {what}", str(count)))
        if count > len(boxes) / 2:
            doubts.append(f"most boxes are {what}: another layout or size is likely")
    if len(np.unique(np.round(scores, 6))) == 1 and len(found) > 3:
        doubts.append("all scores are equal: another output or layout is likely")
    return rows, doubts


def _of_points(found: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, str]], list[str]]:
    (one,) = found
    scores = np.array(one["keypoints"]).reshape(-1, 3)[:, 2]
    rows = [("keypoints", str(len(scores))), ("their scores", f"{scores.min():.2f} to {scores.max():.2f}")]
    return [*rows, ("looked into", "the whole frame, as if it were a box")], []


def _of_classes(
    found: Sequence[Mapping[str, Any]], names: Mapping[int, str]
) -> tuple[list[tuple[str, str]], list[str]]:
    (one,) = found
    ids = sorted(names)
    shares = np.array(one.get("probabilities") or [one["score"]], dtype=np.float64)
    order = np.argsort(-shares)[:_MOST_ROWS] if len(shares) == len(ids) else [ids.index(one["category_id"])]
    rows = [(f"  {names[ids[place]]}", f"{shares[place]:.3f}") for place in order if place < len(shares)]
    doubts = []
    if len(shares) > 1 and shares.max() < 1.5 / len(shares):
        doubts.append("all classes are about as likely: logits taken for probabilities, or other pixels")
    return rows, doubts


def _of_areas(
    found: Sequence[Mapping[str, Any]], names: Mapping[int, str], frame: Pixels
) -> tuple[list[tuple[str, str]], list[str]]:
    height, width = frame.image.shape[:2]
    shares = Counter(
        {names[one["category_id"]]: float(decode(one["segmentation"], height, width).mean()) for one in found}
    )
    rows = [
        (f"  {name}", f"{100 * share:.1f} % of the image") for name, share in shares.most_common(_MOST_ROWS)
    ]
    if not shares:
        return rows, ["no class is found in this frame; pixels or layout may be wrong"]
    whole = max(shares.values()) >= _WHOLE
    return rows, ["one class covers the whole image"] if whole else []
