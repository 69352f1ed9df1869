"""What files say of themselves: ultralytics' own metadata, sidecars, and settings that contradict them."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from lightly_assets.config import ConfigError, load_project
from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.metadata.read import facts_of
from lightly_assets.models.preprocess import Preprocess
from lightly_assets.models.protocol import ModelError
from tests.models.onnx_files import Shape, constant_model, identity_model, write

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded_metadata.json").read_text())


def export(folder: Path, name: str) -> Path:
    """A file with the metadata of a recorded export."""
    recorded = RECORDED[name]
    if "config" in recorded:
        path = folder / "m.torchscript"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("m/extra/config.txt", recorded["config"])
        return path
    return write(
        folder / "m.onnx",
        [],
        {"images": (np.float32, recorded["input"])},
        {"images": (np.float32, recorded["input"])},
        metadata=recorded["metadata"],
    )


@pytest.mark.parametrize(
    ("name", "task", "layouts", "pixels"),
    [
        ("yolov8n", "detect", ("yolo",), {"resize": "letterbox", "size": (320, 320)}),
        ("yolov8n wide", "detect", ("yolo",), {"size": (192, 320), "multiple": None}),
        ("yolov8n dynamic", "detect", ("yolo",), {"size": (320, 320), "multiple": 32}),
        ("yolov8n nms", "detect", ("yolo_nms",), {"interpolation": "linear"}),
        ("yolo26n end2end", "detect", ("yolo_nms",), {"resize": "letterbox"}),
        ("yolov8n-seg", "segment", ("yolo",), {"resize": "letterbox"}),
        ("yolov8n-pose", "pose", ("yolo",), {"resize": "letterbox"}),
        ("yolov8n-obb", "obb", ("obb",), {"resize": "letterbox"}),
        ("yolov8n-cls", "classify", ("probabilities",), {"resize": "crop", "interpolation": "bilinear"}),
        ("yolo26n-sem", "semantic", ("label_map", "logits"), {"resize": "letterbox"}),
        ("rtdetr-l", "detect", ("rtdetr", "rtdetr_topk"), {"resize": "stretch", "interpolation": "linear"}),
        ("yolov8n torchscript", "detect", ("yolo",), {"resize": "letterbox", "size": (320, 320)}),
    ],
)
def test_an_export_of_ultralytics_says_everything(
    name: str, task: str, layouts: tuple[str, ...], pixels: dict[str, Any], tmp_path: Path
) -> None:
    facts = facts_of(export(tmp_path, name))
    assert (facts.family, facts.task, facts.layouts) == ("ultralytics", task, layouts)
    for field, value in pixels.items():
        assert getattr(facts.pixels, field) == value
    # 0..1, whatever the layout would take.
    assert (facts.pixels.mean, facts.pixels.std) == ((0,), (1,))
    assert facts.names == tuple(f"thing {number}" for number in range(len(facts.names)))
    assert len(facts.names) == {"yolov8n-pose": 1, "yolov8n-cls": 1000, "yolo26n-sem": 19}.get(name, 80)
    assert facts.signals["size"] == "metadata imgsz"
    assert facts.signals["names"] == "metadata names"


BOXES = np.zeros((1, 300, 6), dtype=np.float32)
NAMES = "{0: 'person', 1: 'traffic light', 2: 'car'}"
METADATA = {"task": "detect", "names": NAMES, "stride": "32", "imgsz": "[64, 64]", "end2end": "True"}


def load(path: Path, task_type: str, names: list[str], **settings: Any) -> Any:
    config = parse_model({"kind": "onnx", "path": path.name, "layout": "yolo_nms", **settings})
    categories = [Category(id=number, name=name) for number, name in enumerate(names)]
    return load_model(config, task_type=task_type, categories=categories, base_dir=path.parent)


PROPER = ["person", "traffic light", "car"]
CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    (
        {"task_type": "keypoint-detection"},
        "task_type is keypoint-detection, but .* is for 'detect' .*write 'task_type: object-detection'",
    ),
    (
        {"layout": "yolo"},
        r"layout is yolo, but .* is made for yolo_nms \(metadata end2end.*write 'layout: yolo_nms'",
    ),
    (
        {"names": ["car", "traffic light", "person"]},
        r"'car' stands for class 0 .* is its class 2 \(metadata names\)",
    ),
    ({"names": ["person", "car"]}, r"has 3 classes \(metadata names\), but the task has 2 categories"),
    (
        {"preprocess": {"size": 96}},
        r"\[96, 96\], but .* was made with \[64, 64\] \(metadata imgsz\); write 'size: \[64, 64\]'",
    ),
]


@pytest.mark.parametrize(("settings", "message"), CONTRADICTIONS, ids=range(len(CONTRADICTIONS)))
def test_what_contradicts_the_file_is_an_error_with_the_line_to_write(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = constant_model(tmp_path / "m.onnx", BOXES, ["h", "w"], metadata=METADATA)
    with pytest.raises(ModelError, match=message):
        load(path, **{"task_type": "object-detection", "names": PROPER} | settings)


def test_what_agrees_is_no_error_and_metadata_can_be_ignored(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", BOXES, ["h", "w"], metadata=METADATA)
    for names in (PROPER, ["Person", "Traffic-Light", "CAR"], ["Mensch", "Ampel", "Auto"]):
        model = load(path, "object-detection", names)
        # The size that the file was exported with, not the layout's.
        assert model.runtime.reader.preprocess.size == (64, 64)
    mapped = load(path, "object-detection", ["car"], category_map={2: 0})
    assert mapped.version == model.version
    said = load(path, "object-detection", PROPER, preprocess={"size": 64})
    assert said.runtime.reader.preprocess == model.runtime.reader.preprocess
    ignored = load(path, "object-detection", PROPER, metadata="ignore", preprocess={"size": 96})
    assert ignored.runtime.reader.preprocess.size == (96, 96)
    assert ignored.version != model.version


def test_a_rectangle_for_dynamic_exports_and_the_whole_size_for_others(tmp_path: Path) -> None:
    dynamic = METADATA | {"args": "{'dynamic': True}"}
    for shape, multiple in ((["h", "w"], 32), ([64, 64], None)):
        size: Shape = list(shape)
        path = constant_model(tmp_path / "m.onnx", BOXES, size, metadata=dynamic)
        assert load(path, "object-detection", PROPER).runtime.reader.preprocess.multiple == multiple


def project(folder: Path, model: dict[str, Any], task_type: str = "object-detection", **task: Any) -> Path:
    path = folder / "lightly.yaml"
    content = {
        "datasource": {"input": "in", "lightly": "out", "state": "state"},
        "tasks": [{"name": "things", "task_type": task_type, "model": model, **task}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_categories_may_be_left_out_where_the_file_names_its_classes(tmp_path: Path) -> None:
    constant_model(tmp_path / "m.onnx", BOXES, [64, 64], metadata=METADATA)
    model = {"kind": "onnx", "path": "m.onnx", "layout": "yolo_nms"}
    loaded = load_project(project(tmp_path, model))
    assert [(one.id, one.name) for one in loaded.tasks[0].categories] == list(enumerate(PROPER))
    ours = [{"id": 0, "name": "Mensch"}, {"id": 1, "name": "Ampel"}, {"id": 2, "name": "Auto"}]
    loaded = load_project(project(tmp_path, model, categories=ours))
    assert [one.name for one in loaded.tasks[0].categories] == ["Mensch", "Ampel", "Auto"]


def test_categories_that_nobody_says(tmp_path: Path) -> None:
    model = {"kind": "onnx", "path": "m.onnx", "layout": "yolo_nms"}
    with pytest.raises(
        ConfigError, match=r"task 'things': categories are missing, and the model file m.onnx, .*exist"
    ):
        load_project(project(tmp_path, model))
    constant_model(tmp_path / "m.onnx", BOXES, [64, 64])
    with pytest.raises(
        ConfigError, match=r"task 'things': categories are missing, .* does not name its classes"
    ):
        load_project(project(tmp_path, model))
    with pytest.raises(ConfigError, match="task 'things': categories is missing"):
        load_project(project(tmp_path, {"kind": "python", "call": "a:b"}))


def test_sidecars_of_transformers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"architectures": ["ViTForImageClassification"], "id2label": {"0": "cat", "1": "dog"}})
    )
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "size": {"height": 48, "width": 48},
                "resample": 2,
                "image_mean": [0.5] * 3,
                "image_std": [0.5] * 3,
            }
        )
    )
    # As optimum lays them out: the model one folder further down.
    (tmp_path / "onnx").mkdir()
    path = constant_model(tmp_path / "onnx" / "m.onnx", np.zeros((1, 2)), ["h", "w"])
    model = load(path, "classification", ["cat", "dog"], layout="logits")
    found = model.runtime.reader.preprocess
    assert (found.resize, found.size, found.interpolation) == ("stretch", (48, 48), "bilinear")
    assert (found.mean, found.std) == ((0.5,) * 3, (0.5,) * 3)
    with pytest.raises(
        ModelError, match=r"mean is \[0.485, 0.456, 0.406\], but .*\[0.5, 0.5, 0.5\] \(preprocessor_config"
    ):
        load(
            path,
            "classification",
            ["cat", "dog"],
            layout="logits",
            preprocess={"mean": [0.485, 0.456, 0.406]},
        )
    with pytest.raises(ModelError, match=r"is for 'image-classification' \(config.json architectures ViTFor"):
        load(path, "semantic-segmentation", ["cat", "dog"], layout="logits")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config.json, beside the model, cannot be read as JSON"):
        load(path, "classification", ["cat", "dog"], layout="logits")


TIMM = {
    "input_size": [3, 48, 48],
    "test_input_size": [3, 64, 64],
    "crop_pct": 0.75,
    "test_crop_pct": 1.0,
    "interpolation": "bicubic",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
}
# What differs from that, the size of the file's input, and what is made of it.
OF_TIMM: dict[str, tuple[dict[str, Any], list[int | str], dict[str, Any]]] = {
    "made for the training's size": ({}, [48, 48], {"size": (48, 48), "crop_share": 0.75}),
    "made for the size of the test": ({}, [64, 64], {"size": (64, 64), "crop_share": 1.0}),
    "of any size": ({}, ["h", "w"], {"size": (48, 48), "crop_share": 0.75}),
    "of yet another size": ({}, [32, 32], {"size": (32, 32), "crop_share": 0.75}),
    "without a share": ({"crop_pct": None}, [48, 48], {"crop_share": 0.875}),
    "squashed": ({"crop_mode": "squash"}, [48, 48], {"resize": "crop", "resize_to": (64, 64)}),
    "with borders": (
        {"crop_mode": "border", "crop_pct": 1.0},
        [48, 48],
        {"resize": "letterbox", "pad": "mean", "pad_at": "both"},
    ),
}


@pytest.mark.parametrize("name", OF_TIMM)
def test_timm_says_what_is_cut_out_for_each_size(name: str, tmp_path: Path) -> None:
    """As its ``resolve_model_data_config`` and ``create_transform`` have it."""
    change, size, wanted = OF_TIMM[name]
    (tmp_path / "config.json").write_text(json.dumps({"pretrained_cfg": TIMM | change}))
    path = constant_model(tmp_path / "m.onnx", np.array([[3.0, -1.0]]), size)
    pixels = load(path, "classification", ["a", "b"], layout="logits").runtime.reader.preprocess
    assert {field: getattr(pixels, field) for field in wanted} == wanted


def test_what_timm_does_and_nobody_can_say_here_is_assumed_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"pretrained_cfg": TIMM | {"crop_mode": "border"}}))
    path = constant_model(tmp_path / "m.onnx", np.array([[3.0, -1.0]]), [48, 48])
    load(path, "classification", ["a", "b"], layout="logits")
    assert "assumed: resize: stretch." in caplog.text


def test_a_file_of_another_size_than_what_is_cut_out(tmp_path: Path) -> None:
    said = {"size": {"shortest_edge": 36}, "do_center_crop": True, "crop_size": 32, "resample": 2}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    path = constant_model(tmp_path / "m.onnx", np.array([[3.0, -1.0]]), [48, 48])
    words = (
        r"images of \[48, 48\], but preprocessor_config.json says \[32, 32\], cut from 36; say under preproc"
    )
    with pytest.raises(ModelError, match=words):
        load(path, "classification", ["a", "b"], layout="logits")
    given = {"resize": "crop", "resize_to": 54}
    pixels = load(
        path, "classification", ["a", "b"], layout="logits", preprocess=given
    ).runtime.reader.preprocess
    assert (pixels.size, pixels.resize_to, pixels.interpolation) == ((48, 48), 54, "bilinear")


HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255}
CUT = {"do_center_crop": True, "crop_size": 48}
# A preprocessor_config.json, and what its class makes of it: as the package does (tests/torch compares).
PROCESSORS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ViTFeatureExtractor": ({"size": 48}, {"resize": "stretch", "size": (48, 48), "std": (0.5,) * 3}),
    "BeitFeatureExtractor": ({"size": 54} | CUT, {"resize": "crop", "resize_to": (54, 54)}),
    "CLIPFeatureExtractor": ({"size": 54} | CUT, {"resize": "crop", "resize_to": 54}),
    # ResNet, too.
    "ConvNextFeatureExtractor": ({"size": 48, "crop_pct": 0.875}, {"resize": "crop", "crop_share": 0.875}),
    "ConvNextImageProcessor": ({"size": {"shortest_edge": 48}}, {"resize": "crop", "crop_share": 0.875}),
    "LevitImageProcessor": ({"size": {"shortest_edge": 48}} | CUT, {"resize": "crop", "resize_to": 54}),
    "PoolFormerImageProcessor": ({"size": {"shortest_edge": 48}} | CUT, {"resize": "crop", "resize_to": 53}),
    "PoolFormerFeatureExtractor": ({"size": 48, "crop_pct": 0.5} | CUT, {"resize": "crop", "resize_to": 96}),
    "EfficientNetImageProcessor": ({"size": {"height": 48, "width": 48}}, {"std": (0.25,) * 3}),
    "EfficientNetImageProcessorFast": (
        {"size": 48, "include_top": False, "rescale_offset": True},
        {"mean": (1.5,) * 3, "std": (0.5,) * 3},
    ),
    "MobileViTFeatureExtractor": (
        {"size": 54, "image_mean": None, "image_std": None} | CUT,
        {"resize_to": 54, "mean": (0,), "std": (1,), "channels": "bgr"},
    ),
    "": ({"size": {"height": 48, "width": 48}}, {"resize": "stretch", "mean": (0.5,) * 3}),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_same_words_mean_other_pixels_to_other_processors(name: str, tmp_path: Path) -> None:
    said, wanted = PROCESSORS[name]
    kind = "feature_extractor_type" if name.endswith("Extractor") else "image_processor_type"
    content = HALF | said | ({kind: name} if name else {})
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    path = constant_model(tmp_path / "m.onnx", np.array([[3.0, -1.0]]), [48, 48])
    pixels = load(path, "classification", ["a", "b"], layout="logits").runtime.reader.preprocess
    assert {field: getattr(pixels, field) for field in wanted} == wanted


@pytest.mark.parametrize(
    ("content", "told"),
    [
        # It cuts first and resizes then.
        (HALF | {"image_processor_type": "PerceiverImageProcessor", "size": 48} | CUT, "resize: stretch"),
        # The class's own mean, which the file does not say.
        (
            {"image_processor_type": "BitImageProcessor", "size": 48, "rescale_factor": 1 / 255},
            "mean: .0.485",
        ),
    ],
)
def test_what_a_processor_leaves_open_is_told(
    content: dict[str, Any], told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    path = constant_model(tmp_path / "m.onnx", np.array([[3.0, -1.0]]), [48, 48])
    load(path, "classification", ["a", "b"], layout="logits")
    assert re.search(f"assumed: .*{told}", caplog.text)


@pytest.mark.parametrize(
    ("problem", "classes", "words"),
    [
        ("multi_label_classification", 2, "says of each class on its own whether it holds .config.json prob"),
        ("regression", 2, "says numbers and no classes .config.json problem_type., and the format has one"),
        ("multi_label_classification", 1, ""),
        ("single_label_classification", 2, ""),
        (None, 2, ""),
    ],
)
def test_classifiers_that_do_not_choose_one_class(
    problem: Any, classes: int, words: str, tmp_path: Path
) -> None:
    names = ["a", "b"][:classes]
    content = {"architectures": ["ViTForImageClassification"], "problem_type": problem}
    content |= {"id2label": dict(enumerate(names))}
    (tmp_path / "config.json").write_text(json.dumps(content))
    path = constant_model(tmp_path / "m.onnx", np.array([[3.0, 2.0][:classes]]), [48, 48])
    if words:
        with pytest.raises(ModelError, match=words):
            load(path, "classification", names, layout="logits")
        load(path, "classification", names, layout="logits", metadata="ignore")
    elif classes == 2:
        load(path, "classification", names, layout="logits")


def test_sidecars_of_paddle_and_mmdeploy(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "m.onnx", [1, 3, "h", "w"])
    steps: list[dict[str, Any]] = [
        {"type": "Resize", "target_size": [64, 96], "keep_ratio": False, "interp": 2},
        {"type": "NormalizeImage", "mean": [0.1, 0.2, 0.3], "std": [1, 2, 3], "is_scale": True},
        {"type": "Permute"},
    ]
    sidecar = tmp_path / "infer_cfg.yml"
    sidecar.write_text(yaml.safe_dump({"arch": "DETR", "Preprocess": steps, "label_list": ["a", "b"]}))
    facts = facts_of(path)
    assert facts.names == ("a", "b")
    wanted = Preprocess(
        resize="stretch", size=(64, 96), interpolation="cubic", mean=(0.1, 0.2, 0.3), std=(1, 2, 3)
    )
    assert facts.pixels == wanted
    sidecar.unlink()
    clas = [
        {"ResizeImage": {"resize_short": 256}},
        {"CropImage": {"size": 224}},
        {"NormalizeImage": {"scale": 1 / 255, "mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]}},
        {"ToCHWImage": None},
    ]
    sidecar = tmp_path / "inference.yml"
    sidecar.write_text(
        yaml.safe_dump(
            {"PreProcess": {"transform_ops": clas}, "PostProcess": {"Topk": {"topk": 5, "label_list": ["a"]}}}
        )
    )
    pixels = facts_of(path).pixels
    assert (pixels.resize, pixels.resize_to, pixels.size, pixels.rounding) == (
        "crop",
        256,
        (224, 224),
        "round",
    )
    sidecar.unlink()
    transforms: list[dict[str, Any]] = [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "size": [320, 320], "keep_ratio": True},
        {"type": "Pad", "size": [320, 320], "pad_val": {"img": [114, 114, 114]}},
        {"type": "Normalize", "mean": [103.5, 116.3, 123.7], "std": [57.4, 57.1, 58.4], "to_rgb": False},
    ]
    tasks = [{"type": "Task", "module": "Transform", "transforms": transforms}]
    (tmp_path / "pipeline.json").write_text(json.dumps({"pipeline": {"tasks": tasks}}))
    pixels = facts_of(path).pixels
    assert (pixels.resize, pixels.pad, pixels.pad_at, pixels.scale) == ("letterbox", 114, "end", 1)
    assert (pixels.channels, pixels.size) == ("bgr", (320, 320))


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("class_indices.json", '{"dog": 1, "cat": 0}', ("cat", "dog")),
        ("labels.txt", "0 cat\n1 big dog\n", ("cat", "big dog")),
        ("classes.txt", "cat\n\nbig dog\n", ("cat", "big dog")),
    ],
)
def test_lists_of_names_beside_a_model(name: str, content: str, wanted: Any, tmp_path: Path) -> None:
    path = identity_model(tmp_path / "m.onnx", [1, 3, 8, 8])
    assert facts_of(path).names == ()
    (tmp_path / name).write_text(content)
    facts = facts_of(path)
    assert (facts.names, facts.signals["names"]) == (wanted, name)


def test_damaged_metadata_is_no_metadata(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", BOXES, [64, 64], metadata=METADATA)
    whole = path.read_bytes()
    for size in (0, 1, 7, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:size])
        facts_of(path)
    strange = METADATA | {
        "names": "[" * 5000,
        "imgsz": "['a', 2]",
        "args": "7",
        "channels": "many",
        "stride": "x",
    }
    found = facts_of(constant_model(path, BOXES, [64, 64], metadata=strange))
    assert (found.names, found.pixels.size) == ((), None)


@pytest.mark.parametrize(
    "names", ["{1: 'person', 2: 'car'}", "{0: 'person', 2: 'car'}", '{"1": "a", "2": "b"}']
)
def test_names_that_do_not_count_from_0_are_refused(names: str, tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", BOXES, [64, 64], metadata=METADATA | {"names": names})
    with pytest.raises(ModelError, match=r"numbered \d, 2 \(metadata names\), and classes count from 0 to 1"):
        facts_of(path)


def test_metadata_of_ultralytics_in_other_places(tmp_path: Path) -> None:
    """Beside OpenVINO's files as YAML; in an archive at the end of TFLite files."""
    metadata = RECORDED["yolov8n-seg"]["metadata"]
    (tmp_path / "metadata.yaml").write_text(
        yaml.safe_dump({"task": "segment", "names": {0: "a", 1: "b"}, "imgsz": [320, 320], "stride": 32})
    )
    (tmp_path / "m.xml").write_text("<net/>")
    facts = facts_of(tmp_path / "m.xml")
    assert (facts.names, facts.task, facts.pixels.size) == (("a", "b"), "segment", (320, 320))
    assert facts.signals["size"] == "metadata.yaml imgsz"
    (tmp_path / "metadata.yaml").unlink()
    for name, text in (("temp_meta.txt", str(metadata)), ("metadata.json", json.dumps(metadata))):
        path = tmp_path / "m.tflite"
        path.write_bytes(b"TFL3 and weights")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, text)
        facts = facts_of(path)
        assert (facts.task, facts.pixels.size, facts.layouts) == ("segment", (320, 320), ("yolo",))
    # TensorFlow's own metadata puts a list of labels there, which says nothing of the pixels.
    path.write_bytes(b"TFL3 and weights")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "person\n")
    assert facts_of(path) == Facts()


