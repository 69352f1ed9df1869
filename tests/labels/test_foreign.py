"""Files that no reader knows: what they are is said, and what to do."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.reading import FORMATS, find_format

COCO = {"images": [], "annotations": [], "categories": []}
# The first level of each tool's own examples.
TOOLS: dict[str, Any] = {
    "labelme": {"version": "5.4.1", "flags": {}, "shapes": [], "imagePath": "a.jpg", "imageData": None},
    "VIA": {"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": [{"shape_attributes": {"name": "rect"}}]}},
    "an old version of Label Studio": [{"id": 1, "data": {"image": "a.jpg"}, "completions": []}],
    "JSON-MIN": [{"image": "a.jpg", "label": [{"x": 1, "rectanglelabels": ["a"], "original_width": 9}]}],
    "Datumaro": {"info": {}, "categories": {"label": {"labels": []}}, "items": [{"annotations": []}]},
    "V7 Darwin": {"version": "2.0", "schema_ref": "x", "item": {"name": "a.jpg"}, "annotations": []},
    "BDD100K": [{"name": "a.jpg", "labels": [{"category": "car", "box2d": {"x1": 1}}]}],
    "CreateML": [{"image": "a.jpg", "annotations": [{"label": "a", "coordinates": {"x": 1}}]}],
    "Supervisely": {"size": {"height": 1, "width": 1}, "objects": [{"classTitle": "car"}]},
    "SuperAnnotate": {"metadata": {"name": "a.jpg"}, "instances": [{"type": "bbox", "className": "car"}]},
    "OpenLABEL": {"openlabel": {"metadata": {"schema_version": "1.0.0"}, "frames": {}}},
    "FiftyOne": {"classes": ["car"], "labels": {"a": [{"label": 0, "bounding_box": [0.1, 0.1, 0.2, 0.2]}]}},
    "Ground Truth": {"source-ref": "s3://b/a.jpg", "boxes": {"annotations": [{"class_id": 0, "top": 1}]}},
    "Vertex AI": {"imageGcsUri": "gs://b/a.jpg", "boundingBoxAnnotations": [{"displayName": "a"}]},
    "Custom Vision": {"value": [{"regions": [{"tagName": "a", "left": 0.1, "top": 0.1}]}]},
    "Azure": {"image_url": "AmlDatastore://a.jpg", "label": [{"label": "a", "topX": 0.1}]},
    "Kili": [{"externalId": "a.jpg", "labels": [{"jsonResponse": {"JOB_0": {"annotations": []}}}]}],
    "Encord": [{"label_hash": "x", "data_units": {"u": {"labels": {"objects": []}}}}],
    "Dataloop": {
        "filename": "/a.jpg",
        "annotations": [{"type": "box", "label": "a", "coordinates": [{"x": 1}]}],
    },
    "CrowdHuman": {"ID": "a", "gtboxes": [{"tag": "person", "fbox": [1, 2, 3, 4]}]},
    "Cityscapes": {"imgHeight": 9, "imgWidth": 9, "objects": [{"label": "car", "polygon": [[0, 0]]}]},
    "OpenPose": {"version": 1.3, "people": [{"pose_keypoints_2d": [1, 2, 0.5]}]},
    "GeoJSON": {"type": "FeatureCollection", "features": [{"geometry": {"type": "Polygon"}}]},
    "Hugging Face": {"file_name": "a.jpg", "objects": {"bbox": [[1, 2, 3, 4]], "categories": [0]}},
    "Scalabel": {"frames": [{"name": "a.jpg", "frameIndex": 0, "labels": [{"poly2d": []}]}]},
    "Scale": [{"task_id": "x", "response": {"annotations": []}, "params": {"attachment": "a.jpg"}}],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_other_tools_are_named(tool: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(TOOLS[tool]))
    with pytest.raises(LabelsError, match=rf"a\.json seems to be of .*{tool}.*convert it to COCO"):
        find_format(tmp_path / "a.json", "auto")
    with pytest.raises(LabelsError, match=rf"one seems to be of .*{tool}"):
        find_format(tmp_path, "auto")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("export.zip", b"PK\x03\x04rest", "is a ZIP archive; unpack it"),
        ("empty.json", b"", "is empty"),
        ("a.json", "{}".encode("utf-16"), "is UTF-16"),
        ("a.csv", b"filename,xmin\n", "is a table"),
        ("a.txt", json.dumps(COCO).encode(), "is JSON with another suffix"),
        ("a.jsonl", b'{"image": "a.jpg"}\n{"image": "b.jpg"}\n', "has a JSON object in each line"),
        ("a.bin", b"\0\1", "of no known format"),
        ("a.json.gz", b"\x1f\x8bcut", "of no known format"),
    ],
)
def test_what_files_are(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(LabelsError, match=words):
        find_format(tmp_path / name, "auto")


def test_files_in_a_folder_that_must_be_named(tmp_path: Path) -> None:
    for name in ("train", "valid"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "_annotations.coco.json").write_text(json.dumps(COCO))
    with pytest.raises(
        LabelsError, match=r"holds files of coco; .*train/_annotations\.coco\.json \(one of 2\)"
    ):
        find_format(tmp_path, "auto")


def test_a_packed_coco_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(COCO).encode()))
    assert find_format(tmp_path / "a.json.gz", "auto") is FORMATS["coco"]


def test_words_of_another_tool_do_not_hide_coco(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.jpg", "extra": {"shape_attributes": 1, "box2d": 2}}]
    (tmp_path / "a.json").write_text(json.dumps(COCO | {"images": images}))
    assert find_format(tmp_path / "a.json", "auto") is FORMATS["coco"]
