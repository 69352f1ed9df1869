"""Semantic segmentation and classification, beside plain NumPy on whole images."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from lightly_assets.evaluation.document import document
from lightly_assets.evaluation.evaluate import confusion, evaluate
from lightly_assets.evaluation.objects import EvaluationError
from lightly_assets.format.rle import encode
from tests.evaluation.folders import write_task

CLASSES = {0: "road", 1: "sky", 5: "car"}
PLACES = list(CLASSES)


def maps(seed: int, images: int = 5) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Label and prediction of each image, as places of categories; blocks, so that there are long runs."""
    random = np.random.default_rng(seed)
    found = {}
    for image in range(images):
        label = np.kron(random.integers(0, 2 + (image > 2), (6, 8)), np.ones((4, 5), int))
        wrong = np.kron(random.random((12, 20)) < 0.3, np.ones((2, 2), bool))
        prediction = np.where(wrong, random.integers(0, 3, label.shape), label)
        found[f"a/{image}.png"] = label, prediction
    return found


def singletons(image: np.ndarray) -> list[dict[str, object]]:
    return [
        {"category_id": PLACES[one], "segmentation": encode(image == one), "score": 0.9}
        for one in np.unique(image).tolist()
    ]


@pytest.mark.parametrize("labels_are_coco", [True, False])
def test_miou(tmp_path: Path, labels_are_coco: bool) -> None:
    images = maps(0)
    write_task(
        tmp_path, "seg", "semantic-segmentation", CLASSES, {k: singletons(v[1]) for k, v in images.items()}
    )
    labels = tmp_path / "truth"
    if labels_are_coco:
        labels = tmp_path / "labels.json"
        labels.write_text(json.dumps(coco_file(images)))
    else:
        truth = {name: singletons(label) for name, (label, _) in images.items()}
        write_task(tmp_path, "truth", "semantic-segmentation", CLASSES, truth)
    found = evaluate(tmp_path, "seg", labels if labels_are_coco else "truth")
    result = document(found)
    label = np.stack([one for one, _ in images.values()])
    prediction = np.stack([one for _, one in images.values()])
    table = np.zeros((3, 3), int)
    np.add.at(table, (label.ravel(), prediction.ravel()), 1)
    iou = np.diag(table) / (table.sum(0) + table.sum(1) - np.diag(table))
    assert [one["iou"] for one in result["per_category"]] == pytest.approx(iou.tolist(), abs=1e-12)
    assert result["miou"] == pytest.approx(iou.mean(), abs=1e-12)
    assert result["pixel_accuracy"] == pytest.approx((label == prediction).mean(), abs=1e-12)
    assert confusion(found)[:3, :3].tolist() == table.tolist()
    assert result["map"] is None and result["accuracy"] is None
    faults = {name: int((one != other).sum()) for name, (one, other) in images.items()}
    assert [one["file_name"] for one in result["worst"]] == sorted(faults, key=lambda name: -faults[name])


def coco_file(images: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, object]:
    annotations = []
    for number, (label, _) in enumerate(images.values()):
        for one in np.unique(label).tolist():
            # In two parts each, as COCO's files often have it.
            for part in (slice(0, 12), slice(12, None)):
                mask = np.zeros(label.shape, np.uint8)
                mask[part] = label[part] == one
                if mask.any():
                    counts = coco_mask.encode(np.asfortranarray(mask))
                    annotations.append(
                        {
                            "image_id": number,
                            "category_id": PLACES[one],
                            "segmentation": counts | {"counts": counts["counts"].decode()},
                        }
                    )
    described = [
        {"id": number, "file_name": name, "height": label.shape[0], "width": label.shape[1]}
        for number, (name, (label, _)) in enumerate(images.items())
    ]
    categories = [{"id": one, "name": name} for one, name in CLASSES.items()]
    return {"images": described, "annotations": annotations, "categories": categories}


def test_accuracy_and_confusion(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 40)
    predictions = np.where(random.random(40) < 0.3, random.integers(0, 3, 40), labels)
    names = [f"{place:02}.jpg" for place in range(40)]

    def task(values: np.ndarray) -> dict[str, list[dict[str, object]]]:
        return {
            name: [{"category_id": PLACES[one], "score": 0.5}]
            for name, one in zip(names, values.tolist(), strict=True)
        }

    given = task(predictions)
    # Of several predictions the surest counts; one image has none.
    given[names[0]] = [
        {"category_id": PLACES[(labels[0] + 1) % 3], "score": 0.2},
        {"category_id": PLACES[labels[0]], "score": 0.7},
    ]
    given[names[1]] = []
    predictions[0], predictions[1] = labels[0], -1
    write_task(tmp_path, "kind", "classification", CLASSES, given)
    write_task(tmp_path, "truth", "classification", CLASSES, task(labels))
    found = evaluate(tmp_path, "kind", "truth")
    result = document(found)
    assert result["accuracy"] == pytest.approx((labels == predictions).mean())
    table = np.zeros((4, 4), int)
    np.add.at(table, (labels, np.where(predictions < 0, 3, predictions)), 1)
    assert confusion(found).tolist() == table.tolist()
    recall = [table[one, one] / table[one].sum() for one in range(3)]
    assert [one["recall"] for one in result["per_category"]] == pytest.approx(recall)
    assert result["map"] is None and result["miou"] is None


