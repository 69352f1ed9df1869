"""YOLO: a text file for each image, with scores in the last column, and a ``data.yaml``."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lightly_assets.format.names.suffixes import split_suffix
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.writing import WRITERS, Exported, Predicted, lose_probabilities, new_folder


class YoloWriter:
    """``labels/`` as the images lie; masks and classes are not written, because YOLO has outlines only."""

    task_types: tuple[TaskType, ...] = (TaskType.OBJECT_DETECTION, TaskType.KEYPOINT_DETECTION)

    def write(self, predicted: Iterator[Predicted], schema: Schema, out: Path, exported: Exported) -> None:
        folder = new_folder(out)
        points: int | None = None
        for one in predicted:
            lines: list[str] = []
            for singleton in one.singletons:
                lose_probabilities(singleton, exported)
                numbers = _box(singleton, one, exported)
                if "keypoints" in singleton:
                    count = len(singleton["keypoints"]) // 3
                    if points not in (None, count):
                        raise LabelsError(
                            f"'{one.file_name}' has an object with {count} key points, others have "
                            f"{points}; YOLO needs "
                            "the same number for all: export coco."
                        )
                    points = count
                    numbers += _points(singleton["keypoints"], one)
                numbers.append(float(singleton["score"]))
                lines.append(f"{singleton['category_id']} {' '.join(map(repr, numbers))}\n")
            path = folder / "labels" / f"{split_suffix(one.file_name)[0]}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines), encoding="utf-8")
            exported.files += 1
            exported.images += 1
            exported.predictions += len(lines)
        names = "".join(f"  {one.id}: {json.dumps(one.name)}\n" for one in schema.categories)
        shape = "" if points is None else f"kpt_shape: [{points}, 3]\n"
        text = f"path: .\ntrain: images\nval: images\n{shape}names:\n{names}"
        (folder / "data.yaml").write_text(text, encoding="utf-8")
        exported.files += 1


WRITERS.add("yolo", YoloWriter())


def _box(singleton: dict[str, Any], one: Predicted, exported: Exported) -> list[float]:
    box = singleton.get("bbox")
    if box is None:
        exported.lose("that an object has no box: YOLO has the box around its key points")
        xs, ys = singleton["keypoints"][0::3], singleton["keypoints"][1::3]
        box = [min(xs), min(ys), max(max(xs) - min(xs), 1), max(max(ys) - min(ys), 1)]
    x, y, width, height = box
    return [
        (x + width / 2) / one.width,
        (y + height / 2) / one.height,
        width / one.width,
        height / one.height,
    ]


def _points(points: Sequence[float], one: Predicted) -> list[float]:
    sizes = (one.width, one.height, 1)
    return [value / sizes[place % 3] for place, value in enumerate(points)]
