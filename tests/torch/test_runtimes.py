"""The PyTorch and ultralytics runtimes, on real programs and files of theirs."""

import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lightly_assets.encoding.encode import TaskSettings, encode
from lightly_assets.format.schema import Category, Schema
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.protocol import ModelError, Source
from tests.models.comparison import assert_same
from tests.torch.oracles import picture, shaken

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(folder: Path, task_type: str, count: int, **settings: Any) -> Any:
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    return load_model(parse_model(settings), task_type=task_type, categories=categories, base_dir=folder)


class Scores(torch.nn.Module):
    """A segmentation model of one convolution."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Conv2d(3, 4, 4, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images) * 4


def programs(folder: Path) -> list[str]:
    model = Scores().eval()
    example = torch.zeros(2, 3, 32, 64)
    torch.jit.trace(model, example).save(str(folder / "script.pt"))
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(model, (example,), dynamic_shapes={"images": {0: batch}})
    torch.export.save(exported, str(folder / "program.pt2"))
    return ["script.pt", "program.pt2"]


def test_programs_say_what_the_module_says(tmp_path: Path) -> None:
    images = np.stack([picture((32, 64), seed) for seed in range(5)])
    sources = [Source("v.mp4", index, 64, 32) for index in range(5)]
    preprocess = {"size": [32, 64], "mean": [0, 0, 0], "std": [1, 1, 1]}
    with torch.inference_mode():
        logits = Scores()(torch.from_numpy(images.transpose(0, 3, 1, 2)).float() / 255)
        wanted = torch.nn.functional.interpolate(logits, (32, 64), mode="bilinear").softmax(1).numpy()
    versions = set()
    for name in programs(tmp_path):
        settings = {
            "kind": "torch",
            "path": name,
            "layout": "logits",
            "batch_size": 3,
            "preprocess": preprocess,
        }
        model = load(tmp_path, "semantic-segmentation", 4, **settings)
        found = np.stack([one.scores for one in model.predict(images, sources)])
        np.testing.assert_allclose(found, wanted, atol=1e-5)
        versions.add(model.version)
    assert len(versions) == 2


def test_calls_at_once_say_what_one_call_says(tmp_path: Path) -> None:
    import openvino

    images = np.stack([picture((32, 64), seed) for seed in range(8)])
    common = {"layout": "logits", "preprocess": {"size": [32, 64], "mean": [0, 0, 0], "std": [1, 1, 1]}}
    kinds = dict.fromkeys(programs(tmp_path), "torch")
    model = openvino.convert_model(Scores().eval(), example_input=torch.zeros(2, 3, 32, 64))
    model.reshape([-1, 3, 32, 64])
    openvino.save_model(model, tmp_path / "m.xml", compress_to_fp16=False)
    for name, kind in (kinds | {"m.xml": "openvino"}).items():
        settings = {"kind": kind, "path": name, **common}
        alone = load(tmp_path, "semantic-segmentation", 4, **settings, threads=1)
        model = load(tmp_path, "semantic-segmentation", 4, **settings, threads=4)
        assert (alone.callers, model.callers, model.portion) == (2, 5, 2)

        def said(model: Any, first: int) -> list[bytes]:
            sources = [Source("v.mp4", index, 64, 32) for index in (first, first + 1)]
            return [one.scores.tobytes() for one in model.predict(images[first : first + 2], sources)]

        firsts = [*range(0, 8, 2)] * 25
        wanted = [said(alone, first) for first in firsts[:4]] * 25
        assert len({one for pair in wanted for one in pair}) == 8
        with ThreadPoolExecutor(5) as threads:
            assert [*threads.map(partial(said, model), firsts)] == wanted


def test_a_checkpoint_is_refused_and_not_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "unpickled",))

    torch.save(Scores().state_dict(), tmp_path / "weights.pt")
    torch.save(Bomb(), tmp_path / "bomb.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("weights.pt", "bomb.pt", "plain.pt"):
        for kind in ({"kind": "torch", "layout": "logits"}, {"kind": "ultralytics"}):
            with pytest.raises(ModelError, match=f"{name} is a pickle .* it is refused"):
                load(tmp_path, "classification", 4, path=name, **kind)
    # The oldest kind of pickle has no mark at its start; ultralytics would read it all the same.
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Bomb(), protocol=0))
    with pytest.raises(ModelError, match=r"old.pt is refused: .* export the model to ONNX"):
        load(tmp_path, "classification", 4, kind="ultralytics", path="old.pt")
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("part", ["sample_inputs/model.pt", "weights/model.pt", "constants/opaque_obj_0"])
def test_nothing_in_an_exported_program_is_unpickled(part: str, tmp_path: Path) -> None:
    """PyTorch itself unpickles sample inputs that are no plain tensors."""

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "unpickled",))

    programs(tmp_path)
    torch.save(Bomb(), tmp_path / "bomb.pt")
    with (
        zipfile.ZipFile(tmp_path / "program.pt2") as whole,
        zipfile.ZipFile(tmp_path / "bomb.pt2", "w", zipfile.ZIP_STORED) as changed,
    ):
        root = whole.namelist()[0].split("/")[0]
        for name in whole.namelist():
            if not name.endswith(part):
                changed.writestr(name, whole.read(name))
        changed.writestr(f"{root}/data/{part}", (tmp_path / "bomb.pt").read_bytes())
    with pytest.raises(ModelError, match=r"bomb.pt2 (cannot be loaded|holds .* refused)"):
        load(
            tmp_path,
            "semantic-segmentation",
            4,
            kind="torch",
            path="bomb.pt2",
            layout="logits",
            preprocess={"size": [32, 64]},
        )
    assert not (tmp_path / "unpickled").exists()


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    programs(tmp_path)
    base = {"kind": "torch", "layout": "logits"}
    cases = [
        (
            {"path": "script.pt", "preprocess": {"size": 32}},
            3,
            "has 4 classes .* but the task has 3 categories",
        ),
        ({"path": "script.pt", "preprocess": {"size": 3}}, 4, "cannot run on an input of"),
        ({"path": "script.pt"}, 4, "does not say its input; say preprocess.size"),
        ({"path": "program.pt2", "preprocess": {"size": 32}}, 4, r"size is \[32, 32\].* height 32, width 64"),
    ]
    for settings, count, message in cases:
        with pytest.raises(ModelError, match=message):
            load(tmp_path, "semantic-segmentation", count, **base, **settings)


SCRIPTED = {
    "retinanet_resnet50_fpn": ("object-detection", "head.classification_head.cls_logits"),
    "keypointrcnn_resnet50_fpn": ("keypoint-detection", "roi_heads.box_predictor.cls_score"),
}


@pytest.mark.parametrize("name", SCRIPTED)
def test_scripted_detectors_of_torchvision(name: str, tmp_path: Path) -> None:
    """They take a list of images, return losses and dicts, and need operators of torchvision."""
    import torchvision.models.detection as detection

    torch.manual_seed(17)
    task_type, head = SCRIPTED[name]
    sizes = {"min_size": 96, "max_size": 192}
    count = 1 if task_type == "keypoint-detection" else 3
    made = getattr(detection, name)(
        weights=None, weights_backbone=None, num_classes=count + 1, **sizes
    ).eval()
    made.get_submodule(head).weight.data.mul_(60 if "retina" in name else 8)
    if "retina" in name:
        made.get_submodule(head).bias.data.fill_(-1)
    torch.jit.script(made).save(str(tmp_path / "m.pt"))
    settings = {"kind": "torch", "path": "m.pt", "layout": "torchvision", "score_threshold": 0.3}
    # RetinaNet has a score for label 0, too.
    count, map_ = (4, {one: one for one in range(4)}) if "retina" in name else (count, None)
    model = load(tmp_path, task_type, count, **settings, category_map=map_)
    script: Any = torch.jit.load(str(tmp_path / "m.pt"))
    total = 0
    for size in ((108, 192), (150, 100)):
        image = picture(size, 1)
        written = _written(model, settings | {"category_map": map_}, task_type, count, image)
        with torch.inference_mode():
            _, (theirs,) = script([torch.from_numpy(image).permute(2, 0, 1).float() / 255])
        kept = theirs["scores"] >= 0.3
        found = {
            "boxes": theirs["boxes"][kept].numpy(),
            "scores": theirs["scores"][kept].numpy(),
            "classes": (theirs["labels"][kept] - int(map_ is None)).numpy(),
        }
        if task_type == "keypoint-detection":
            found["keypoints"] = theirs["keypoints"][kept].numpy()
        total += assert_same(written, found, size[1], size[0])
    assert total


def _written(model: Any, settings: dict[str, Any], task_type: str, count: int, image: Any) -> Any:
    height, width = image.shape[:2]
    result = model.predict(image[None], [Source("a.png", None, width, height)])[0]
    schema = Schema(
        task_type=task_type, categories=[Category(id=number, name=f"c{number}") for number in range(count)]
    )
    task = TaskSettings(schema, encode_settings(parse_model(settings), schema.task_type))
    return encode(result, task, width, height).singletons


def test_outputs_of_a_dict_are_called_by_its_keys(tmp_path: Path) -> None:
    import torchvision

    made = torchvision.models.segmentation.fcn_resnet50(
        weights=None, weights_backbone=None, num_classes=3, aux_loss=True
    )
    torch.jit.script(made.eval()).save(str(tmp_path / "m.pt"))
    settings = {"kind": "torch", "path": "m.pt", "layout": "logits", "preprocess": {"size": [32, 64]}}
    with pytest.raises(ModelError, match=r"out \(.*\), aux \(.*write output: out"):
        load(tmp_path, "semantic-segmentation", 3, **settings)
    load(tmp_path, "semantic-segmentation", 3, **settings, output="out")


def test_operators_that_nobody_brings_are_named(tmp_path: Path) -> None:
    library = torch.library.Library("strange", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CompositeImplicitAutograd")

    class Strange(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ops.strange.twice(x)

    example = torch.zeros(1, 3, 32, 64)
    torch.jit.script(Strange()).save(str(tmp_path / "strange.pt"))
    torch.export.save(torch.export.export(Strange(), (example,)), str(tmp_path / "strange.pt2"))
    library._destroy()
    for name in ("strange.pt", "strange.pt2"):
        with pytest.raises(ModelError, match=f"{name} cannot be loaded: it uses operators of strange, which"):
            load(tmp_path, "semantic-segmentation", 3, kind="torch", path=name, layout="logits")


def test_names_in_a_file_of_ultralytics_decide_the_order(tmp_path: Path) -> None:
    """A .pt says nothing that can be read without opening it; once it is open, its names are known."""
    from ultralytics import YOLO

    made = YOLO("yolo11n-cls.yaml")
    names = [f"c{number}" for number in range(len(made.names))]
    made.model.names = dict(enumerate([names[1], names[0], *names[2:]]))
    made.save(tmp_path / "m.pt")
    settings = {"kind": "ultralytics", "path": "m.pt", "trusted": True}
    with pytest.raises(ModelError, match=r"'c0' stands for class 0 of the model m.pt, but is its class 1"):
        load(tmp_path, "classification", len(names), **settings)
    load(tmp_path, "classification", len(names), **settings, metadata="ignore")


@pytest.mark.parametrize(
    ("name", "task_type"),
    [
        ("yolo11n", "object-detection"),
        ("yolo11n-seg", "instance-segmentation"),
        ("yolo11n-pose", "keypoint-detection"),
        ("yolo11n-cls", "classification"),
    ],
)
def test_ultralytics_files_say_what_the_package_says(name: str, task_type: str, tmp_path: Path) -> None:
    from ultralytics import YOLO

    torch.manual_seed(3)
    made = YOLO(f"{name}.yaml")
    shaken(made.model, 3).eval()
    for branch in getattr(made.model.model[-1], "cv3", []):
        branch[-1].weight.data.mul_(25)
        branch[-1].bias.data.fill_(-1.5)
    made.save(tmp_path / "m.pt")
    count = len(made.names)
    settings = {
        "kind": "ultralytics",
        "path": "m.pt",
        "imgsz": 160,
        "score_threshold": 0.0,
        "max_detections": 20,
    }
    with pytest.raises(ModelError, match="is a pickle"):
        load(tmp_path, task_type, count, **settings)
    model = load(tmp_path, task_type, count, trusted=True, **settings)
    image = picture((108, 192), 1)
    result = model.predict(image[None], [Source("a.png", None, 192, 108)])[0]
    schema = Schema(
        task_type=task_type, categories=[Category(id=number, name=f"c{number}") for number in range(count)]
    )
    config = parse_model({**settings, "max_detections": None})
    task = TaskSettings(schema, encode_settings(config, schema.task_type))
    written = encode(result, task, 192, 108).singletons
    most = 100 if "seg" in name else 300
    theirs = YOLO(str(tmp_path / "m.pt")).predict(
        image[..., ::-1], imgsz=160, conf=1e-3, iou=0.7, max_det=most, retina_masks=True, verbose=False
    )[0]
    assert assert_same(written, _found(theirs), 192, 108) >= 1


@pytest.mark.parametrize("kind", ["ultralytics .pt", "ultralytics .onnx", "onnx"])
def test_ultralytics_finds_classes_of_pixels(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its task ``semantic``, from a checkpoint and from an export with the argmax in the graph."""
    from ultralytics import YOLO

    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    made = YOLO("yolo26n-sem.yaml")
    shaken(made.model, 3).eval()
    made.save(tmp_path / "m.pt")
    settings: dict[str, Any] = {"kind": "ultralytics", "path": "m.pt", "trusted": True, "imgsz": 160}
    if kind != "ultralytics .pt":
        settings = {"kind": "ultralytics", "path": YOLO("m.pt").export(format="onnx", imgsz=160)}
    if kind == "onnx":
        settings |= {"kind": "onnx", "layout": "label_map"}
    names = [Category(id=number, name=name) for number, name in made.names.items()]
    model: Any = load_model(
        parse_model(settings), task_type="semantic-segmentation", categories=names, base_dir=tmp_path
    )
    theirs = YOLO(str(tmp_path / settings["path"]), task="semantic")
    seen = set()
    for size in [(108, 192), (150, 100), (360, 640)]:
        image = picture(size, 1)
        found = model.predict(image[None], [Source("a.png", None, size[1], size[0])])[0].label_map
        wanted = theirs.predict(image[..., ::-1], imgsz=160, verbose=False)[0].semantic_mask.data
        np.testing.assert_array_equal(found, np.asarray(wanted))
        seen |= set(np.unique(found).tolist())
    assert len(seen) > 1


