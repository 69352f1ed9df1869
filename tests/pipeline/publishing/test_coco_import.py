"""COCO files to prediction files, read back by the checker, by labelformat and by pycocotools."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelformat.formats import LightlyObjectDetectionInput
from PIL import Image
from pycocotools import mask as pycoco
from pycocotools.coco import COCO

from lightly_assets.checker.check import check
from lightly_assets.format.rle import decode
from lightly_assets.format.schema import TaskType
from lightly_assets.pipeline.publishing.coco_import import CocoError, import_coco
from lightly_assets.storage.disk.temporary import MARK

CATEGORIES = [{"id": 1, "name": "person", "supercategory": "animal"}, {"id": 90, "name": "toothbrush"}]
IMAGES = [
    {"id": 7, "file_name": "sub/a b.png", "width": 64, "height": 48},
    {"id": 8, "file_name": "c.d.jpg", "width": 32, "height": 24},
    {"id": "x", "file_name": "empty.png", "width": 8, "height": 8},
]


def coco(annotations: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    numbered = [{"id": index + 1, "iscrowd": 0, **one} for index, one in enumerate(annotations)]
    return {"images": IMAGES, "categories": CATEGORIES, "annotations": numbered, **changes}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for image in IMAGES:
        path = tmp_path / "input" / str(image["file_name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (image["width"], image["height"])).save(path)  # type: ignore[arg-type]
    return tmp_path


def save(root: Path, document: Any, name: str = "coco.json") -> Path:
    path = root / name
    path.write_text(json.dumps(document))
    return path


def read(root: Path, path: str) -> Any:
    return json.loads((root / "lightly/.lightly/predictions" / path).read_text())


BOXES = [
    {"image_id": 7, "category_id": 1, "bbox": [1, 2, 30, 40.5]},
    {"image_id": 7, "category_id": 90, "bbox": [5.25, 2, 3, 4], "score": 0.75},
    {"image_id": 8, "category_id": 1, "bbox": [0, 0, 32, 24]},
]


def test_labels(root: Path) -> None:
    imported = import_coco(save(root, coco(BOXES)), root / "lightly", "labels", input=root / "input")
    assert (imported.task_type, imported.files, imported.predictions) == (TaskType.OBJECT_DETECTION, 3, 3)
    assert (imported.clipped, imported.dropped, imported.skipped) == (0, 0, 0)
    assert read(root, "tasks.json") == ["labels"]
    assert read(root, "labels/schema.json") == {"task_type": "object-detection", "categories": CATEGORIES}
    assert read(root, "labels/sub/a b.json") == {
        "file_name": "sub/a b.png",
        "predictions": [
            {"category_id": 1, "bbox": [1, 2, 30, 40.5], "score": 1.0},
            {"category_id": 90, "bbox": [5.25, 2, 3, 4], "score": 0.75},
        ],
    }
    assert read(root, "labels/empty.json") == {"file_name": "empty.png", "predictions": []}
    report = check(root / "lightly", root / "input")
    assert [one.rule for one in report.findings] == ["category-gap"]


def test_labelformat_reads_what_was_written(root: Path) -> None:
    import_coco(save(root, coco(BOXES)), root / "lightly", "labels")
    folder = root / "lightly/.lightly/predictions/labels"
    reader = LightlyObjectDetectionInput(input_folder=folder, images_rel_path="../../../../input")
    boxes = {
        label.image.filename: [
            (one.category.id, one.box.xmin, one.box.ymin, one.box.xmax, one.box.ymax, one.confidence)
            for one in label.objects
        ]
        for label in reader.get_labels()
    }
    assert boxes == {
        "sub/a b.png": [(1, 1, 2, 31, 42.5, 1.0), (90, 5.25, 2, 8.25, 6, 0.75)],
        "c.d.jpg": [(1, 0, 0, 32, 24, 1.0)],
        "empty.png": [],
    }


def test_results_need_their_images(root: Path) -> None:
    results = save(root, [{**BOXES[0], "score": 0.3}], "results.json")
    with pytest.raises(CocoError, match="--images"):
        import_coco(results, root / "lightly", "results")
    import_coco(results, root / "lightly", "results", images=save(root, coco([])))
    assert read(root, "results/sub/a b.json")["predictions"][0]["score"] == 0.3


def test_keypoints(root: Path) -> None:
    points = [0, 0, 0, 10, 20, 1, 30.5, 40, 2]
    annotation = {
        "image_id": 7,
        "category_id": 1,
        "keypoints": points,
        "num_keypoints": 2,
        "bbox": [10, 20, 21, 21],
    }
    imported = import_coco(save(root, coco([annotation])), root / "lightly", "pose")
    assert imported.task_type == TaskType.KEYPOINT_DETECTION
    (singleton,) = read(root, "pose/sub/a b.json")["predictions"]
    assert singleton == {
        "category_id": 1,
        "keypoints": [0, 0, 0, 10, 20, 0.5, 30.5, 40, 1],
        "score": 1,
        "bbox": [10, 20, 21, 21],
    }
    assert list(singleton) == ["category_id", "keypoints", "score", "bbox"]
    assert check(root / "lightly", root / "input").ok


def test_keypoint_results_keep_their_scores(root: Path) -> None:
    result = {"image_id": 7, "category_id": 1, "keypoints": [1, 2, 0.25, 3, 4, 1], "score": 0.5}
    import_coco(save(root, [result], "r.json"), root / "lightly", "pose", images=save(root, coco([])))
    assert read(root, "pose/sub/a b.json")["predictions"][0]["keypoints"] == [1, 2, 0.25, 3, 4, 1]


def masks() -> tuple[list[dict[str, Any]], list[Any]]:
    random = np.random.default_rng(3)
    y, x = np.mgrid[:48, :64]
    blob = ((y - 20) ** 2 + (x - 30) ** 2 < 150).astype(np.uint8)
    compressed = pycoco.encode(np.asfortranarray(blob))
    compressed["counts"] = compressed["counts"].decode()
    noise = random.integers(0, 2, (48, 64)).astype(np.uint8)
    flat = noise.T.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=0))
    counts = np.diff(edges, prepend=0, append=flat.size).tolist()
    polygon = [[3.5, 4, 40, 6.25, 33, 30], [50, 40, 60, 40, 60, 47, 50, 47]]
    segmentations: list[Any] = [compressed, {"size": [48, 64], "counts": counts}, polygon]
    annotations = [
        {"image_id": 7, "category_id": 1, "segmentation": one, "bbox": [0, 0, 1, 1]} for one in segmentations
    ]
    return annotations, segmentations


@pytest.mark.parametrize(
    ("thirds", "scored", "expected"),
    [
        ([0, 1, 2], False, [0, 0.5, 1]),
        ([0, 1, 1], False, [0, 0.5, 0.5]),
        ([0.25, 1, 0], False, [0.25, 1, 0]),  # scores, though there is none for the whole
        ([0.25, 1, 2], False, [0.25, 0.5, 1]),  # COCO-WholeBody: both in one annotation
        ([0, 1, 1], True, [0, 1, 1]),
        ([0, 1, 2], True, [0, 0.5, 1]),
    ],
)
def test_third_values(root: Path, thirds: list[float], scored: bool, expected: list[float]) -> None:
    points = [value for third in thirds for value in (10, 20, third)]
    annotation = {"image_id": 7, "category_id": 1, "keypoints": points} | ({"score": 0.5} if scored else {})
    import_coco(save(root, coco([annotation])), root / "lightly", "pose")
    (singleton,) = read(root, "pose/sub/a b.json")["predictions"]
    assert singleton["keypoints"][2::3] == expected


@pytest.mark.parametrize("third", [3, 1.5, -1])
def test_third_values_of_no_known_kind(root: Path, third: float) -> None:
    annotation = {"image_id": 7, "category_id": 1, "keypoints": [10, 20, 2, 10, 20, third], "score": 0.5}
    with pytest.raises(CocoError, match=rf"keypoint 1 has the third value {third}; it must be a visibility"):
        import_coco(save(root, coco([annotation])), root / "lightly", "pose")


def test_a_bad_file_leaves_nothing_behind(root: Path) -> None:
    bad = [BOXES[0], *[{"image_id": 8, "category_id": 1, "bbox": ["x", 0, 1, 1]}] * 2]
    with pytest.raises(CocoError, match=r"2 of 3 objects cannot be written; annotations\[1\] of 'c\.d\.jpg'"):
        import_coco(save(root, coco(bad)), root / "lightly", "labels")
    assert [path for path in (root / "lightly").rglob("*") if path.is_file()] == []
    import_coco(save(root, coco(BOXES)), root / "lightly", "labels")
    before = {path: path.read_bytes() for path in (root / "lightly").rglob("*.json")}
    moved = [{**BOXES[0], "bbox": [9, 9, 9, 9]}, *bad[1:]]
    with pytest.raises(CocoError):
        import_coco(save(root, coco(moved)), root / "lightly", "labels")
    assert {path: path.read_bytes() for path in (root / "lightly").rglob("*.json")} == before


_KILLED = """
import os, signal, sys
from lightly_assets.pipeline.publishing.coco_import import import_coco
renames = iter(range(1, 100))
def hook(event, _):
    if event == "os.rename" and next(renames) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