def test_confusion_of_boxes_counts_every_label_and_every_prediction_once(tmp_path: Path) -> None:
    box, other, far = [0.0, 0.0, 20.0, 20.0], [50.0, 50.0, 20.0, 20.0], [100.0, 0.0, 9.0, 9.0]
    labels = [{"category_id": 0, "bbox": box, "score": 1.0}, {"category_id": 1, "bbox": other, "score": 1.0}]
    given = [
        {"category_id": 0, "bbox": box, "score": 0.9},
        {"category_id": 0, "bbox": other, "score": 0.8},
        {"category_id": 5, "bbox": far, "score": 0.7},
        {"category_id": 5, "bbox": far, "score": 0.1},
    ]
    write_task(tmp_path, "boxes", "object-detection", CLASSES, {"a.png": given})
    write_task(tmp_path, "truth", "object-detection", CLASSES, {"a.png": labels})
    table = confusion(evaluate(tmp_path, "boxes", "truth", threshold=0.5)).tolist()
    # road found; sky taken for road; a car of nothing; the prediction of .1 is below the threshold.
    assert table == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]


def test_masks_of_another_size_are_refused(tmp_path: Path) -> None:
    one = [{"category_id": 0, "segmentation": [0, 12], "score": 1.0}]
    other = [{"category_id": 0, "segmentation": [0, 20], "score": 1.0}]
    write_task(tmp_path, "seg", "semantic-segmentation", CLASSES, {"a.png": one})
    write_task(tmp_path, "truth", "semantic-segmentation", CLASSES, {"a.png": other})
    with pytest.raises(EvaluationError, match=r"Masks of 'a' have 12 pixels, those of the labels .* 20"):
        evaluate(tmp_path, "seg", "truth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y, w, h: {"bbox": [x, y, x + w, y + h]}, "all fit when they are read as corners"),
        (lambda x, y, w, h: {"bbox": [x + w / 2, y + h / 2, w, h]}, "read as centre and size"),
        (lambda x, y, w, h: {"bbox": [x / 100, y / 80, w / 100, h / 80]}, "lie in the first pixel"),
        (lambda x, y, w, h: {"bbox": [x, y, w, h], "bbox_mode": 0}, "bbox_mode 0"),
        (lambda x, y, w, h: {"bbox": [x, y, w, h], "attributes": {"rotation": 30.0}}, "turned rectangles"),
    ],
)
def test_labels_that_no_import_takes_are_no_truth_either(
    tmp_path: Path, change: Callable[..., dict[str, object]], message: str
) -> None:
    random = np.random.default_rng(0)
    boxes = [
        (50 + 2 * x, 40 + 2 * y, 50 - 2 * x - 1, 40 - 2 * y - 1) for x, y in random.integers(0, 20, (60, 2))
    ]
    boxes = [tuple(map(int, box)) for box in boxes]
    images = {f"{number}.png": box for number, box in enumerate(boxes)}
    found = {name: [{"category_id": 0, "bbox": [*box], "score": 0.9}] for name, box in images.items()}
    write_task(tmp_path, "cars", "object-detection", CLASSES, found)

    def labels(of: Callable[..., dict[str, object]]) -> Path:
        file = tmp_path / "labels.json"
        rows = [
            {"id": number, "image_id": number, "category_id": 0, **of(*box)}
            for number, box in enumerate(boxes)
        ]
        shown = [
            {"id": number, "file_name": name, "width": 100, "height": 80}
            for number, name in enumerate(images)
        ]
        categories = [{"id": number, "name": name} for number, name in CLASSES.items()]
        file.write_text(json.dumps({"images": shown, "annotations": rows, "categories": categories}))
        return file

    right = labels(lambda *box: {"bbox": [*box]})
    assert document(evaluate(tmp_path, "cars", right))["map"] == pytest.approx(1)
    with pytest.raises(EvaluationError, match=message):
        evaluate(tmp_path, "cars", labels(change))
