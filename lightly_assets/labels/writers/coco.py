"""One COCO file: images, categories, and annotations with scores."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightly_assets.format import rle
from lightly_assets.format.coco.masks import to_coco
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.labels.writing import WRITERS, Exported, Predicted, new_file

_COPIED = ("score", "probabilities")


class CocoWriter:
    """A JSON file; everything is kept, scores of key points in the place of their visibilities."""

    task_types: tuple[TaskType, ...] = tuple(TaskType)

    def write(self, predicted: Iterator[Predicted], schema: Schema, out: Path, exported: Exported) -> None:
        path = new_file(out, ".json")
        annotations = path.with_name(f".{path.name}.annotations")
        try:
            with path.open("w") as file, annotations.open("w+") as rows:
                file.write('{"images": [')
                for number, one in enumerate(predicted, 1):
                    image = {
                        "id": number,
                        "file_name": one.file_name,
                        "width": one.width,
                        "height": one.height,
                    }
                    file.write(("" if number == 1 else ",") + "\n" + json.dumps(image))
                    exported.images += 1
                    for singleton in one.singletons:
                        exported.predictions += 1
                        row = _annotation(singleton, one, exported.predictions, number)
                        rows.write(("" if exported.predictions == 1 else ",") + "\n" + json.dumps(row))
                categories = [category.model_dump() for category in schema.categories]
                file.write(f'],\n"categories": {json.dumps(categories)},\n"annotations": [')
                rows.seek(0)
                while part := rows.read(1 << 20):
                    file.write(part)
                file.write("]}\n")
            exported.files = 1
        finally:
            annotations.unlink(missing_ok=True)


WRITERS.add("coco", CocoWriter())


def _annotation(singleton: dict[str, Any], one: Predicted, number: int, image: int) -> dict[str, Any]:
    row: dict[str, Any] = {"id": number, "image_id": image, "category_id": singleton["category_id"]}
    if "segmentation" in singleton:
        counts = singleton["segmentation"]
        row["segmentation"] = to_coco(counts, one.height, one.width, compressed=True)
        row |= {"area": rle.area(counts), "iscrowd": 0}
        row["bbox"] = singleton.get("bbox") or rle.bounding_box(counts, one.width) or [0, 0, 0, 0]
    elif "bbox" in singleton:
        box = singleton["bbox"]
        row |= {"bbox": box, "area": box[2] * box[3], "iscrowd": 0}
    if "keypoints" in singleton:
        points = singleton["keypoints"]
        row |= {"keypoints": points, "num_keypoints": sum(score > 0 for score in points[2::3])}
    return row | {key: singleton[key] for key in _COPIED if key in singleton}