import_coco(sys.argv[1], sys.argv[2], "labels")
"""


def test_what_a_killed_import_leaves_is_removed_by_the_next(root: Path) -> None:
    file, lightly = save(root, coco(BOXES)), root / "lightly"
    command = [sys.executable, "-c", _KILLED, str(file), str(lightly)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert list(lightly.rglob(f"{MARK}*")) and not list(lightly.rglob("tasks.json"))
    import_coco(file, lightly, "labels")
    assert not list(lightly.rglob(f"{MARK}*"))
    assert {found.rule for found in check(lightly).findings} == {"category-gap"}


def test_what_is_imported_is_flushed_before_it_is_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    flush, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        flush(descriptor)

    def renamed(source: str, target: str, **folders: int) -> None:
        done.append(f"replace {target}")
        replace(source, target, **folders)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", renamed)
    import_coco(save(root, coco(BOXES)), root / "lightly", "labels")
    before = done[: done.index("replace tasks.json")]
    assert {"a b.json", "c.d.json", "empty.json", "schema.json"} <= set(before)


def test_masks(root: Path) -> None:
    annotations, _ = masks()
    path = save(root, coco(annotations))
    import_coco(path, root / "lightly", "masks")
    with contextlib.redirect_stdout(io.StringIO()):
        reader = COCO(str(path))
    singletons = read(root, "masks/sub/a b.json")["predictions"]
    assert len(singletons) == 3
    for singleton, annotation in zip(singletons, reader.loadAnns([1, 2, 3]), strict=True):
        assert (decode(singleton["segmentation"], 48, 64) == reader.annToMask(annotation)).all()
        assert "bbox" in singleton
    assert check(root / "lightly", root / "input").ok


def test_a_category_has_one_semantic_mask(root: Path) -> None:
    annotations, _ = masks()
    for annotation, score in zip(annotations, (0.7, 0.5, 0.7), strict=True):
        annotation["score"] = score
    annotations[1]["category_id"] = 90
    path = save(root, coco(annotations))
    import_coco(path, root / "lightly", "masks", task_type="semantic-segmentation")
    with contextlib.redirect_stdout(io.StringIO()):
        reader = COCO(str(path))
    first, second, third = (reader.annToMask(one) for one in reader.loadAnns([1, 2, 3]))
    person, toothbrush = read(root, "masks/sub/a b.json")["predictions"]
    assert list(person) == ["category_id", "segmentation", "score"]
    assert (decode(person["segmentation"], 48, 64) == (first | third)).all()
    assert (decode(toothbrush["segmentation"], 48, 64) == second).all()
    assert [(one["category_id"], one["score"]) for one in (person, toothbrush)] == [(1, 0.7), (90, 0.5)]
    assert check(root / "lightly", root / "input").ok


def test_classes_of_images(root: Path) -> None:
    annotations = [
        {"image_id": 7, "category_id": 1},
        {"image_id": 8, "category_id": 1, "score": 0.25},
        {"image_id": 8, "category_id": 90, "score": 0.75},
    ]
    images = [{key: image[key] for key in ("id", "file_name")} for image in IMAGES]
    imported = import_coco(save(root, coco(annotations, images=images)), root / "lightly", "kinds")
    assert (imported.task_type, imported.predictions) == (TaskType.CLASSIFICATION, 2)
    assert read(root, "kinds/sub/a b.json")["predictions"] == [{"category_id": 1, "score": 1.0}]
    assert read(root, "kinds/c.d.json")["predictions"] == [{"category_id": 90, "score": 0.75}]
    assert read(root, "kinds/empty.json")["predictions"] == []
    assert check(root / "lightly", root / "input").ok
    annotations[1]["score"] = 0.75
    with pytest.raises(CocoError, match=r"'c\.d\.jpg': the image has the categories 1, 90 with"):
        import_coco(save(root, coco(annotations)), root / "lightly", "kinds")


def test_numbers_are_written_as_they_were_read(root: Path) -> None:
    """As the page's own script writes them: whole numbers whole, beside others."""
    import_coco(save(root, coco([{**one, "score": 0.5} for one in BOXES])), root / "lightly", "labels")
    written = (root / "lightly/.lightly/predictions/labels/sub/a b.json").read_text()
    predictions = [{key: one[key] for key in ("category_id", "bbox")} | {"score": 0.5} for one in BOXES[:2]]
    assert written == json.dumps({"file_name": "sub/a b.png", "predictions": predictions})
    cut = [{**BOXES[0], "bbox": [60, -2, 10, 20]}]
    import_coco(save(root, coco(cut)), root / "lightly", "cut")
    assert '"bbox": [60, 0, 4, 18]' in (root / "lightly/.lightly/predictions/cut/sub/a b.json").read_text()