def _found(result: Any) -> dict[str, Any]:
    if result.probs is not None:
        return {"probabilities": result.probs.data.numpy()}
    found = {
        "boxes": result.boxes.xyxy.numpy(),
        "scores": result.boxes.conf.numpy(),
        "classes": result.boxes.cls.numpy(),
    }
    if result.masks is not None:
        found["masks"] = result.masks.data.numpy()
    if result.keypoints is not None:
        found["keypoints"] = result.keypoints.data.numpy()
    return found


def test_supervision_objects() -> None:
    import supervision as sv

    from lightly_assets.format.schema import TaskType
    from lightly_assets.models.conversions import as_result

    source = Source("a.png", None, 60, 40)
    boxes = np.array([[1, 2, 30, 20]], dtype=np.float32)
    masks = np.zeros((1, 40, 60), dtype=bool)
    masks[0, 2:20, 1:30] = True
    found: Any = as_result(
        sv.Detections(boxes, mask=masks, confidence=np.array([0.5]), class_id=np.array([1])),
        source,
        TaskType.INSTANCE_SEGMENTATION,
    )
    np.testing.assert_array_equal(found.boxes, boxes)
    np.testing.assert_array_equal(found.masks, masks)
    points = sv.KeyPoints(
        np.ones((1, 3, 2), np.float32),
        class_id=np.array([0]),
        keypoint_confidence=np.full((1, 3), 0.5, np.float32),
    )
    found = as_result(points, source, TaskType.KEYPOINT_DETECTION)
    assert found.keypoints.tolist() == [[[1, 1, 0.5]] * 3]
    classes = sv.Classifications(class_id=np.array([3, 1]), confidence=np.array([0.2, 0.8]))
    found = as_result(classes, source, TaskType.CLASSIFICATION)
    assert (found.category_id, found.score) == (1, 0.8)
    assert len(as_result(sv.Detections.empty(), source, TaskType.OBJECT_DETECTION)) == 0  # type: ignore[arg-type]


