"""Labels and existing predictions as the model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.format import rle
from lightly_assets.format.coco.masks import to_coco
from lightly_assets.format.schema import Category, Schema
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import ModelError, Source

CATEGORIES = [Category(id=1, name="person"), Category(id=2, name="car")]
MASK = np.zeros((40, 60), dtype=np.uint8)
MASK[5:20, 10:30] = 1

COCO: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "sub/a.png", "width": 60, "height": 40},
        {"id": 8, "file_name": "sub/v-003-mp4.png"},
        {"id": 9, "file_name": "empty.png"},
    ],
    "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "car"}],
    "annotations": [
        {
            "id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 5, 20.5, 15], "iscrowd": 0,
            "segmentation": to_coco(rle.encode(MASK), 40, 60), "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0],
        },
        {"id": 2, "image_id": 8, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.25},
    ],
}  # fmt: skip

# Its first object has everything.
MASKS = COCO | {"annotations": COCO["annotations"][:1]}


def schema(*names: str) -> Schema:
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    return Schema.parse({"task_type": "object-detection", "categories": categories})


def load(folder: Path, data: Any = COCO, task_type: str = "object-detection", **settings: Any) -> Any:
    (folder / "labels.json").write_text(json.dumps(data))
    config = parse_model({"kind": "coco", "path": "labels.json", **settings})
    return load_model(config, task_type=task_type, categories=CATEGORIES, base_dir=folder)


def singletons(model: Any, key: str, index: int | None = None, size: tuple[int, int] = (60, 40)) -> Any:
    image = np.zeros((1, size[1], size[0], 3), dtype=np.uint8)
    return model.predict(image, [Source(key, index, *size)])[0].singletons


def test_boxes_keep_their_numbers_and_labels_get_a_score_of_one(tmp_path: Path) -> None:
    model = load(tmp_path)
    assert singletons(model, "sub/a.png") == [{"category_id": 1, "bbox": [10, 5, 20.5, 15], "score": 1.0}]
    assert singletons(model, "sub/v.mp4", 3) == [{"category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.25}]
    assert singletons(model, "empty.png") == []
    with pytest.raises(ModelError, match=r"sub/v\.mp4, frame 4: .* does not list this frame, but 1 frame"):
        singletons(model, "sub/v.mp4", 4)
    assert singletons(load(tmp_path, missing="empty"), "sub/v.mp4", 4) == []
    assert singletons(load(tmp_path, default_score=0.5), "sub/a.png")[0]["score"] == 0.5


def test_masks_become_row_major(tmp_path: Path) -> None:
    found = singletons(load(tmp_path, MASKS, "instance-segmentation"), "sub/a.png")[0]
    np.testing.assert_array_equal(rle.decode(found["segmentation"], 40, 60), MASK)
    assert list(found) == ["category_id", "segmentation", "score", "bbox"]
    found = singletons(load(tmp_path, MASKS, "semantic-segmentation"), "sub/a.png")[0]
    assert list(found) == ["category_id", "segmentation", "score"]


def test_semantic_masks_of_a_category_are_united(tmp_path: Path) -> None:
    other = np.zeros_like(MASK)
    other[15:30, 0:20] = 1
    second = {"id": 3, "image_id": 7, "category_id": 1, "segmentation": to_coco(rle.encode(other), 40, 60)}
    data = COCO | {"annotations": [COCO["annotations"][0], second]}
    found = singletons(load(tmp_path, data, "semantic-segmentation"), "sub/a.png")
    assert len(found) == 1
    np.testing.assert_array_equal(rle.decode(found[0]["segmentation"], 40, 60), MASK | other)


def test_visibility_becomes_a_score(tmp_path: Path) -> None:
    found = singletons(load(tmp_path, MASKS, "keypoint-detection"), "sub/a.png")[0]
    assert found["keypoints"] == [1, 2, 1.0, 3, 4, 0.5, 0, 0, 0.0]
    assert found["bbox"] == [10, 5, 20.5, 15]


def test_classification_takes_the_one_label(tmp_path: Path) -> None:
    assert singletons(load(tmp_path, task_type="classification"), "sub/a.png") == [
        {"category_id": 1, "score": 1.0}
    ]
    two = COCO | {"annotations": [{"image_id": 7, "category_id": 1}, {"image_id": 7, "category_id": 2}]}
    with pytest.raises(ModelError, match=r"sub/a.png: .* categories 1, 2 with the same score"):
        singletons(load(tmp_path, two, "classification"), "sub/a.png")


def test_a_list_of_results_beside_its_images(tmp_path: Path) -> None:
    (tmp_path / "images.json").write_text(json.dumps(COCO))
    model = load(tmp_path, COCO["annotations"][1:], images="images.json")
    assert singletons(model, "sub/v.mp4", 3)[0]["score"] == 0.25
    with pytest.raises(ModelError, match="holds results; name the annotation file"):
        load(tmp_path, COCO["annotations"])


def test_an_input_that_is_not_listed_is_an_error_unless_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"other.png: labels.json: it does not list this input"):
        singletons(load(tmp_path), "other.png")
    assert singletons(load(tmp_path, missing="empty"), "other.png") == []


def test_another_size_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the image is 60×40 pixels, but it is 30×20"):
        singletons(load(tmp_path), "sub/a.png", size=(30, 20))


BROKEN: list[tuple[Any, str]] = [
    ([1, 2], "the list holds 1; results are objects"),
    ({"annotations": []}, "no list 'images'"),
    ({"images": [{"id": 1}], "annotations": []}, r"images\[0\]: it needs an id and a file_name"),
    (
        {"images": [{"id": [1], "file_name": "a.png"}], "annotations": []},
        r"images\[0\] \('a\.png'\): its id is \[1\]; it must be a number",
    ),
    (
        {"images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}], "annotations": []},
        r"'b.png'\) has the id 1, which 'a.png' has already",
    ),
    ({"images": [], "annotations": [{"image_id": 3}]}, "there is no image with the id 3"),
    (
        {"images": [], "annotations": [{"image_id": {}}]},
        "there is no image with the id {}",
    ),
]


@pytest.mark.parametrize(("data", "message"), BROKEN, ids=range(len(BROKEN)))
def test_files_that_are_no_labels(data: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        load(tmp_path, data)


def test_the_version_follows_the_labels(tmp_path: Path) -> None:
    version = load(tmp_path).version
    assert load(tmp_path).version == version
    assert load(tmp_path, COCO | {"info": 1}).version != version


def test_a_task_folder_as_the_model(tmp_path: Path) -> None:
    task = tmp_path / "old"
    (task / "sub").mkdir(parents=True)
    given = [{"category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]
    for name in ("sub/v-003-mp4", "sub/a"):
        data = {"file_name": f"{name}.png", "predictions": given}
        (task / f"{name}.json").write_text(json.dumps(data))
    (task / "schema.json").write_bytes(schema("person", "car").to_bytes())

    def folder(**settings: Any) -> Any:
        config = parse_model({"kind": "lightly", "path": "old", **settings})
        return load_model(config, task_type="object-detection", categories=CATEGORIES, base_dir=tmp_path)

    model = folder()
    assert singletons(model, "sub/a.jpg") == given
    assert singletons(model, "sub/v.mp4", 3) == given
    with pytest.raises(ModelError, match=r"sub/v.mp4, frame 4: old has no file for it"):
        singletons(model, "sub/v.mp4", 4)
    assert singletons(folder(missing="empty"), "sub/v.mp4", 4) == []
    (task / "sub/a.json").write_text('{"file_name": "sub/a.png"}')
    assert folder().version != model.version
    with pytest.raises(ModelError, match=r"sub/a.png: sub/a.json has no list of predictions"):
        singletons(folder(), "sub/a.png")


def test_names_of_which_nothing_matches_are_refused_each_time(tmp_path: Path) -> None:
    model = load(tmp_path, missing="empty")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"lists 0 inputs of 2, and 3 of its 3 images are no input"):
            model.meet(["other/x.png", "other/y.png"])
    load(tmp_path, missing="empty", allow_partial=True).meet(["other/x.png"])
    load(tmp_path).meet(["other/x.png"])  # each input that is not listed fails by itself
    with pytest.raises(ModelError, match=r"--names suffix finds 3 of 3"):
        load(tmp_path, missing="empty").meet(["deep/sub/a.png", "deep/sub/v.mp4", "deep/empty.png"])
    model = load(tmp_path, missing="empty", names="suffix")
    model.meet(["deep/sub/a.png", "deep/sub/v.mp4", "deep/empty.png"])
    assert len(singletons(model, "deep/sub/a.png")) == 1


def test_names_that_fit_several_inputs_are_refused(tmp_path: Path) -> None:
    data = COCO | {"images": [{"id": 7, "file_name": "a.png"}], "annotations": []}
    with pytest.raises(ModelError, match=r"'a\.png' could be 'x/a\.png', 'y/a\.png' of the input"):
        load(tmp_path, data, names="suffix").meet(["x/a.png", "y/a.png"])


def write_task(folder: Path, names: tuple[str, ...], predictions: list[dict[str, Any]]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "schema.json").write_bytes(schema(*names).to_bytes())
    (folder / "a.json").write_text(json.dumps({"file_name": "a.png", "predictions": predictions}))


def lightly(folder: Path, **settings: Any) -> Any:
    config = parse_model({"kind": "lightly", "path": "old", **settings})
    return load_model(config, task_type="object-detection", categories=CATEGORIES, base_dir=folder)


def test_a_task_folder_with_other_ids(tmp_path: Path) -> None:
    box = {"bbox": [1, 2, 3, 4], "score": 0.5}
    given = [{"category_id": 1, **box, "probabilities": [0.7, 0.3]}, {"category_id": 2, **box}]
    write_task(tmp_path / "old", ("car", "person"), given)
    first, second = singletons(lightly(tmp_path), "a.png")
    assert first == {"category_id": 2, **box, "probabilities": [0.3, 0.7]}
    assert second == {"category_id": 1, **box}
    write_task(tmp_path / "old", ("car", "human"), given)
    with pytest.raises(ModelError, match=r"1 'car', 2 'human', but the task has 1 'person', 2 'car'"):
        lightly(tmp_path)
    (kept,) = singletons(lightly(tmp_path, category_map={"human": "person"}), "a.png")
    assert kept == {"category_id": 1, **box}
    with pytest.raises(ModelError, match="None of the 1 inputs has a file in old"):
        lightly(tmp_path, category_map={"human": 1, "car": 2}, missing="empty").meet(["b.png"])


def test_a_task_folder_of_frames_that_a_video_does_not_have(tmp_path: Path) -> None:
    write_task(tmp_path / "old", ("person", "car"), [])
    (tmp_path / "old/v-25-mp4.json").write_text('{"file_name": "v-25-mp4.png", "predictions": []}')
    model = lightly(tmp_path)
    model.check_end("v.mp4", 26)
    with pytest.raises(
        ModelError, match=r"lists frame 25 of 'v\.mp4', which has 25 frames, 0 to 24; is it another"
    ):
        model.check_end("v.mp4", 25)