def test_the_task_of_an_mmdeploy_folder(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "end2end.onnx", np.zeros((1, 2)), [64, 64])
    deployed = {"version": "1.3.1", "task": "Segmentor", "models": [{"net": "end2end.onnx"}], "customs": []}
    (tmp_path / "deploy.json").write_text(json.dumps(deployed))
    with pytest.raises(
        ModelError, match=r"is for 'Segmentor' \(deploy.json task\); write 'task_type: semantic"
    ):
        load(path, "classification", ["cat", "dog"], layout="logits")
    (tmp_path / "deploy.json").write_text(json.dumps(deployed | {"task": "Classifier"}))
    load(path, "classification", ["cat", "dog"], layout="logits")


def test_pixels_that_nobody_has_said_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = constant_model(tmp_path / "m.onnx", np.zeros((1, 2)), [64, 64])

    def told(**pixels: Any) -> str:
        caplog.clear()
        load(path, "classification", ["cat", "dog"], layout="logits", preprocess=pixels)
        return caplog.text

    assert "assumed: resize: stretch, interpolation: bilinear, scale:" in told()
    assert "assumed: resize: stretch, interpolation: bilinear. Such" in told(mean=0.5, std=0.5)
    assert "assumed: scale: 0.00392157, mean: [0.485" in told(resize="crop", interpolation="bicubic")
    assert told(resize="stretch", interpolation="bilinear", scale=1) == ""
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 64, "width": 64},
        "resample": 2,
        "rescale_factor": 0.00392156862745098,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    assert told() == ""