def test_torchvision_modules_return_dicts() -> None:
    import torchvision

    from lightly_assets.format.schema import TaskType
    from lightly_assets.models.conversions import as_result

    torch.manual_seed(0)
    model = torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=3, min_size=64, box_detections_per_img=5
    ).eval()
    given = model([torch.rand(3, 40, 60)])[0]
    found: Any = as_result(given, Source("a.png", None, 60, 40), TaskType.INSTANCE_SEGMENTATION)
    assert len(found) == len(given["scores"])
    np.testing.assert_array_equal(found.masks, given["masks"][:, 0].detach().numpy() >= 0.5)


def test_the_torchvision_example_with_random_weights(tmp_path: Path) -> None:
    import torchvision

    from lightly_assets.config import load_project

    for name in ("models.py", "lightly.yaml"):
        (tmp_path / name).write_bytes((EXAMPLES / "torchvision" / name).read_bytes())
    torch.manual_seed(0)
    made = torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=3
    )
    torch.save(made.state_dict(), tmp_path / "weights.pth")
    task = load_project(tmp_path).tasks[0]
    model = load_model(
        task.model, task_type=task.task_type, categories=task.schema_.categories, base_dir=tmp_path
    )
    image = picture((90, 160), 2)
    result: Any = model.predict(image[None], [Source("a.png", None, 160, 90)])[0]
    with torch.inference_mode():
        theirs = made.eval()([torch.from_numpy(image).permute(2, 0, 1).float() / 255])[0]
    np.testing.assert_allclose(result.scores, theirs["scores"].numpy(), atol=1e-5)
    np.testing.assert_allclose(result.boxes, theirs["boxes"].numpy(), atol=1e-3)
    assert set(result.category_ids.tolist()) <= {1, 2}
    encode(result, TaskSettings(task.schema_, encode_settings(task.model, task.task_type)), 160, 90)