def test_an_existing_list_of_tasks_is_extended(root: Path) -> None:
    folder = root / "lightly/.lightly/predictions"
    folder.mkdir(parents=True)
    (folder / "tasks.json").write_text('["their own task", "b"]')
    import_coco(save(root, coco(BOXES)), root / "lightly", "labels")
    import_coco(save(root, coco(BOXES)), root / "lightly", "labels")
    assert read(root, "tasks.json") == ["their own task", "b", "labels"]


def test_a_corrupt_list_of_tasks_is_never_overwritten(root: Path) -> None:
    folder = root / "lightly/.lightly/predictions"
    folder.mkdir(parents=True)
    (folder / "tasks.json").write_text('["a",')
    with pytest.raises(CocoError, match=r"tasks\.json is not valid JSON"):
        import_coco(save(root, coco(BOXES)), root / "lightly", "labels")
    assert [path.name for path in folder.rglob("*.json")] == ["tasks.json"]
    assert (folder / "tasks.json").read_text() == '["a",'


def test_another_schema_stops_the_import(root: Path) -> None:
    import_coco(save(root, coco(BOXES)), root / "lightly", "labels")
    changed = [{**CATEGORIES[0], "name": "human"}, CATEGORIES[1]]
    with pytest.raises(CocoError, match="category 1 was 'person', is now 'human'"):
        import_coco(save(root, coco(BOXES, categories=changed)), root / "lightly", "labels")


