"""``lightly-assets evaluate`` as people and scripts use it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lightly_assets.cli import app
from tests.evaluation.folders import RandomSet, write_task

CATEGORIES = {0: "car", 1: "person"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("evaluate")
    return folder, RandomSet(0, "object-detection").write(folder)


def test_one_document(project: tuple[Path, Path]) -> None:
    root, labels = project
    result = run(root, "--task", "t", "--labels", labels, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and found["ok"] is True
    assert (found["task"], found["images"]) == ("t", 12)
    assert 0 < found["map"] < found["map50"] < 1
    assert [one["name"] for one in found["per_category"]] == [
        "car",
        "person",
        "never labelled",
        "never predicted",
    ]
    assert set(found["per_category"][0]) >= {"name", "ap", "ap50", "labels", "predictions"}
    assert found["per_category"][2]["ap"] is None and found["per_category"][3]["ap"] == 0
    assert found["per_video"][0]["video"] == "sub/"
    assert found["per_video"][0]["map"] == pytest.approx(found["map"], abs=1e-12)


def test_text_names_the_worst_frames(project: tuple[Path, Path]) -> None:
    root, labels = project
    result = run(root, "--task", "t", "--labels", labels)
    assert result.exit_code == 0
    assert "mAP .50:.95 0." in result.stdout and "sub/i0" in result.stdout.split("Most faults:")[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.pop("images"), "no list 'images'"),
        (lambda one: one["images"][0].pop("file_name"), "images[0]: it needs an id and a file_name"),
        (lambda one: one["annotations"][1].update(bbox=[1, 2, 3]), "annotations[1]: 'bbox' has 3 numbers"),
        (lambda one: one["annotations"][1].update(bbox=None), "annotations[1]: 'bbox' is None"),
        (lambda one: one["annotations"][1].update(area=-1), "annotations[1]: 'area' is -1"),
        (lambda one: one["categories"].append({"id": 3, "name": "again"}), "their ids must differ"),
        (lambda one: [i.update(file_name=f"x{i['file_name']}") for i in one["images"]], "No image"),
        (lambda one: [c.update(name=f"C{c['id']}") for c in one["categories"]], "no name in common"),
        (lambda one: one["images"][1].update(id=one["images"][0]["id"]), "which 'sub/i0"),
        (lambda one: one.update(annotations=None), "no list 'annotations'"),
        (lambda one: [a.update(image_id=7_000 + a["id"]) for a in one["annotations"]], "only 0 of"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_right_are_one_sentence(
    project: tuple[Path, Path], tmp_path: Path, change: Any, message: str
) -> None:
    document = json.loads(project[1].read_text())
    change(document)
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document))
    result = run(project[0], "--task", "t", "--labels", bad, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1 and found["ok"] is False and found["map"] is None
    assert message in found["error"] and "\n" not in found["error"]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: [a.update(image_id=str(a["image_id"])) for a in one["annotations"]],
        lambda one: [a.update(category_id=str(a["category_id"])) for a in one["annotations"]],
        lambda one: [i.update(file_name=f"https://host/data/{i['file_name']}") for i in one["images"]],
        lambda one: [i.update(width=None, height=None) for i in one["images"]],
        lambda one: one["images"].reverse(),
    ],
)  # fmt: skip
def test_labels_are_read_as_they_are_imported(
    project: tuple[Path, Path], tmp_path: Path, change: Any
) -> None:
    """What tools write differently means the same, and no figure changes."""
    root, labels = project
    document = json.loads(labels.read_text())
    # Annotations before the images that they are about, too.
    document = dict(reversed(document.items()))
    change(document)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document))
    wanted, found = (
        json.loads(run(root, "--task", "t", "--labels", file, "--json").stdout) for file in (labels, other)
    )
    assert found | {"labels": ""} == wanted | {"labels": ""} and found["ok"]


def test_results_are_no_labels(project: tuple[Path, Path], tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps([{"image_id": 5, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}]))
    result = run(project[0], "--task", "t", "--labels", results)
    assert result.exit_code == 1 and "holds no labels, but results" in result.stderr


def test_what_is_not_there_is_wrong_use(project: tuple[Path, Path], tmp_path: Path) -> None:
    root, labels = project
    assert run(root, "--task", "no", "--labels", labels).exit_code == 2
    result = run(root, "--task", "t", "--labels", "other", "--json")
    assert result.exit_code == 2 and "there is no file 'other'" in json.loads(result.stdout)["error"]
    assert run(tmp_path / "nowhere", "--task", "t", "--labels", labels).exit_code == 2
    assert run(root, "--task", "t", "--labels", tmp_path / "no.json").exit_code == 1


def test_files_with_errors_are_refused(tmp_path: Path) -> None:
    wrong = [{"category_id": 0, "bbox": [0, 0, 5, 5], "score": 1.5}]
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, {"a.png": wrong})
    right = [{"category_id": 0, "bbox": [0, 0, 5, 5], "score": 1}]
    write_task(tmp_path, "truth", "object-detection", CATEGORIES, {"a.png": right})
    result = run(tmp_path, "--task", "boxes", "--labels", "truth")
    assert result.exit_code == 1
    assert "1 error, the first in boxes/a.json: score is 1.5" in result.stderr.replace("The ", "")


def test_what_is_missing_on_either_side_is_said(tmp_path: Path) -> None:
    box = [{"category_id": 0, "bbox": [0, 0, 5, 5], "score": 1}]
    write_task(tmp_path, "boxes", "object-detection", {0: "car", 1: "cat"}, {"a.png": box, "b.png": box})
    write_task(tmp_path, "truth", "object-detection", {0: "car", 1: "dog"}, {"b.png": box, "c.png": box})
    found = json.loads(run(tmp_path, "--task", "boxes", "--labels", "truth", "--json").stdout)
    assert (found["images"], found["without_predictions"], found["without_labels"]) == (2, 1, 1)
    assert found["recall"] == 0.5
    said = " ".join(found["warnings"])
    assert (
        "no category 'dog', which 0 of the labels have" in said
        and "no category 'cat'" in said
        and "count as missed" in said
    )


def test_a_task_without_any_prediction_or_label(tmp_path: Path) -> None:
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, {"a.png": []})
    write_task(tmp_path, "truth", "object-detection", CATEGORIES, {"a.png": []})
    found = json.loads(run(tmp_path, "--task", "boxes", "--labels", "truth", "--json").stdout)
    assert found["ok"] and found["map"] is None and found["precision"] is None


def test_sizes_come_from_the_input(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "input").mkdir()
    Image.new("RGB", (4, 3)).save(tmp_path / "input/a.png")
    mask = [{"category_id": 0, "segmentation": [0, 12], "bbox": [0, 0, 4, 3], "score": 1}]
    write_task(tmp_path, "masks", "instance-segmentation", CATEGORIES, {"a.png": mask})
    polygon = {"image_id": 1, "category_id": 0, "segmentation": [[0, 0, 4, 0, 4, 3, 0, 3]]}
    labels = tmp_path / "labels.json"
    document = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [polygon],
        "categories": [{"id": 0, "name": "car"}],
    }
    labels.write_text(json.dumps(document))
    without = run(tmp_path, "--task", "masks", "--labels", labels)
    assert without.exit_code == 1 and "--input" in without.stderr
    found = run(tmp_path, "--task", "masks", "--labels", labels, "--input", tmp_path / "input", "--json")
    assert json.loads(found.stdout)["map"] == pytest.approx(1)


def test_labels_of_categories_that_the_task_lacks(tmp_path: Path) -> None:
    box, other = [0, 0, 5, 5], [20, 20, 9, 9]
    given = [{"category_id": 0, "bbox": box, "score": 1}]
    truth = [*given, {"category_id": 1, "bbox": other, "score": 1}]
    write_task(tmp_path, "boxes", "object-detection", {0: "car"}, {"a.png": given})
    write_task(tmp_path, "truth", "object-detection", {0: "car", 1: "dog"}, {"a.png": truth})
    arguments = [tmp_path, "--task", "boxes", "--labels", "truth", "--json"]
    found = json.loads(run(*arguments).stdout)
    assert found["map"] == pytest.approx(1) and [one["name"] for one in found["per_category"]] == ["car"]
    assert "'dog', which 1 of the labels have; they are left out" in found["warnings"][0]
    found = json.loads(run(*arguments, "--all-categories").stdout)
    assert found["map"] == pytest.approx(0.5) and found["recall"] == 0.5


@pytest.mark.parametrize(
    "named",
    [
        lambda name: {"file_name": f"/data/export/{name}"},
        lambda name: {"file_name": name.removeprefix("sub/")},
        lambda name: {"file_name": f"C:\\data\\{name}", "width": None, "height": None},
        lambda name: {"file_name": None, "coco_url": f"http://images.example/{name}"},
    ],
)
def test_names_of_labels_lead_to_prediction_files(
    project: tuple[Path, Path], tmp_path: Path, named: Any
) -> None:
    document = json.loads(project[1].read_text())
    for image in document["images"]:
        image |= named(image["file_name"])
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document))
    found, expected = (
        json.loads(run(project[0], "--task", "t", "--labels", file, "--json").stdout)
        for file in (other, project[1])
    )
    assert found["images"] == 12 and found["map"] == expected["map"]


def test_names_that_could_be_several_images_are_refused(tmp_path: Path) -> None:
    box = [{"category_id": 0, "bbox": [0, 0, 5, 5], "score": 1}]
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, {"a/x.png": box, "b/x.png": box})
    labels = tmp_path / "labels.json"
    image = {"id": 1, "file_name": "x.png"}
    categories = [{"id": 0, "name": "car"}]
    labels.write_text(json.dumps({"images": [image], "annotations": [], "categories": categories}))
    result = run(tmp_path, "--task", "boxes", "--labels", labels)
    assert result.exit_code == 1 and "could be 'a/x.png' and 'b/x.png'" in result.stderr
