"""``init`` on models whose answers are known: what it finds, by which signal, and a project that loads."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.config import load_project
from lightly_assets.demo.footage import Scene
from lightly_assets.demo.project import MODELS
from lightly_assets.models.checked_model import load_model
from tests.models.onnx_files import constant_model, constants_model
from tests.models.pose_models import heatmap_model, simcc_model

PROGRAM = Path(sys.executable).with_name("lightly-assets")


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A street of the demo, as one image."""
    folder = tmp_path_factory.mktemp("input")
    Image.fromarray(Scene(6, weather="clouded").frame(2.0).image).save(folder / "street.png")
    (folder / "notes.md").write_text("no image")
    return folder


def init(folder: Path, *arguments: str) -> Any:
    """Without a terminal, so that nothing may be asked."""
    return CliRunner().invoke(app, ["init", str(folder), *arguments], catch_exceptions=False)


def proposed(folder: Path, model: Path, footage: Path) -> tuple[str, Any]:
    """What init prints, and the task that it writes, which loads as it stands."""
    result = init(folder, "--model", str(model), "--input", str(footage))
    assert result.exit_code == 0, result.output
    project = load_project(folder / "lightly.yaml")
    assert project.root("input") == str(footage)
    (task,) = project.tasks
    load_model(task.model, task_type=task.task_type, categories=task.categories, base_dir=folder)
    return result.output, task


@pytest.mark.parametrize(
    ("name", "layout", "task_type", "classes"),
    [
        ("objects", "yolo", "object-detection", 2),
        ("people", "yolo", "keypoint-detection", 1),
        ("instances", "yolo", "instance-segmentation", 2),
        ("semantic", "logits", "semantic-segmentation", 6),
        ("weather", "logits", "classification", 3),
    ],
)
def test_the_demos_models_are_found_out(
    name: str, layout: str, task_type: str, classes: int, tmp_path: Path, footage: Path
) -> None:
    printed, task = proposed(tmp_path / "project", MODELS / f"{name}.onnx", footage)
    assert (task.model.layout, task.task_type, len(task.categories)) == (layout, task_type, classes)
    assert "size           192×320  (input images float32 (?, 3, 192, 320))" in printed
    assert "0 videos and 1 image  (listing (1 png))" in printed
    assert "left out       1 md" in printed
    assert "drawn to" in printed
    with Image.open(tmp_path / "project" / "lightly-init.png") as picture:
        assert picture.size == (640, 360)
    # What was found is on the picture.
    drawn = np.asarray(Image.open(tmp_path / "project" / "lightly-init.png"))
    assert (drawn != np.asarray(Image.open(footage / "street.png"))).mean() > 0.001
    text = (tmp_path / "project" / "lightly.yaml").read_text()
    assert "# OPEN: the file does not name its classes" in text


METADATA = {
    "task": "detect",
    "names": "{0: 'person', 1: 'big: car'}",
    "stride": "32",
    "imgsz": "[64, 96]",
    "channels": "3",
    "args": "{'nms': True, 'dynamic': True}",
}


def test_everything_that_the_file_says_is_told_with_its_signal(tmp_path: Path, footage: Path) -> None:
    rows = np.zeros((1, 300, 6), dtype=np.float32)
    rows[0, :2] = [[8, 8, 24, 40, 0.9, 0], [30, 20, 60, 50, 0.6, 1]]
    model = constant_model(tmp_path / "m.onnx", rows, ["h", "w"], metadata=METADATA)
    printed, task = proposed(tmp_path / "project", model, footage)
    for line in (
        "written by     ultralytics",
        "layout         yolo_nms  (metadata end2end, args nms)",
        "task           object-detection  (metadata task)",
        "classes        2: person, big: car  (metadata names)",
        "size           64×96  (metadata imgsz)",
        "multiple       32  (metadata stride)",
        "interpolation  linear  (metadata task detect)",
        "objects                      2",
    ):
        assert line in printed
    assert "OPEN" not in printed
    assert "guess" not in printed
    text = (tmp_path / "project" / "lightly.yaml").read_text()
    assert "    categories:" not in text
    assert [one.name for one in task.categories] == ["person", "big: car"]
    assert "size: [64, 96]  # metadata imgsz" in text


