"""Whatever stands at a place of a label file, it is read or refused in a sentence; nothing else happens."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.format.schema import TaskType
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.document import LabelDocument, LabelImage
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.labelled import known
from tests.labels.reading import read
from tests.labels.test_cvat import box, track, xml
from tests.labels.test_label_studio import BRUSH, region, task, video
from tests.labels.test_other_formats import labelbox_row, vis

WRONG: tuple[Any, ...] = (None, True, "", [], {}, -1, 1e308, "x", [1], {"a": 1}, 10**30, float("nan"), [None])
STUDIO = [
    task(
        region(
            "rectanglelabels",
            {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 9, "rectanglelabels": ["a"]},
        ),
        region("polygonlabels", {"points": [[0, 0], [50, 0], [50, 100]], "polygonlabels": ["a"]}, id="2"),
        region("keypointlabels", {"x": 1, "y": 2, "keypointlabels": ["c"]}, id="3", parentID="r"),
        region("ellipselabels", {"x": 5, "y": 5, "radiusX": 1, "radiusY": 2, "ellipselabels": ["b"]}, id="4"),
        region("choices", {"choices": ["rainy"]}, id="5"),
    ),
    video([(1, 0, True), (5, 40, False), (8, 80, True)]),
]
BRUSHED = [task(region("brushlabels", {"format": "rle", "rle": BRUSH, "brushlabels": ["a"]}))]
RESULTS = [
    {"image_id": "a", "file_name": "a.jpg", "category_id": 1, "bbox": [3, 2, 1, 1], "score": 0.9},
    {
        "image_id": "b",
        "category_id": 2,
        "keypoints": [1, 2, 0.5],
        "segmentation": {"size": [2, 2], "counts": [4]},
    },
]
LABELBOX = json.loads(
    labelbox_row(
        "a.jpg",
        {
            "name": "car",
            "annotation_kind": "ImageBoundingBox",
            "bounding_box": {"left": 1, "top": 2, "width": 3, "height": 4},
        },
    )
)
DOCUMENTS = {
    "label-studio": STUDIO,
    "label-studio-brush": BRUSHED,
    "youtube-vis": vis(segmentations=[None, {"size": [6, 8], "counts": [48]}]),
    "ultralytics": RESULTS,
    "labelbox": LABELBOX,
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(min(len(value), 5)):
            yield from paths(value[index], (*path, index))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    document = copy.deepcopy(document)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


def read_all(path: Path, format: str) -> None:
    """Reads a file as an import does, as far as that needs no input."""
    try:
        labels = read(path, format, names={0: "a", 1: "b"})
        images = [LabelImage(one.names, one.read, one.size, one.shares) for one in labels.images]
        for one in labels.videos:
            found = [label for number in range(10) for label in one.labels(number, "linear")]
            images.append(LabelImage(("video",), known(found), one.size, one.shares))
        document = LabelDocument(labels, images, CocoSettings(rotated="enclose"), TaskType.OBJECT_DETECTION)
        document.task_type(TaskType.OBJECT_DETECTION)
        document.schema_categories()
        for place in range(len(images)):
            list(document.objects(place, (8, 6)))
    except LabelsError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json(name: str, tmp_path: Path) -> None:
    format = "label-studio" if name.startswith("label-studio") else name
    file = tmp_path / "labels.json"
    for path in paths(DOCUMENTS[name]):
        for value in WRONG:
            file.write_text(json.dumps(changed(DOCUMENTS[name], path, value)))
            read_all(file, format)


def test_xml(tmp_path: Path) -> None:
    text = xml(track(box(0, 1), box(5, 9, rotation=10), box(7, 9, outside=True)))
    file = tmp_path / "annotations.xml"
    places = [match.span(1) for match in re.finditer(r'="([^"]*)"|>([^<>]+)<', text) if match[1] is not None]
    for start, stop in places:
        for value in ("", "nan", "-1", "1e400", "99999999999999999999", "x", "&amp;", "\ud800"):
            file.write_bytes((text[:start] + value + text[stop:]).encode("utf-8", "surrogatepass"))
            read_all(file, "cvat")


@pytest.mark.parametrize(
    ("format", "line"),
    [
        ("yolo", "0 .5 .5 .2 .2 .5"),
        ("mot", "1,1,1,1,1,1,1,-1,-1,-1"),
        ("kitti", "Car 0 0 -1 10 10 30 25 -1 -1 -1 -1 -1 -1 -1 .5"),
    ],
)
def test_lines(format: str, line: str, tmp_path: Path) -> None:
    separator = "," if format == "mot" else " "
    words = line.split(separator)
    for place in range(len(words)):
        for value in ("", "nan", "inf", "-1", "1e400", "99999999999999999999", "x", "\0", "1_0", "٣"):
            text = separator.join([*words[:place], value, *words[place + 1 :]])
            (tmp_path / "a.txt").write_text(f"{line}\n{text}\n")
            read_all(tmp_path if format != "mot" else tmp_path / "a.txt", format)
