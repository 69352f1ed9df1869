"""Boxes whose four numbers are something else than the layout says: refused, with what to write."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightly_assets.models.layouts.base import LayoutError
from lightly_assets.models.layouts.shared.notation import NAMES, Notation, Written
from lightly_assets.models.preprocess import View
from lightly_assets.models.protocol import ModelError
from tests.models.onnx_files import constants_model
from tests.models.test_refusals import BOXES, f32, predict

# Two boxes of an input of 64×64.
CORNERS = f32([[10, 10, 30, 40], [40, 20, 60, 50]])
FORMS: dict[str, NDArray[Any]] = {
    "xyxy": CORNERS,
    "cxcywh": f32([[20, 25, 20, 30], [50, 35, 20, 30]]),
    "xywh": f32([[10, 10, 20, 30], [40, 20, 20, 30]]),
}
SCORES, LABELS = f32([[0.9, 0.6]]), np.array([[0, 1]])
CLASSES = f32([[0.9, 0.1], [0.2, 0.6]])
LOGITS = f32([[[4, -4, -4], [-4, 1, -4]]])


def rows(boxes: NDArray[Any], *more: NDArray[Any]) -> NDArray[np.float32]:
    """(1, 2, …) of boxes and what follows them."""
    parts = [one.reshape(2, -1) for one in (boxes, *more)]
    return np.concatenate(parts, axis=1)[None].astype(np.float32)


def columns(boxes: NDArray[Any]) -> NDArray[np.float32]:
    """As YOLOv8 writes them, with other candidates."""
    table = np.full((1, 6, 90), 20, dtype=np.float32)
    table[:, 4:] = 0
    table[0, :, :2] = rows(boxes, CLASSES)[0].T
    return table


def outputs_of(layout: str, form: str) -> dict[str, NDArray[Any]]:
    boxes = FORMS[form]
    labelled = {"boxes": boxes[None], "scores": SCORES, "labels": LABELS}
    return {
        "boxes_scores_labels": labelled,
        "detr_postprocessed": labelled,
        "torchvision": {"boxes": boxes, "scores": SCORES[0], "labels": LABELS[0] + 1},
        "boxes_scores": {"boxes": boxes[None], "scores": CLASSES[None]},
        "paddle": {"rows": rows(LABELS[0], SCORES, boxes)[0], "count": np.array([2])},
        "yolo": {"output0": columns(boxes)},
        "yolov5": {"output0": rows(boxes, f32([1, 1]), CLASSES)},
        "yolo_nms": {"output0": rows(boxes, SCORES, LABELS)},
        "rtdetr_topk": {"output0": rows(boxes / 64, SCORES, LABELS)},
        "rtdetr": {"logits": LOGITS[..., :2], "pred_boxes": boxes[None] / 64},
        "detr": {"logits": LOGITS, "pred_boxes": boxes[None] / 64},
    }[layout]


OF_CORNERS = [
    "boxes_scores_labels",
    "detr_postprocessed",
    "torchvision",
    "boxes_scores",
    "paddle",
    "yolo_nms",
]
OF_CENTRES = ["yolo", "yolov5", "rtdetr_topk", "rtdetr", "detr"]


def found(layout: str, form: str, folder: Path, **settings: Any) -> Any:
    path = constants_model(folder / "m.onnx", outputs_of(layout, form), [64, 64])
    return predict(path, BOXES, 2, layout=layout, **settings)


@pytest.mark.parametrize("layout", [*OF_CORNERS, *OF_CENTRES])
def test_boxes_in_another_form_are_refused(layout: str, tmp_path: Path) -> None:
    right = "xyxy" if layout in OF_CORNERS else "cxcywh"
    np.testing.assert_allclose(found(layout, right, tmp_path).boxes, CORNERS, atol=1e-4)
    wrong = ("cxcywh", "xywh") if right == "xyxy" else ("xyxy",)
    for form in wrong:
        with pytest.raises(ModelError, match=r"boxes are read as .*, but all would fit"):
            found(layout, form, tmp_path)


@pytest.mark.parametrize("layout", ["boxes_scores_labels", "boxes_scores", "detr_postprocessed"])
@pytest.mark.parametrize("form", FORMS)
def test_the_form_that_is_said(layout: str, form: str, tmp_path: Path) -> None:
    np.testing.assert_allclose(found(layout, form, tmp_path, box=form).boxes, CORNERS, atol=1e-4)
    for other in FORMS:
        if {form, other} != {"cxcywh", "xywh"} and form != other:
            with pytest.raises(ModelError, match=f"write box: {form}"):
                found(layout, form, tmp_path, box=other)


def view(width: int, height: int) -> View:
    return View(width, height, width, height, 1, 1, 0, 0)


@pytest.mark.parametrize("written", ["xyxy", "cxcywh", "xywh"])
def test_boxes_of_any_picture_are_no_other_form(written: Written) -> None:
    """Objects of all sizes everywhere, over the edge by a little, many candidates of each, large ones."""
    rng = np.random.default_rng(3)
    others: dict[Written, str] = {one: "x" for one in NAMES if one != written}
    for _ in range(300):
        notation = Notation(written, others)
        for _ in range(3):
            count = int(rng.integers(1, 6))
            first = rng.uniform(-0.02, 0.8, (count, 2))
            corners = np.concatenate(
                [first, np.minimum(first + rng.uniform(0.03, 1, (count, 2)), 1.02)], axis=1
            )
            corners = np.repeat(corners, 8, axis=0) + rng.normal(0, 0.003, (8 * count, 4))
            sizes = corners[:, 2:] - corners[:, :2]
            numbers = {
                "xyxy": corners,
                "cxcywh": np.concatenate([corners[:, :2] + sizes / 2, sizes], axis=1),
                "xywh": np.concatenate([corners[:, :2], sizes], axis=1),
            }[written]
            notation.look(640 * numbers, np.full(len(numbers), 0.8), view(640, 640))


def test_unsure_boxes_and_a_crossed_one_among_others_say_nothing() -> None:
    notation = Notation("xyxy", {"cxcywh": "x", "xywh": "x"})
    crossed = np.array([[30.0, 10, 20, 40]])
    notation.look(crossed, np.array([0.1]), view(64, 64))
    notation.look(np.array([[40.0, 40, 60, 60]]), np.array([0.9]), view(64, 64))
    notation.look(crossed, np.array([0.9]), view(64, 64))
    alone = Notation("xyxy", {"cxcywh": "x", "xywh": "x"})
    with pytest.raises(LayoutError, match="crossed"):
        alone.look(crossed, np.array([0.9]), view(64, 64))
