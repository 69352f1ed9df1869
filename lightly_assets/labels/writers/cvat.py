"""CVAT's XML 1.1: one file for all images, and one for each video."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

import numpy as np

from lightly_assets.format import rle
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.labels.writing import WRITERS, Exported, Predicted, lose_probabilities, new_folder


class CvatWriter:
    """A folder: ``annotations.xml`` of the images, ``<video>.xml`` of each video. Scores are attributes."""

    task_types: tuple[TaskType, ...] = (
        TaskType.CLASSIFICATION,
        TaskType.OBJECT_DETECTION,
        TaskType.INSTANCE_SEGMENTATION,
        TaskType.SEMANTIC_SEGMENTATION,
    )

    def write(self, predicted: Iterator[Predicted], schema: Schema, out: Path, exported: Exported) -> None:
        folder = new_folder(out)
        images = None
        try:
            for video, group in groupby(predicted, key=lambda one: one.video):
                if video is not None:
                    _video(folder, video, group, schema, exported)
                    continue
                if images is None:
                    images = (folder / "annotations.xml").open("w", encoding="utf-8")
                    images.write(_head(schema, "annotation"))
                    exported.files += 1
                for one in group:
                    _image(images, one, schema, exported)
        finally:
            if images is not None:
                images.write("</annotations>\n")
                images.close()


WRITERS.add("cvat", CvatWriter())


def _head(schema: Schema, mode: str, video: str = "", size: tuple[int, int, int] | None = None) -> str:
    labels = "".join(
        f"<label><name>{_text(one.name)}</name><type>any</type><attributes><attribute><name>score</name>"
        "<mutable>True</mutable><input_type>text</input_type></attribute></attributes></label>"
        for one in schema.categories
    )
    task = f"<mode>{mode}</mode>"
    source = ""
    if size is not None:
        frames, width, height = size
        task = f"<name>{_text(video)}</name><size>{frames}</size>{task}<start_frame>0</start_frame>"
        task += f"<stop_frame>{frames - 1}</stop_frame><frame_filter></frame_filter>"
        task += f"<original_size><width>{width}</width><height>{height}</height></original_size>"
        source = f"<source>{_text(video)}</source>"
    meta = f"<meta><task>{task}<labels>{labels}</labels></task>{source}</meta>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}\n'


def _text(text: str) -> str:
    return quoteattr(text)[1:-1]


def _image(file: TextIO, one: Predicted, schema: Schema, exported: Exported) -> None:
    exported.images += 1
    name = f'name={quoteattr(one.file_name)} width="{one.width}" height="{one.height}"'
    file.write(f'<image id="{exported.images - 1}" {name}>\n')
    for singleton in one.singletons:
        label = f"label={quoteattr(schema.names[singleton['category_id']])}"
        file.write(_shape(singleton, one, label, exported))
    file.write("</image>\n")


def _video(folder: Path, video: str, frames: Iterator[Predicted], schema: Schema, exported: Exported) -> None:
    path = folder / f"{video}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        number = 0
        for place, one in enumerate(frames):
            if not place:
                file.write(_head(schema, "interpolation", video, (one.frames, one.width, one.height)))
            exported.images += 1
            for singleton in one.singletons:
                name = quoteattr(schema.names[singleton["category_id"]])
                at = f'frame="{one.index}" keyframe="1" outside="0"'
                # As CVAT writes objects that are in one frame only.
                gone = f'frame="{(one.index or 0) + 1}" keyframe="1" outside="1"'
                file.write(f'<track id="{number}" label={name} source="auto">\n')
                file.write(_shape(singleton, one, at, exported))
                if (one.index or 0) + 1 < one.frames:
                    file.write(_shape(singleton, one, gone, None))
                file.write("</track>\n")
                number += 1
        file.write("</annotations>\n")
    exported.files += 1


def _shape(singleton: dict[str, Any], one: Predicted, attributes: str, exported: Exported | None) -> str:
    if exported is not None:
        exported.predictions += 1
        lose_probabilities(singleton, exported)
    score = f'<attribute name="score">{float(singleton["score"])!r}</attribute>'
    if "segmentation" in singleton:
        tag, place = "mask", _mask(singleton["segmentation"], one)
    elif "bbox" in singleton:
        x, y, width, height = singleton["bbox"]
        tag, place = "box", f'xtl="{x!r}" ytl="{y!r}" xbr="{x + width!r}" ybr="{y + height!r}" '
    else:
        return f'<tag {attributes} source="auto">{score}</tag>\n'
    return f'<{tag} {attributes} source="auto" occluded="0" {place}z_order="0">{score}</{tag}>\n'


def _mask(counts: list[int], one: Predicted) -> str:
    left, top, width, height = rle.bounding_box(counts, one.width) or [0, 0, 1, 1]
    pixels = rle.decode(counts, one.height, one.width)[top : top + height, left : left + width]
    runs = ", ".join(map(str, rle.encode(np.ascontiguousarray(pixels))))
    return f'rle="{runs}" left="{left}" top="{top}" width="{width}" height="{height}" '
