"""YouTube-VIS: one JSON file of videos, with a mask or a box of each object in every frame."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from lightly_assets.format import rle
from lightly_assets.format.coco.masks import to_coco
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.writing import WRITERS, Exported, Predicted, lose_probabilities, new_file


class YouTubeVisWriter:
    """A JSON file. The n-th objects of a category make one annotation, because frames have no tracks."""

    task_types: tuple[TaskType, ...] = (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION)

    def write(self, predicted: Iterator[Predicted], schema: Schema, out: Path, exported: Exported) -> None:
        path = new_file(out, ".json")
        videos: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for video, group in groupby(predicted, key=lambda one: one.video):
            frames = list(group)
            if video is None:
                name = frames[0].file_name
                raise LabelsError(
                    f"'{name}' is no frame of a video, and YouTube-VIS has videos only; export coco."
                )
            size = {"width": frames[0].width, "height": frames[0].height}
            names = [one.file_name for one in frames]
            videos.append({"id": len(videos) + 1, "length": len(frames), **size, "file_names": names})
            for row in _annotations(frames, exported):
                annotations.append({"id": len(annotations) + 1, "video_id": len(videos), **row, **size})
        categories = [category.model_dump() for category in schema.categories]
        document = {"videos": videos, "categories": categories, "annotations": annotations}
        path.write_text(json.dumps(document), encoding="utf-8")
        exported.files = 1


WRITERS.add("youtube-vis", YouTubeVisWriter())


def _annotations(frames: list[Predicted], exported: Exported) -> Iterator[dict[str, Any]]:
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for place, one in enumerate(frames):
        exported.images += 1
        seen: Counter[int] = Counter()
        for singleton in one.singletons:
            exported.predictions += 1
            lose_probabilities(singleton, exported)
            category = singleton["category_id"]
            row = rows.setdefault((category, seen[category]), _empty(category, len(frames)))
            seen[category] += 1
            row["bboxes"][place], row["scores"][place] = singleton["bbox"], singleton["score"]
            if "segmentation" in singleton:
                counts = singleton["segmentation"]
                mask = to_coco(counts, one.height, one.width, compressed=True)
                row["segmentations"][place], row["areas"][place] = mask, rle.area(counts)
            else:
                row["areas"][place] = singleton["bbox"][2] * singleton["bbox"][3]
    yield from rows.values()


def _empty(category: int, frames: int) -> dict[str, Any]:
    keys = ("bboxes", "segmentations", "areas", "scores")
    return {"category_id": category, "iscrowd": 0} | {key: [None] * frames for key in keys}