def test_what_does_not_fit_is_reported(root: Path) -> None:
    annotations: list[dict[str, Any]] = [
        {"image_id": 99, "category_id": 1, "bbox": [1, 1, 2, 2]},
        {"category_id": 1, "bbox": [1, 1, 2, 2]},
        {"image_id": 8, "category_id": 1, "bbox": [30, 20, 10, 10]},
        {"image_id": 8, "category_id": 1, "bbox": [31.5, 20, 10, 10]},
        {"image_id": "8", "category_id": 1, "bbox": [1, 1, 2, 2]},
        {"image_id": [8], "category_id": 1, "bbox": [1, 1, 2, 2]},
    ]
    imported = import_coco(save(root, coco(annotations)), root / "lightly", "labels")
    assert (imported.skipped, imported.clipped, imported.dropped) == (3, 1, 1)
    assert imported.problems == [
        "annotations[0]: there is no image with the id 99.",
        "annotations[1] has no image_id.",
        "annotations[5]: there is no image with the id [8].",
    ]
    assert read(root, "labels/c.d.json")["predictions"][0]["bbox"] == [30, 20, 2, 4]
    with pytest.raises(CocoError, match="boxes: clip"):
        import_coco(save(root, coco(annotations)), root / "lightly", "labels", boxes="strict")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "no list 'images'"),
        ({"images": []}, "no list 'annotations'"),
        ({"images": [], "annotations": []}, "no list 'categories'"),
        (coco([], images=[{"id": 1}]), r"images\[0\]: it needs an id and a file_name"),
        (
            coco([], images=[{**IMAGES[0], "id": [7]}]),
            r"images\[0\] \('sub/a b.png'\): its id is \[7\]",
        ),
        (coco([], images=[{**IMAGES[0], "id": None}]), r"its id is null; it must be a number or a text"),
        (5, "no JSON object with images, annotations and categories"),
        (coco([], images=[IMAGES[0], IMAGES[0]]), "has the id 7, which 'sub/a b.png' has already"),
        (coco([], images=[IMAGES[0], {**IMAGES[0], "id": 9}]), "listed twice"),
        (coco([], images=[IMAGES[0], {**IMAGES[0], "id": 9, "file_name": "sub/a b.jpg"}]), "share one"),
        (coco([], images=[{**IMAGES[0], "file_name": "../a.png"}]), r"'\.' or '\.\.'"),
        (coco([], images=[{**IMAGES[0], "file_name": "a.txt"}]), "no suffix of an image"),
        (coco([], categories=[]), "categories make no schema"),
        (
            coco([BOXES[0], *[{"image_id": 7, "category_id": 1}] * 2]),
            r"annotations\[1\] of 'sub/a b.png': it has no bbox, which object-detection needs\.",
        ),
        (
            coco(BOXES, images=[{**IMAGES[0], "width": "wide"}]),
            r"images\[0\] \('sub/a b.png'\): width and height are \"wide\"",
        ),
        (
            coco(BOXES, images=[{"id": 7, "file_name": "a.png"}]),
            r"its width and height are not in the labels; --input reads them",
        ),
        (coco(BOXES, images=["a.png"]), r"images\[0\] is \"a\.png\": it needs an id and a file_name"),
        (
            coco([{"image_id": 7, "category_id": 5, "bbox": [1, 1, 2, 2]}]),
            "category_id is 5, but the categories are 1, 90",
        ),
        (
            coco([{"image_id": 7, "category_id": 1, "bbox": [1, 1, None, 2]}]),
            r"annotations\[0\] of 'sub/a b.png'",
        ),
        (
            coco([{"image_id": 7, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 2}]),
            "scores are not in .* such as 2",
        ),
        (
            coco([{"image_id": 7, "category_id": 1, "segmentation": {"size": [3, 3], "counts": [9]}}]),
            "the image is 48×64",
        ),
    ],
)
def test_what_is_no_coco(root: Path, document: Any, problem: str) -> None:
    with pytest.raises(CocoError, match=problem):
        import_coco(save(root, document), root / "lightly", "labels")
    assert not (root / "lightly/.lightly/predictions/tasks.json").exists()


def test_most_images_must_be_in_the_input(root: Path) -> None:
    (root / "input/c.d.jpg").unlink()
    imported = import_coco(save(root, coco(BOXES)), root / "lightly", "labels", input=root / "input")
    report = imported.report
    assert (imported.files, report.listed, report.matched) == (2, 3, 2)
    assert report.unknown.examples == ["c.d.jpg"]
    (root / "input/empty.png").unlink()
    with pytest.raises(
        CocoError, match=r"2 of 3 images are not in the input, such as 'c\.d\.jpg'; .*--strip"
    ):
        import_coco(save(root, coco(BOXES)), root / "lightly", "others", input=root / "input")
    assert not (root / "lightly/.lightly/predictions/others").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_files_that_are_no_json(root: Path, content: bytes) -> None:
    path = root / "coco.json"
    path.write_bytes(content)
    with pytest.raises(CocoError, match="is not valid JSON"):
        import_coco(path, root / "lightly", "labels")
