"""Layouts of models that look into boxes, against what mmpose and rtmlib made of the same (recorded)."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lightly_assets.errors import BadValue
from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.crops.cutting import ObjectSource, crop_view, cut_out
from lightly_assets.models.crops.objects import Objects, keypoints_in_boxes
from lightly_assets.models.crops.peaks import dark, dark_udp, largest, quarter
from lightly_assets.models.protocol import ModelError, Source
from lightly_assets.models.results import Keypoints
from tests.models.onnx_files import constants_model
from tests.models.pose_models import (
    BOXES,
    HEIGHT,
    KEYPOINTS,
    WIDTH,
    heatmap_model,
    heatmaps,
    picture,
    simcc_model,
)

RECORDED: Any = np.load(Path(__file__).parent / "recorded_two_stage.npz")
SOURCE = Source("a.mp4", 7, 160, 120)


def load(folder: Path, categories: list[Any] | None = None, **settings: Any) -> Any:
    config = parse_model({"kind": "onnx", "path": "pose.onnx", "boxes": "people"} | settings)
    schema = [Category.model_validate(one) for one in categories or [{"id": 0, "name": "person"}]]
    return load_model(config, task_type="keypoint-detection", categories=schema, base_dir=folder)


def objects(boxes: Any = BOXES, score: float = 0.9) -> Objects:
    count = len(boxes)
    array = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return Objects(array, np.full(count, score), np.full(count, 3, dtype=np.int64))


def found(model: Any, boxes: Any = BOXES) -> Keypoints:
    return keypoints_in_boxes(model, [(picture(), SOURCE, objects(boxes))], {3: 0})[0]


def of_box(box: list[float]) -> ObjectSource:
    x, y, w, h = box
    return ObjectSource("a.png", None, 160, 120, box=(x, y, w, h))


@pytest.mark.parametrize(("name", "udp"), [("warp", False), ("udp_warp", True)])
def test_parts_lie_where_mmpose_cuts_them_out(name: str, udp: bool) -> None:
    for box, matrix in zip(BOXES, RECORDED[name], strict=True):
        view = crop_view(of_box(box), HEIGHT, WIDTH, 1.25, to_centres=udp)
        ours = [[view.scale_x, 0, view.offset_x], [0, view.scale_y, view.offset_y]]
        # Theirs go through float32.
        np.testing.assert_allclose(ours, matrix, rtol=1e-5, atol=1e-4 * view.scale_x)


@pytest.mark.parametrize("udp", [False, True])
def test_parts_have_the_pixels_of_opencv(udp: bool) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    different = []
    for box in BOXES:
        view = crop_view(of_box(box), 256, 192, 1.25, to_centres=udp)
        matrix = np.array([[view.scale_x, 0, view.offset_x], [0, view.scale_y, view.offset_y]])
        theirs = cv2.warpAffine(noise, matrix, (192, 256), flags=cv2.INTER_LINEAR).astype(int)
        difference = np.abs(cut_out(noise, view).astype(int) - theirs)
        assert difference.max() <= 1
        different.append((difference > 0).mean())
    assert np.mean(different) < 1e-3


@pytest.mark.parametrize(
    ("name", "refine"),
    [
        ("quarter", quarter),
        ("dark", lambda places, maps: dark(places, maps, 11)),
        ("udp", lambda places, maps: dark_udp(places, maps, 11)),
        ("udp_3", lambda places, maps: dark_udp(places, maps, 3)),
    ],
)
def test_peaks_are_refined_as_in_mmpose(name: str, refine: Any) -> None:
    maps = heatmaps()
    places, scores = largest(maps)
    np.testing.assert_array_equal(scores, RECORDED["scores"])
    wanted, ours = RECORDED[name], refine(places, maps)
    # Of maps without anything theirs divide by zero.
    anything = scores > 0
    assert anything.sum() == scores.size - 2
    np.testing.assert_allclose(ours[anything], wanted[anything], atol=2e-3)
    assert (ours[~anything] == -1).all()
    assert np.abs(ours - places).max() > 0.2


@pytest.mark.parametrize(("score", "name"), [("min", "min_scores"), ("mean", "mean_scores")])
def test_simcc_is_read_as_by_rtmlib_and_mmpose(tmp_path: Path, score: str, name: str) -> None:
    simcc_model(tmp_path / "pose.onnx")
    model = load(tmp_path, layout="simcc", point_score=score)
    result = found(model)
    # Half a place is where two of them are as large but for the last bits.
    np.testing.assert_allclose(result.keypoints[..., :2], RECORDED["points"], atol=1e-3)
    np.testing.assert_allclose(result.keypoints[..., 2], RECORDED[name], atol=1e-3)
    x, y, w, h = np.array(BOXES).T
    np.testing.assert_allclose(result.boxes, np.stack([x, y, x + w, y + h], axis=1))
    np.testing.assert_allclose(result.scores, 0.9)


@pytest.mark.parametrize("refine", ["quarter", "dark", "udp", "none"])
def test_heatmaps_peak_where_the_picture_does(tmp_path: Path, refine: str) -> None:
    heatmap_model(tmp_path / "pose.onnx")
    image = np.zeros((120, 160, 3), dtype=np.uint8)
    spots = [(40, 35), (70, 60), (25, 65)]
    for channel, (x, y) in enumerate(spots):
        image[y - 3 : y + 4, x - 3 : x + 4, channel] = 255
    image = cv2.GaussianBlur(image, (0, 0), 5)
    model = load(tmp_path, layout="heatmaps", refine=refine, preprocess={"mean": 0, "std": 1})
    result = keypoints_in_boxes(model, [(image, SOURCE, objects(BOXES[:1]))], {3: 0})[0]
    # A cell is six pixels of the image wide, and what mmpose calls its place is its first pixel: udp's, its
    # middle.
    np.testing.assert_allclose(
        result.keypoints[0, :, :2], spots, atol={"dark": 3.5, "udp": 2.5}.get(refine, 5)
    )


def test_results_do_not_depend_on_neighbours_batches_or_threads(tmp_path: Path) -> None:
    simcc_model(tmp_path / "pose.onnx")
    alone = [found(load(tmp_path, layout="simcc", batch_size=1), [box]) for box in BOXES]
    for settings in ({"batch_size": 1}, {"batch_size": 4}, {"batch_size": 64}, {"threads": 1}):
        together = found(load(tmp_path, layout="simcc", **settings))
        for number, one in enumerate(alone):
            np.testing.assert_array_equal(together.keypoints[number], one.keypoints[0])
    # A file of a fixed batch is filled up.
    simcc_model(tmp_path / "pose.onnx", batch=4)
    fixed = found(load(tmp_path, layout="simcc"))
    np.testing.assert_array_equal(fixed.keypoints, np.concatenate([one.keypoints for one in alone]))


def test_no_box_is_no_object_and_no_call(tmp_path: Path) -> None:
    simcc_model(tmp_path / "pose.onnx")
    model = load(tmp_path, layout="simcc")
    shown = [(picture(), SOURCE, objects(boxes)) for boxes in ([], BOXES[:2], [], BOXES[2:])]
    results = keypoints_in_boxes(model, shown, {3: 0})
    assert [len(one) for one in results] == [0, 2, 0, 4]
    assert keypoints_in_boxes(model, [], {}) == []


def test_an_object_is_as_sure_as_its_keypoints(tmp_path: Path) -> None:
    simcc_model(tmp_path / "pose.onnx")
    result = found(load(tmp_path, layout="simcc", object_score="keypoints"))
    for score, points in zip(result.scores, result.keypoints[..., 2], strict=True):
        assert score == pytest.approx(0.9 * points[points > 0.2].mean(), rel=1e-5)


def test_the_larger_part_shows_more(tmp_path: Path) -> None:
    heatmap_model(tmp_path / "pose.onnx")
    usual, wide = (found(load(tmp_path, layout="heatmaps", **settings)) for settings in ({}, {"padding": 3}))
    assert not np.array_equal(usual.keypoints, wide.keypoints)


def test_outputs_are_told_apart_by_name_or_length(tmp_path: Path) -> None:
    wanted = found(load_of(tmp_path, ("simcc_x", "simcc_y")))
    np.testing.assert_array_equal(found(load_of(tmp_path, ("one", "two"))).keypoints, wanted.keypoints)
    # Nothing but lengths tells here: rows come first.
    across, down = np.zeros((1, 2, 2 * WIDTH)), np.zeros((1, 2, 2 * HEIGHT))
    across[0, :, 30], down[0, :, 64] = 0.5, 0.5
    outputs = {"one": down.astype(np.float32), "two": across.astype(np.float32)}
    constants_model(tmp_path / "pose.onnx", outputs, [HEIGHT, WIDTH])
    view = crop_view(of_box(BOXES[0]), HEIGHT, WIDTH, 1.25)
    result = found(load(tmp_path, layout="simcc"), BOXES[:1])
    np.testing.assert_allclose(
        result.keypoints[0, 0], [*view.to_image(np.array([15.0, 32.0])), 0.5], atol=1e-4
    )


def load_of(folder: Path, names: tuple[str, str]) -> Any:
    simcc_model(folder / "pose.onnx", names=names)
    return load(folder, layout="simcc")


def outputs_of(*shapes: tuple[int, ...]) -> dict[str, Any]:
    names = ("simcc_x", "simcc_y") if len(shapes) == 2 else ("heatmaps",)
    return {name: np.zeros(shape, dtype=np.float32) for name, shape in zip(names, shapes, strict=True)}


@pytest.mark.parametrize(
    ("outputs", "settings", "sentence"),
    [
        (outputs_of((1, 2, 96), (1, 2, 128)), {"layout": "heatmaps"}, "look like layout: simcc"),
        (outputs_of((1, 2, 16, 12)), {"layout": "simcc"}, "look like layout: heatmaps"),
        (outputs_of((1, 2, 96), (1, 3, 128)), {"layout": "simcc"}, "needs two outputs (B, K, places)"),
        (outputs_of((1, 2, 144), (1, 2, 192)), {"layout": "simcc"}, "write split_ratio: 3 beside layout"),
        (outputs_of((1, 2, 128), (1, 2, 96)), {"layout": "simcc"}, "the other way round"),
        (outputs_of((1, 2, 96), (1, 2, 100)), {"layout": "simcc"}, "96 columns and 100 rows"),
        (outputs_of((1, 2, 16, 16)), {"layout": "heatmaps"}, "not the same share of an input"),
        (outputs_of((1, 2, 128, 96)), {"layout": "heatmaps"}, "not the same share of an input"),
    ],
)
def test_outputs_that_cannot_be_meant_are_refused(
    tmp_path: Path, outputs: Any, settings: Any, sentence: str
) -> None:
    constants_model(tmp_path / "pose.onnx", outputs, [HEIGHT, WIDTH])
    with pytest.raises(ModelError) as caught:
        load(tmp_path, **settings)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "model.boxes is missing"),
        ({"boxes": " "}, "model.boxes is empty"),
        ({"boxes": "a", "box_categories": []}, "model.box_categories is empty"),
        ({"boxes": "a", "blur": 4}, "model.blur is 4; it must be an odd number"),
        ({"boxes": "a", "refine": "sharp"}, "model.refine"),
        ({"boxes": "a", "padding": 0}, "model.padding"),
        ({"boxes": "a", "split_ratio": 2}, "model.split_ratio is not a known key"),
        ({"boxes": "a", "preprocess": {"resize": "letterbox"}}, "preprocess.resize has no use"),
        ({"boxes": "a", "preprocess": {"source": "yuv"}}, "preprocess.source has no use"),
        ({"boxes": "a", "category_map": {0: 0}}, "category_map has no use"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: Any, sentence: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_model({"kind": "onnx", "path": "pose.onnx", "layout": "heatmaps"} | settings)
    assert sentence in str(caught.value)


def test_categories_list_as_many_keypoints_as_the_model_has(tmp_path: Path) -> None:
    simcc_model(tmp_path / "pose.onnx")
    names = [f"point_{number}" for number in range(KEYPOINTS + 1)]
    load(tmp_path, [{"id": 0, "name": "person", "keypoints": names[:-1]}], layout="simcc")
    with pytest.raises(ModelError, match=r"'person' lists 4 keypoints, but the model pose\.onnx has 3"):
        load(tmp_path, [{"id": 0, "name": "person", "keypoints": names}], layout="simcc")
