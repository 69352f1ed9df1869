"""Columns of prediction folders beside plain loops, and scores of files beside those of the open scorers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.folders.read import Task, read_folder
from lightly_assets.folders.scores import file_scores, object_uncertainties
from lightly_assets.format.scores import active_learning_scores
from tests.evaluation.folders import write_task

CATEGORIES = {2: "a", 5: "b", 9: "c", 11: "d"}
PLACES = {one: place for place, one in enumerate(CATEGORIES)}


def random_files(seed: int, files: int = 40) -> dict[str, list[dict[str, Any]]]:
    """Objects with and without probabilities, files without any, names in folders."""
    random = np.random.default_rng(seed)
    found = {}
    for number in range(files):
        rows = []
        for _ in range(random.integers(0, 5)):
            one = {
                "category_id": int(random.choice(list(CATEGORIES))),
                "bbox": [float(value) for value in random.integers(1, 50, 4)],
                "score": round(float(random.random()), 3),
            }
            if random.random() < 0.5:
                vector = random.dirichlet(np.ones(4)).round(4)
                vector[-1] = round(1 - vector[:-1].sum(), 6)
                one["probabilities"] = vector.tolist()
            rows.append(one)
        found[f"f{number % 3}/i{number:02}.jpg"] = rows
    return found


def read(root: Path, name: str = "boxes") -> Task:
    return read_folder(root, processes=1).tasks[name]


def test_columns_hold_what_the_files_say(tmp_path: Path) -> None:
    files = random_files(0)
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, files)
    columns = read(tmp_path).columns
    names = sorted(files)
    assert columns.file_names == names and columns.stems == [name[:-4] for name in names]
    rows = [row for name in names for row in files[name]]
    assert columns.counts.tolist() == [len(files[name]) for name in names]
    assert columns.categories.tolist() == [row["category_id"] for row in rows]
    assert columns.scores.tolist() == [row["score"] for row in rows]
    assert columns.boxes.tolist() == [row["bbox"] for row in rows]
    for given, row in zip(columns.probabilities.tolist(), rows, strict=True):
        assert given == row["probabilities"] if "probabilities" in row else np.isnan(given).all()


def test_only_wanted_columns_are_filled(tmp_path: Path) -> None:
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, random_files(0))
    columns = read_folder(tmp_path, wanted=[]).tasks["boxes"].columns
    assert columns.boxes.size == columns.probabilities.size == 0 and columns.scores.size > 0


def test_keypoints_without_a_box_have_a_hull(tmp_path: Path) -> None:
    rows = [
        {"category_id": 2, "keypoints": [5, 6, 1, 9, 16, 0], "score": 1},
        {"category_id": 2, "keypoints": [7, 7, 1], "score": 1},
        {"category_id": 2, "keypoints": [0, 0, 1], "bbox": [1, 2, 3, 4], "score": 1},
    ]
    write_task(tmp_path, "points", "keypoint-detection", CATEGORIES, {"a.png": rows})
    columns = read(tmp_path, "points").columns
    assert columns.boxes_or_hulls().tolist() == [[5, 6, 4, 10], [7, 7, 1, 1], [1, 2, 3, 4]]


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_files_are_those_of_the_scorers(tmp_path: Path, seed: int) -> None:
    files = random_files(seed)
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, files)
    rows = [(number, row) for number, name in enumerate(sorted(files)) for row in files[name]]
    nothing = [np.nan] * len(CATEGORIES)
    expected = active_learning_scores(
        [row["score"] for _, row in rows],
        [PLACES[row["category_id"]] for _, row in rows],
        len(CATEGORIES),
        probabilities=[row.get("probabilities", nothing) for _, row in rows],
        images=[number for number, _ in rows],
        num_images=len(files),
    )
    found = file_scores(read(tmp_path))
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=1e-12), name


def test_parts_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, random_files(1))
    task = read(tmp_path)
    whole = object_uncertainties(task)
    monkeypatch.setattr("lightly_assets.folders.scores._CELLS", 12)
    for name, values in object_uncertainties(task).items():
        assert values.tolist() == whole[name].tolist()


def test_golden_scores_of_the_open_scorers(tmp_path: Path) -> None:
    """Computed with lightly 1.2.47: a classification, keypoints, and two pixels with a vector each."""
    classes = [{"category_id": 2, "score": 0.7, "probabilities": [0.7, 0.1, 0.1, 0.1]}]
    write_task(tmp_path, "kind", "classification", CATEGORIES, {"a.png": classes, "b.png": []})
    points = [{"category_id": 2, "keypoints": [1, 1, 0.9, 2, 2, 0.5], "score": 0.5}]
    write_task(tmp_path, "points", "keypoint-detection", CATEGORIES, {"a.png": points, "b.png": []})
    pixels = [
        {"category_id": 0, "segmentation": [0, 1, 1], "score": 0.7, "probabilities": [0.7, 0.3]},
        {"category_id": 1, "segmentation": [1, 1], "score": 0.5, "probabilities": [0.5, 0.5]},
    ]
    write_task(tmp_path, "seg", "semantic-segmentation", {0: "a", 1: "b"}, {"a.png": pixels, "b.png": []})
    folder = read_folder(tmp_path)
    kind, seg = file_scores(folder.tasks["kind"]), file_scores(folder.tasks["seg"])
    names = ("uncertainty_least_confidence", "uncertainty_margin", "uncertainty_entropy")
    assert [kind[name][0] for name in names] == pytest.approx([0.4, 0.4, 0.67838982])
    assert [seg[name][0] for name in names] == pytest.approx([0.8, 0.8, 0.94064545])
    assert file_scores(folder.tasks["points"])["mean_uncertainty"].tolist() == pytest.approx([0.3, 0])
    assert kind["uncertainty_entropy"][1] == seg["uncertainty_entropy"][1] == 0


def test_files_with_errors_are_left_out(tmp_path: Path) -> None:
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, {"a.png": [], "b.png": []})
    bad = tmp_path / ".lightly/predictions/boxes/a.json"
    bad.write_text(json.dumps({"file_name": "a.png", "predictions": [{"category_id": 2}]}))
    folder = read_folder(tmp_path)
    assert folder.tasks["boxes"].columns.stems == ["b"] and not folder.report.ok
