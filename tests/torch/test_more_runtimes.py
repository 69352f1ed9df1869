"""Runtimes of other packages, against those packages called by hand: OpenVINO, LiteRT and transformers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.pixels.preprocessor import Preprocessor
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constant_model
from tests.torch.oracles import model_settings, oracles, picture

SIZE = (120, 160)
IMAGES = np.stack([picture(SIZE, seed) for seed in range(3)])
SOURCES = [Source("a.mp4", index, SIZE[1], SIZE[0]) for index in range(3)]


def load(folder: Path, count: int, task_type: str, **settings: Any) -> Any:
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    return load_model(parse_model(settings), task_type=task_type, categories=categories, base_dir=folder)


@pytest.mark.parametrize("name", ["yolov5", "yolo11n", "rfdetr", "maskrcnn"])
@pytest.mark.parametrize("ir", [False, True])
def test_openvino_says_what_onnx_runtime_says(name: str, ir: bool, tmp_path: Path) -> None:
    import openvino

    oracle = next(one for one in oracles() if one.name == name)
    path = tmp_path / "m.onnx"
    oracle.build(path)
    settings = model_settings(oracle, path) | {"batch_size": 2}
    here = load(tmp_path, oracle.categories, oracle.task_type, **settings)
    other = path.name
    if ir:
        other = "m_openvino_model"
        model = openvino.convert_model(str(path))
        openvino.save_model(model, tmp_path / other / "m.xml", compress_to_fp16=False)
    there = load(
        tmp_path, oracle.categories, oracle.task_type, **settings | {"kind": "openvino", "path": other}
    )
    for one, two in zip(here.predict(IMAGES, SOURCES), there.predict(IMAGES, SOURCES), strict=True):
        sure = one.scores > 0.1
        assert sure.any()
        np.testing.assert_allclose(two.scores[: sure.sum()], one.scores[sure], atol=1e-3)
        found = {tuple(np.round(box, 0)) for box in two.boxes}
        near = [min(np.abs(np.array(list(found)) - box).max(axis=1)) for box in one.boxes[sure]]
        assert np.quantile(near, 0.95) <= 1


def _saved(kind: str, model: Any, processor: Any, folder: Path) -> Path:
    model.save_pretrained(folder / kind)
    processor.save_pretrained(folder / kind)
    return folder / kind


def _vit() -> Any:
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        image_size=64, patch_size=16, num_labels=5,
    )  # fmt: skip
    return transformers.ViTForImageClassification(config)


def _segformer() -> Any:
    config = transformers.SegformerConfig(
        num_labels=4, depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 16, 32], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
    )  # fmt: skip
    return transformers.SegformerForSemanticSegmentation(config)


def _mask2former() -> Any:
    backbone = transformers.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = transformers.Mask2FormerConfig(
        backbone_config=backbone, use_pretrained_backbone=False, feature_size=32, mask_feature_size=32,
        hidden_dim=32, encoder_feedforward_dim=32, encoder_layers=1, decoder_layers=2, num_attention_heads=2,
        dim_feedforward=32, num_queries=10, num_labels=3,
    )  # fmt: skip
    return transformers.Mask2FormerForUniversalSegmentation(config)


def test_transformers_classify(tmp_path: Path) -> None:
    torch.manual_seed(0)
    processor = transformers.ViTImageProcessor(size={"height": 64, "width": 64})
    folder = _saved("vit", _vit(), processor, tmp_path)
    model = load(tmp_path, 5, "classification", kind="transformers", path="vit")
    classify = transformers.pipeline("image-classification", str(folder), top_k=None)
    from PIL import Image

    for image, found in zip(IMAGES, model.predict(IMAGES, SOURCES), strict=True):
        expected = {one["label"]: one["score"] for one in classify(Image.fromarray(image))}
        got = {f"LABEL_{place}": score for place, score in enumerate(found.probabilities)}
        assert got == pytest.approx(expected, abs=1e-6)


def test_transformers_find_classes_of_pixels(tmp_path: Path) -> None:
    torch.manual_seed(1)
    processor = transformers.SegformerImageProcessor(size={"height": 64, "width": 64})
    folder = _saved("segformer", _segformer(), processor, tmp_path)
    model = load(tmp_path, 4, "semantic-segmentation", kind="transformers", path="segformer")
    theirs = transformers.AutoModelForSemanticSegmentation.from_pretrained(folder).eval()
    with torch.inference_mode():
        outputs = theirs(**processor(list(IMAGES), return_tensors="pt"))
    maps = processor.post_process_semantic_segmentation(outputs, target_sizes=[SIZE] * 3)
    for expected, found in zip(maps, model.predict(IMAGES, SOURCES), strict=True):
        # Two classes may be as likely as each other, but for rounding.
        assert (found.scores.argmax(0) == expected.numpy()).mean() > 0.999


def test_transformers_find_masks(tmp_path: Path) -> None:
    torch.manual_seed(2)
    processor = transformers.Mask2FormerImageProcessor(size={"height": 64, "width": 64})
    folder = _saved("mask2former", _mask2former(), processor, tmp_path)
    model = load(
        tmp_path, 3, "instance-segmentation", kind="transformers", path="mask2former", score_threshold=0.01
    )
    theirs = transformers.AutoModelForUniversalSegmentation.from_pretrained(folder).eval()
    with torch.inference_mode():
        outputs = theirs(**processor(list(IMAGES), return_tensors="pt"))
    expected = processor.post_process_instance_segmentation(
        outputs, threshold=0.01, target_sizes=[SIZE] * 3, return_binary_maps=True
    )
    compared = 0
    for one, found in zip(expected, model.predict(IMAGES, SOURCES), strict=True):
        filled = [info for info in one["segments_info"] if bool((one["segmentation"][info["id"]] > 0).any())]
        scores = sorted(info["score"] for info in filled)
        assert scores == pytest.approx(sorted(found.scores.tolist()), abs=1e-6)
        compared += len(filled)
    assert compared


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ViT", {}),
        ("Beit", {}),
        ("DeiT", {}),
        ("CLIP", {}),
        ("Bit", {}),
        ("MobileNetV2", {}),
        ("ConvNext", {"size": {"shortest_edge": 224}}),
        ("Levit", {}),
        ("PoolFormer", {}),
        ("EfficientNet", {}),
        ("EfficientNet", {"rescale_offset": True, "rescale_factor": 1 / 127.5, "include_top": False}),
        ("MobileViT", {}),
    ],
)
def test_pixels_are_those_of_the_processor(name: str, said: dict[str, Any], tmp_path: Path) -> None:
    """Of an ONNX file beside what the package has saved; within a rounded step of a byte, mostly none."""
    processor = getattr(transformers, f"{name}ImageProcessor")(**said)
    processor.save_pretrained(tmp_path)
    image = picture((108, 192), 1)
    theirs = np.asarray(processor(images=image, return_tensors="np")["pixel_values"][0])
    constant_model(tmp_path / "m.onnx", np.array([[3.0, -1.0]]), list(theirs.shape[1:]))
    model = load(tmp_path, 2, "classification", kind="onnx", path="m.onnx", layout="logits")
    ours = Preprocessor(model.runtime.reader.preprocess)([image], [(192, 108)])[0][0]
    assert np.abs(ours - theirs).mean() < 5e-3 and np.abs(ours - theirs).max() < 0.08


def test_a_folder_without_the_weights_of_its_task(tmp_path: Path) -> None:
    """The package fills in random numbers, other ones each time, and warns."""
    processor = transformers.ViTImageProcessor(size={"height": 64, "width": 64})
    base = _vit().vit
    _saved("vit", base, processor, tmp_path)
    words = r"vit has no weights for classification: 2 are missing, such as classifier.weight, .*\(ViTModel\)"
    with pytest.raises(ModelError, match=words):
        load(tmp_path, 2, "classification", kind="transformers", path="vit")


def test_names_of_classes_in_another_order(tmp_path: Path) -> None:
    """Class i is the i-th category, so the folder's names must stand in that order, or be others."""
    model = _vit()
    model.config.id2label = dict(enumerate(["cat", "dog", "cow", "c3", "c4"]))
    _saved("vit", model, transformers.ViTImageProcessor(size={"height": 64, "width": 64}), tmp_path)
    load(tmp_path, 5, "classification", kind="transformers", path="vit", category_map={3: 0})
    load(tmp_path, 5, "classification", kind="transformers", path="vit")
    model.config.id2label = dict(enumerate(["c1", "c0", "c2", "c3", "c4"]))
    _saved("vit", model, transformers.ViTImageProcessor(), tmp_path)
    words = r"The category 'c0' stands for class 0 of the model vit, but is its class 1 .its own names.; list"
    with pytest.raises(ModelError, match=words):
        load(tmp_path, 5, "classification", kind="transformers", path="vit")


def test_a_classifier_of_several_classes_at_once(tmp_path: Path) -> None:
    model = _vit()
    model.config.problem_type = "multi_label_classification"
    _saved("vit", model, transformers.ViTImageProcessor(), tmp_path)
    with pytest.raises(ModelError, match="says of each class on its own whether it holds"):
        load(tmp_path, 5, "classification", kind="transformers", path="vit")


def test_a_folder_that_would_run_code_or_is_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config.json; path must name a folder"):
        load(tmp_path, 5, "classification", kind="transformers", path=".")
    folder = _saved("vit", _vit(), transformers.ViTImageProcessor(), tmp_path)
    weights = next(folder.glob("*.safetensors"))
    torch.save({}, folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be loaded for classification"):
        load(tmp_path, 5, "classification", kind="transformers", path="vit")
    config = folder / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | {"auto_map": {"AutoModelForImageClassification": "evil.Model"}}))
    (folder / "evil.py").write_text("raise SystemExit('code of the folder was run')")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(tmp_path, 5, "classification", kind="transformers", path="vit")
