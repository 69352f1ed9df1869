"""``kind: labels`` in a project: the same bytes as ``import-labels`` writes, the same refusals."""

import json
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.labels.errors import LabelsError
from lightly_assets.models.protocol import ModelError
from lightly_assets.pipeline.publishing.label_import import LabelImportSettings, import_labels
from tests.labels.reading import write
from tests.pipeline.publishing.test_label_import import FRAMES, cvat, mot
from tests.pipeline.test_run import run
from tests.projects import HEIGHT, SIDE, WIDTH, SmallProject, positions, write_image, write_video


def label_studio() -> str:
    keys = []
    for start in range(0, FRAMES, 5):
        for frame, enabled in ((start, True), (start + 3, False)):
            number = int(frame * 2.5) + 1
            place = {"x": 100 * 2 * frame / WIDTH, "y": 100 * 24 / HEIGHT, "rotation": 0}
            size = {"width": 100 * SIDE / WIDTH, "height": 100 * SIDE / HEIGHT}
            keys.append({"frame": number, "time": number / 25, "enabled": enabled, **place, **size})
    value = {"framesCount": 50, "duration": 2.0, "sequence": keys, "labels": ["square"]}
    result = [{"id": "r", "type": "videorectangle", "value": value}]
    return json.dumps([{"data": {"video": "s3://bucket/drive.mp4"}, "annotations": [{"result": result}]}])


FILES = {
    "cvat": ("annotations.xml", cvat(source="drive.mp4")),
    "label-studio": ("export.json", label_studio()),
    "mot": ("drive.txt", mot(1)),
}


def project(tmp_path: Path, **model: Any) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "sub/drive.mp4", positions(FRAMES))
    task = {
        "name": "labels",
        "task_type": "object-detection",
        "categories": [{"id": 0, "name": "square"}],
        "model": {"kind": "labels", **model},
    }
    small.write(tasks=[task])
    return small


@pytest.mark.parametrize("name", FILES)
def test_a_project_writes_what_an_import_writes(name: str, tmp_path: Path) -> None:
    file, text = FILES[name]
    small = project(tmp_path, format=name, path=f"../{file}")
    write(tmp_path, {file: text})
    assert not run(small).failed
    settings = LabelImportSettings(format=name, categories={0: "square"})
    import_labels(tmp_path / file, tmp_path / "lightly", "labels", input=small.input, settings=settings)
    imported = SmallProject.at(small.folder)
    imported.predictions = tmp_path / "lightly/.lightly/predictions"
    assert small.files() == imported.files()
    assert (
        sum(len(json.loads(data)["predictions"]) for path, data in small.files().items() if "drive" in path)
        == 16
    )


def test_images_and_what_is_not_listed(tmp_path: Path) -> None:
    small = project(tmp_path, path="../set", unlisted="empty")
    (small.input / "sub/drive.mp4").unlink()
    write_image(small.input / "a.png", 0)
    write_image(small.input / "sub/b.png", 0)
    write(tmp_path, {"set/labels/a.txt": "0 .5 .5 .25 .5 .75\n", "set/classes.txt": "square\n"})
    assert not run(small).failed
    assert small.read("labels/a.json")["predictions"] == [
        {"category_id": 0, "bbox": [36, 16, 24, 32], "score": 0.75}
    ]
    assert small.read("labels/sub/b.json")["predictions"] == []
    small.write(tasks=[small.settings["tasks"][0] | {"model": {"kind": "labels", "path": "../set"}}])
    failed = run(small).failed
    assert "does not list" in str(failed) and "sub/b.png" in str(failed)


@pytest.mark.parametrize(
    ("text", "words"),
    [(mot(3), "lists frame 20"), (mot(0), "first frame is taken to be 1"), ("1,2\n", "has 2 columns")],
)
def test_wrong_labels_fail_their_video(text: str, words: str, tmp_path: Path) -> None:
    small = project(tmp_path, format="mot", path="../drive.txt")
    write(tmp_path, {"drive.txt": text})
    try:
        said = str(run(small).failed)
    except (ModelError, LabelsError) as error:
        said = str(error)
    assert words in said
    assert not any("drive" in path for path in small.files())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"path": "none"}, "do not exist"),
        ({"path": "x.json", "format": "coco"}, "has no list 'images'"),
        ({"path": "x.json", "format": "coca"}, "did you mean coco"),
        ({"path": "x.json", "interpolate": "cubic"}, "interpolate"),
        ({"path": "x.json", "unlisted": "leave"}, "unlisted"),
    ],
)
def test_wrong_settings_are_one_sentence(model: dict[str, Any], words: str, tmp_path: Path) -> None:
    small = project(tmp_path, **model)
    write(small.folder, {"x.json": "{}"})
    with pytest.raises(Exception, match=words) as error:
        run(small)
    assert "\n" not in str(error.value)


def test_other_labels_are_another_version(tmp_path: Path) -> None:
    small = project(tmp_path, path="../annotations.xml")
    write(tmp_path, {"annotations.xml": cvat(source="drive.mp4")})
    assert len(run(small).updated) == 1
    assert len(run(small).updated) == 0
    write(tmp_path, {"annotations.xml": cvat(source="drive.mp4").replace('ytl="24"', 'ytl="20"')})
    assert len(run(small).updated) == 1


@pytest.mark.parametrize("format", ["auto", "coco"])
def test_a_coco_file_is_read_as_kind_coco_reads_it(format: str, tmp_path: Path) -> None:
    small = project(tmp_path, format=format, path="../labels.json", unlisted="empty", default_score=0.5)
    (small.input / "sub/drive.mp4").unlink()
    write_image(small.input / "a.png", 0)
    write_image(small.input / "b.png", 0)
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 9, "name": "square"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 9, "bbox": [36, 16, 24, 32]}],
    }
    write(tmp_path, {"labels.json": json.dumps(document)})
    assert not run(small).failed
    assert small.read("labels/a.json")["predictions"] == [
        {"category_id": 0, "bbox": [36, 16, 24, 32], "score": 0.5}
    ]
    assert small.read("labels/b.json")["predictions"] == []
    before = small.files()
    coco = {"kind": "coco", "path": "../labels.json", "missing": "empty", "default_score": 0.5}
    small.write(tasks=[small.settings["tasks"][0] | {"model": coco}])
    again = run(small)
    assert not again.failed and small.files() == before


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("train/a.txt", "val/a.txt"), r"'train/a' and 'val/a' both lead to 'a\.png'"),
        (("a.txt", "b.txt"), r"'b' could be 'b\.bmp', 'b\.png' of the input; say with --renames"),
    ],
)
def test_labels_of_one_stem_stop_a_project(files: tuple[str, ...], words: str, tmp_path: Path) -> None:
    small = project(tmp_path, path="../set", unlisted="empty")
    (small.input / "sub/drive.mp4").unlink()
    for name in ("a.png", "b.png", "b.bmp"):
        write_image(small.input / name, 0)
    write(tmp_path, {"set/classes.txt": "square"} | {f"set/labels/{one}": "0 .5 .5 .2 .2\n" for one in files})
    with pytest.raises(Exception, match=words):
        raise AssertionError(str(run(small).failed))
    assert not any("labels/" in path and "schema" not in path for path in small.files())