def outputs(*named: tuple[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(values) for name, values in named}


BOXES = np.array([[[8, 8, 24, 40], [30, 20, 60, 50]]], dtype=np.float32)
SHARES = np.array([[[0.3, 0.4, 0.2, 0.5], [0.7, 0.5, 0.2, 0.2]]], dtype=np.float32)


def yolo(*columns: list[float], count: int = 100) -> Any:
    table = np.zeros((1, len(columns[0]), count), dtype=np.float32)
    for place, column in enumerate(columns):
        table[0, :, place] = column
    return table


POINTS = [20.0, 30.0] * 21
POSE = [20.0, 30.0, 0.9] * 17
SURFACES = np.random.default_rng(3).normal(0, 4, (1, 3, 64, 64)).astype(np.float32)
KINDS: list[tuple[str, Any, tuple[str, str]]] = [
    ("yolo", yolo([32, 32, 20, 20, 0.1, 0.9], [20, 20, 8, 8, 0.8, 0]), ("yolo", "object-detection")),
    ("rows", yolo([32, 32, 20, 20, 0.1, 0.9]).transpose(0, 2, 1), ("yolo", "object-detection")),
    ("pose", yolo([32, 32, 20, 20, 0.9, *POSE]), ("yolo", "keypoint-detection")),
    ("pose without scores", yolo([32, 32, 20, 20, 0.9, *POINTS]), ("yolo", "keypoint-detection")),
    ("objectness", yolo([32, 32, 20, 20, 0.9, 0.1, 0.9]).transpose(0, 2, 1), ("yolov5", "object-detection")),
    ("softmax", np.array([[0.7, 0.2, 0.1]]), ("probabilities", "classification")),
    ("logits", np.array([[3.7, -0.2, -5.1]]), ("logits", "classification")),
    ("classes last", SURFACES.transpose(0, 2, 3, 1), ("logits", "semantic-segmentation")),
    ("classes first", SURFACES, ("logits", "semantic-segmentation")),
    ("coarse", np.repeat(SURFACES[..., ::8, ::8], 5, axis=1), ("logits", "semantic-segmentation")),
]


@pytest.mark.parametrize(
    ("name", "output", "wanted"), KINDS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_numbers_of_outputs_tell_what_their_shapes_do_not(
    name: str, output: Any, wanted: tuple[str, str], tmp_path: Path, footage: Path
) -> None:
    model = constant_model(tmp_path / "m.onnx", output, [64, 64])
    _, task = proposed(tmp_path / "project", model, footage)
    assert (task.model.layout, task.task_type) == wanted
    if wanted[1] == "semantic-segmentation":
        text = (tmp_path / "project" / "lightly.yaml").read_text()
        assert ("classes_axis: last" in text) == (name == "classes last")
        assert len(task.categories) == (15 if name == "coarse" else 3)
    if name == "pose without scores":
        assert "kpt_shape: [21, 2]" in (tmp_path / "project" / "lightly.yaml").read_text()
    if name == "rows":
        assert "order: rows" in (tmp_path / "project" / "lightly.yaml").read_text()


@pytest.mark.parametrize("objectness", [0.9, 1.0], ids=["YOLOX", "YOLOv6"])
def test_a_row_for_each_cell_brings_the_pixels_of_its_family(
    objectness: float, tmp_path: Path, footage: Path
) -> None:
    rows = np.tile(np.array([160, 160, 40, 60, objectness, 0.1, 0], dtype=np.float32), (1, 2100, 1))
    rows[0, :2, 6] = 0.9
    model = constant_model(tmp_path / "m.onnx", rows, [320, 320])
    _, task = proposed(tmp_path / "project", model, footage)
    pixels = task.model.preprocess
    wanted = (1, "bgr", "end", "floor") if objectness < 1 else (None,) * 4
    assert task.model.layout == "yolov5"
    assert (pixels.scale, pixels.channels, pixels.pad_at, pixels.rounding) == wanted


SEVERAL: list[tuple[dict[str, Any], str]] = [
    (outputs(("dets", SHARES), ("labels", np.array([[[2.0, -3, 0], [-1, 1, 0]]], np.float32))), "rtdetr"),
    (
        outputs(("labels", [[1, 0]]), ("boxes", BOXES), ("scores", np.float32([[0.9, 0.6]]))),
        "detr_postprocessed",
    ),
    (
        outputs(
            ("num_dets", [[2]]),
            ("det_boxes", BOXES),
            ("det_scores", np.float32([[0.9, 0.6]])),
            ("det_classes", [[1, 0]]),
        ),
        "boxes_scores_labels",
    ),
]


@pytest.mark.parametrize(("named", "layout"), SEVERAL, ids=[layout for _, layout in SEVERAL])
def test_names_and_types_of_outputs_are_signals(
    named: dict[str, Any], layout: str, tmp_path: Path, footage: Path
) -> None:
    model = constants_model(tmp_path / "m.onnx", named, [64, 64])
    printed, task = proposed(tmp_path / "project", model, footage)
    assert task.model.layout == layout
    assert f"layout         {layout}  (outputs " in printed


CENTRES = np.array([[[20, 25, 20, 30], [50, 35, 20, 30]]], dtype=np.float32)
UNSETTLED: list[tuple[dict[str, Any], str]] = [
    # Boxes are no map of labels, a vector no scores.
    (
        outputs(("boxes", CENTRES), ("scores", np.float32([[0.9, 0.6]])), ("labels", [[1, 0]])),
        "write box: cxcywh",
    ),
    (outputs(("embedding", np.linspace(-1, 1, 64, dtype=np.float32)[None])), "of no layout"),
    # Objects of an SSD as OpenVINO's models give them: image, label, score, corners as shares; 100 of them.
    (outputs(("detection_out", np.float32([[[[0, 1, 0.9, 0.1, 0.1, 0.3, 0.4]] * 100]]))), "of no layout"),
    (outputs(("output_0", np.full((1, 1, 17, 3), 0.4, dtype=np.float32))), "of no layout"),
    # An export whose boxes and scores are apart, (B, 4, N) and (B, C, N).
    (
        outputs(
            ("boxes", np.full((1, 4, 84), 20, dtype=np.float32)),
            ("scores", np.full((1, 80, 84), 0.02, dtype=np.float32)),
        ),
        "of no layout",
    ),
    (outputs(("image_embeddings", SURFACES.repeat(4, axis=1))), "of no layout"),
]


@pytest.mark.parametrize(
    ("named", "reason"), UNSETTLED, ids=["boxes", "vector", "SSD", "MoveNet", "halves", "features"]
)
def test_what_only_looks_like_a_layout_is_not_proposed(
    named: dict[str, Any], reason: str, tmp_path: Path, footage: Path
) -> None:
    model = constants_model(tmp_path / "m.onnx", named, [64, 64])
    result = init(tmp_path / "project", "--model", str(model), "--input", str(footage))
    assert result.exit_code == 1
    assert "layout         is not settled" in result.output
    assert reason in result.output


def test_class_numbers_of_a_byte_are_looked_into(tmp_path: Path, footage: Path) -> None:
    labels = (np.arange(64)[None, None] // 32 * np.ones((1, 64, 1))).astype(np.uint8)
    model = constants_model(tmp_path / "m.onnx", {"output0": labels}, [64, 64])
    _, task = proposed(tmp_path / "project", model, footage)
    assert (task.model.layout, len(task.categories)) == ("label_map", 2)


def test_a_file_that_says_its_task_is_not_doubted(tmp_path: Path, footage: Path) -> None:
    """One object has a mask, which is the whole image; as boxes there would be two, and no doubt."""
    rows = np.zeros((1, 38, 100), dtype=np.float32)
    rows[0, :6, 0], rows[0, 6, 0] = [32, 32, 64, 64, 0.9, 0], 1
    rows[0, :6, 1], rows[0, 6, 1] = [20, 20, 20, 20, 0, 0.8], -1
    metadata = METADATA | {"task": "segment", "imgsz": "[64, 64]", "args": "{}"}
    named = {"output0": rows, "output1": np.ones((1, 32, 16, 16), dtype=np.float32)}
    model = constants_model(tmp_path / "m.onnx", named, [64, 64], metadata=metadata)
    _, task = proposed(tmp_path / "project", model, footage)
    assert task.task_type == "instance-segmentation"


def test_what_cannot_be_settled_is_said_and_exits_with_1(tmp_path: Path, footage: Path) -> None:
    each = constant_model(tmp_path / "m.onnx", np.array([[0.9, 0.8, 0.7]]), [64, 64])
    result = init(tmp_path / "project", "--model", str(each), "--input", str(footage))
    assert result.exit_code == 1
    assert "layout         is not settled  (OPEN: not logits for classification" in result.output
    assert "multi-label" in result.output
    assert "# OPEN: not logits" in (tmp_path / "project" / "lightly.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.onnx", None, "does not exist"),
        ("m.onnx", b"nothing", "is no ONNX model that can be run"),
        ("m.bin", b"nothing", "no file of a kind that is looked into: "),
        ("m.pt", b"\x80\x02.", "is a pickle"),
        ("m.engine", b"ftrt", "is an engine of TensorRT"),
    ],
)
def test_files_that_are_no_models(
    name: str, content: bytes | None, message: str, tmp_path: Path, footage: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = init(tmp_path / "project", "--model", str(tmp_path / name), "--input", str(footage))
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "project" / "lightly.yaml").exists()


def test_an_input_alone_and_a_model_alone(tmp_path: Path, footage: Path) -> None:
    result = init(tmp_path / "a", "--input", str(footage))
    assert result.exit_code == 0
    assert load_project(tmp_path / "a").root("input") == str(footage)
    result = init(tmp_path / "b", "--model", str(MODELS / "objects.onnx"))
    assert result.exit_code == 0
    assert "No frame was tried" in result.output
    assert load_project(tmp_path / "b").tasks[0].model.layout == "yolo"
    assert not (tmp_path / "b" / "lightly-init.png").exists()
    result = init(tmp_path / "c", "--input", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert "nowhere" in result.output


def test_on_a_terminal_it_asks_for_what_is_open(tmp_path: Path, footage: Path) -> None:
    arguments = [
        "init",
        str(tmp_path / "project"),
        "--model",
        str(MODELS / "weather.onnx"),
        "--input",
        str(footage),
    ]
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    answers = {
        b"Names of the 3 classes": b"sunny, clouded, rainy\n",
        b"Numbers of pixels": b"0..1\n",
        b"Interpolation": b"\n",
    }
    while select.select([ours], [], [], 60)[0]:
        try:
            printed += os.read(ours, 4096)
        except OSError:  # its end of the terminal is closed
            break
        for question in [one for one in answers if one in printed and printed.rstrip().endswith(b"]:")]:
            os.write(ours, answers.pop(question))
    assert process.wait(60) == 0, printed.decode()
    assert answers == {}
    (task,) = load_project(tmp_path / "project").tasks
    assert [one.name for one in task.categories] == ["sunny", "clouded", "rainy"]
    assert task.model.preprocess.mean == (0,)
    assert "# OPEN" not in (tmp_path / "project" / "lightly.yaml").read_text()


@pytest.mark.parametrize(
    ("write", "layout", "signal"),
    [
        (simcc_model, "simcc", "found"),
        (lambda path: simcc_model(path, names=("a", "b")), "simcc", "of an input of height 64 and width 48"),
        (heatmap_model, "heatmaps", "of an input of height 64 and width 48"),
    ],
    ids=["names", "lengths", "maps"],
)
def test_models_that_look_into_boxes_need_a_task_of_boxes(
    write: Any, layout: str, signal: str, tmp_path: Path, footage: Path
) -> None:
    model = write(tmp_path / "pose.onnx")
    result = init(tmp_path / "project", "--model", str(model), "--input", str(footage))
    assert result.exit_code == 0, result.output
    (told,) = (line for line in result.output.splitlines() if line.startswith("  layout "))
    assert told.startswith(f"  layout         {layout}  (outputs ") and (signal == "found" or signal in told)
    assert "boxes          objects  (OPEN: " in result.output
    assert "the whole frame, as if it were a box" in result.output
    assert (tmp_path / "project" / "lightly-init.png").stat().st_size > 0
    boxes, keypoints = load_project(tmp_path / "project").tasks
    assert (boxes.name, keypoints.model.layout, keypoints.model.boxes_task) == ("objects", layout, "objects")
    assert "detector.onnx, layout: yolo}  # OPEN: " in (tmp_path / "project" / "lightly.yaml").read_text()
