"""Embeddings on their way through the pass: cut out, described, and kept in the records of their units."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.format.names.frame_names import frame_name
from lightly_assets.models.protocol import Image, ModelError, Source
from lightly_assets.pipeline.planning.embedding_setup import EmbeddingSetup
from lightly_assets.pipeline.state.records import InputRecord, Record, version
from lightly_assets.pipeline.state.vector_tables import merge_vectors

if TYPE_CHECKING:
    from lightly_assets.pipeline.running.commit import TaskResult, Warehouse
    from lightly_assets.pipeline.running.of_boxes.found import BoxesOf
    from lightly_assets.pipeline.running.outcome import UnitOutcome
    from lightly_assets.pipeline.running.unit_state import TaskState

Boxes = NDArray[np.float64]

LEAST_PIXELS = 4
"""Objects that are smaller have no picture to speak of, and no vector."""


def crops(image: Image, boxes: Boxes) -> Iterator[tuple[int, Image]]:
    """What lies in the boxes of an (H, W, 3) image, as far as inside: numbers of objects, and pixels."""
    height, width = image.shape[:2]
    for number, (x, y, w, h) in enumerate(boxes.tolist()):
        left, top = max(0, int(x)), max(0, int(y))
        right, bottom = min(width, round(x + w)), min(height, round(y + h))
        if right - left >= LEAST_PIXELS and bottom - top >= LEAST_PIXELS:
            yield number, image[top:bottom, left:right]


def take_vectors(task: TaskState, rows: list[tuple[Source, Any]]) -> None:
    """Keep what the model said of whole frames, or describe the objects of frames."""
    for source, found in rows:
        if not task.is_open(source.input):
            continue
        if task.base is None:
            task.vectors.add(source, 0, found)
        elif not _describe(task, task.base, source, found):
            continue
        task.seen[source.input] += 1


def _describe(task: TaskState, base: BoxesOf, source: Source, image: Image) -> bool:
    """Describe the objects on a frame; whether that was possible."""
    objects = base.take(task, source)
    if objects is None:
        reason = (
            f"'{source.input}': the objects of task '{base.task}' are not described, because it has no "
            "predictions."
        )
        task.outcome.failed.setdefault(source.input, reason)
        return False
    cut = list(crops(image, objects.boxes))
    try:
        found = task.embedding.model.vectors([pixels for _, pixels in cut], [source] * len(cut))
    except ModelError as error:
        task.outcome.failed[source.input] = f"embeddings of '{base.task}', {error}"
        return False
    for (number, _), vector in zip(cut, found, strict=True):
        task.vectors.add(source, number, vector)
    return True


def with_vectors(
    house: Warehouse, record: Record, unit: UnitOutcome, result: TaskResult, keys: Collection[str]
) -> Record:
    """A record that speaks of new vectors, which are stored; inputs that have none get a reason instead."""
    setup = result.setup
    assert isinstance(setup, EmbeddingSetup)
    inputs: dict[str, InputRecord] = {}
    for key, one in record.inputs.items():
        # Vectors of another model are not kept beside new ones.
        inputs[key] = one if one.model == setup.model_version else replace(one, model="")
    keep = {key for key, one in inputs.items() if one.model and key not in keys}
    for key in keys:
        inputs[key] = replace(unit.frames[key], model=setup.model_version)

    def name_of(key: str, frame: int | None) -> str:
        return key if frame is None else frame_name(key, frame, inputs[key].frames or 0)

    old = record.predictions
    merged = result.folder / f"{setup.name}.merged"
    try:
        opened = (lambda: house.open(old or "")) if old else None
        size = merge_vectors(result.predictions, keys, opened, keep, name_of, merged)
        schema = "" if size is None else f"float32[{size}]"
        others = [one for one in house.index.schemas(setup.name, setup.model_version) if one != schema]
        if size is not None and others:
            raise BadValue(
                f"the embedding has {size} numbers, but those stored by the same version of the model are "
                f"{others[0]}; give the model another version"
            )
    except BadValue as error:
        result.outcome.failed |= {key: f"embeddings, '{key}': {error}." for key in keys}
        return record
    for key in keys:
        count = result.vectors.get(key, 0)
        inputs[key] = replace(inputs[key], schema=schema, statistics={"singletons": count})
        result.outcome.vectors += count
    if size is None:
        return replace(record, inputs=inputs, predictions=None)
    made = {key: one.predictions_version for key, one in inputs.items() if one.model}
    target = setup.table_key(record.unit, version(*sorted(made.items())))
    house.state.upload(target, merged)
    merged.unlink()
    return replace(record, inputs=inputs, predictions=target)
