"""Files of the tools' own exporters, imported: everything is where it was handed to the exporter."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lightly_assets.checker.check import check
from lightly_assets.format import rle
from lightly_assets.format.coco.masks import from_coco
from lightly_assets.format.schema import TaskType
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.pipeline.publishing.label_import import LabelImportSettings, import_labels

ROOT = Path(os.environ["LABEL_TOOLS"]).absolute()
CASES: dict[str, Any] = json.loads((ROOT / "truth.json").read_text())
WIDTH, HEIGHT = 80, 60
# Text files of YOLO have six digits.
DIGITS = 0.01


def imported(name: str, root: Path) -> dict[str, list[dict[str, Any]]]:
    case = CASES[name]
    given = dict(case["settings"])
    given.pop("score", None)
    if "categories" in given:
        given["categories"] = {int(key): value for key, value in given["categories"].items()}
    if "task_type" in given:
        given["task_type"] = TaskType(given["task_type"])
    objects = CocoSettings(rotated=given.pop("rotated", "refuse"))
    for key in case["truth"]:
        path = root / "input" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(path)
    settings = LabelImportSettings(format=case["format"], objects=objects, unlisted="empty", **given)
    import_labels(
        ROOT / name / case["path"], root / "lightly", "task", input=root / "input", settings=settings
    )
    assert check(root / "lightly", root / "input").ok
    folder = root / "lightly/.lightly/predictions/task"
    files = [json.loads(path.read_text()) for path in folder.rglob("*.json") if path.name != "schema.json"]
    names = {one["id"]: one["name"] for one in json.loads((folder / "schema.json").read_text())["categories"]}
    return {
        one["file_name"]: [row | {"name": names[row["category_id"]]} for row in one["predictions"]]
        for one in files
    }


@pytest.mark.parametrize("name", CASES)
def test_what_was_exported_is_what_is_imported(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    found = imported(name, tmp_path)
    assert found.keys() == case["truth"].keys()
    for key, truth in case["truth"].items():
        assert [one["name"] for one in found[key]] == [category for category, _ in truth], key
        for one, (_, shape) in zip(found[key], truth, strict=True):
            same_shape(one, shape)
            assert one["score"] == pytest.approx(case["settings"].get("score") or 1.0)


def same_shape(one: dict[str, Any], shape: Any) -> None:
    if shape is None:
        assert "bbox" not in one
    elif isinstance(shape[0], list):
        assert np.array_equal(rle.decode(one["segmentation"], HEIGHT, WIDTH), shape)
    elif "keypoints" in one:
        assert one["keypoints"] == pytest.approx(shape, abs=DIGITS)
    elif "segmentation" in one:
        wanted = rle.decode(from_coco([shape], HEIGHT, WIDTH), HEIGHT, WIDTH)
        # A corner that is rounded to the sixth digit may move the outline by a pixel of the finer grid.
        assert (
            np.count_nonzero(rle.decode(one["segmentation"], HEIGHT, WIDTH) != wanted) <= 0.05 * wanted.sum()
        )
    else:
        assert one["bbox"] == pytest.approx(shape, abs=DIGITS)
