"""Records what packages make of an image before their models see it, for ``test_recorded_pixels.py``.

    python -m tests.models.record_pixels

Needs the environment of ``make test-torch``. Images are small, so that the file is.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FILE = Path(__file__).parent / "recorded_pixels.npz"
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


@dataclass
class Case:
    """A package's own steps, and the settings that say the same."""

    name: str
    settings: dict[str, Any]
    steps: Callable[[Any], Any]
    """(H, W, 3) uint8 → (3, h, w) float."""
    config: dict[str, Any] | None = None
    """What the package saves beside its models about the same."""


def picture(height: int, width: int) -> Any:
    """Edges, a slope and noise."""
    rng = np.random.default_rng(height * 1000 + width)
    coarse = np.kron(rng.integers(0, 256, (height // 7 + 1, width // 7 + 1, 3)), np.ones((7, 7, 1)))
    slope = np.linspace(0, 120, width)[None, :, None]
    noise = rng.integers(0, 8, (height, width, 3))
    return np.clip(coarse[:height, :width] * 0.5 + slope + noise, 0, 255).astype(np.uint8)


def ultralytics_cases() -> Iterator[Case]:
    from ultralytics.data.augment import LetterBox, classify_transforms

    def boxed(**settings: Any) -> Callable[[Any], Any]:
        return lambda image: LetterBox(**settings)(image=image).transpose(2, 0, 1) / 255

    plain = {"resize": "letterbox", "interpolation": "linear"}
    yield Case("ultralytics_letterbox", plain | {"size": 64}, boxed(new_shape=(64, 64)))
    yield Case("ultralytics_letterbox_wide", plain | {"size": [32, 64]}, boxed(new_shape=(32, 64)))
    yield Case(
        "ultralytics_rectangle",
        plain | {"size": 64, "multiple": 32},
        boxed(new_shape=(64, 64), auto=True, stride=32),
    )
    yield Case(
        "ultralytics_rtdetr",
        {"resize": "stretch", "size": 64, "interpolation": "linear"},
        boxed(new_shape=(64, 64), scale_fill=True),
    )
    steps = classify_transforms(32)
    yield Case(
        "ultralytics_classify",
        {"resize": "crop", "size": 32, "interpolation": "bilinear"},
        lambda image: steps(Image.fromarray(image)).numpy(),
    )


def torchvision_cases() -> Iterator[Case]:
    from torchvision.transforms import InterpolationMode as Mode
    from torchvision.transforms._presets import ImageClassification, SemanticSegmentation

    for mode, name in ((Mode.BILINEAR, "bilinear"), (Mode.BICUBIC, "bicubic")):
        preset = ImageClassification(crop_size=28, resize_size=32, interpolation=mode)
        yield Case(
            f"torchvision_{name}",
            {"resize": "crop", "size": 28, "resize_to": 32, "interpolation": name, **IMAGENET},
            lambda image, preset=preset: preset(Image.fromarray(image)).numpy(),
        )
    segmentation = SemanticSegmentation(resize_size=40)
    yield Case(
        "torchvision_segmentation",
        {"resize": "shortest", "shortest": 40, **IMAGENET},
        lambda image: segmentation(Image.fromarray(image)).numpy(),
    )


def timm_cases() -> Iterator[Case]:
    from timm.data import create_transform

    def case(name: str, settings: dict[str, Any], **given: Any) -> Case:
        made = create_transform(is_training=False, **given)
        # As timm writes them into config.json of its hub.
        config = {"architecture": "any", "pretrained_cfg": given}
        return Case(name, settings, lambda image: made(Image.fromarray(image)).numpy(), config)

    given = {"mean": IMAGENET["mean"], "std": IMAGENET["std"]}
    for share, kernel in ((0.875, "bicubic"), (0.9, "bilinear"), (0.95, "bicubic"), (1.0, "bicubic")):
        yield case(
            f"timm_{share}",
            {"resize": "crop", "size": 30, "crop_share": share, "interpolation": kernel, **IMAGENET},
            input_size=(3, 30, 30),
            crop_pct=share,
            interpolation=kernel,
            **given,
        )
    yield case(
        "timm_not_square",
        {"resize": "crop", "size": [24, 36], "crop_share": 0.9, "interpolation": "bicubic", **IMAGENET},
        input_size=(3, 24, 36),
        crop_pct=0.9,
        interpolation="bicubic",
        **given,
    )
    yield case(
        "timm_squash",
        {"resize": "crop", "size": 28, "resize_to": [32, 32], "interpolation": "bicubic", **IMAGENET},
        input_size=(3, 28, 28),
        crop_pct=0.875,
        crop_mode="squash",
        interpolation="bicubic",
        **given,
    )


def transformers_cases() -> Iterator[Case]:
    import transformers

    def case(name: str, settings: dict[str, Any], kind: str, **given: Any) -> Case:
        processor = getattr(transformers, kind)(**given)

        def steps(image: Any) -> Any:
            made = processor(Image.fromarray(image), return_tensors="np")
            return np.asarray(made["pixel_values"][0], dtype=np.float32)

        return Case(name, settings, steps, json.loads(processor.to_json_string()))

    square = {"height": 32, "width": 32}
    stretch = {"resize": "stretch", "size": 32}
    for backend in ("", "Pil"):
        yield case(
            f"transformers_detr{backend}",
            {"resize": "shortest", "shortest": 40, "longest": 60, **IMAGENET},
            f"DetrImageProcessor{backend}",
            size={"shortest_edge": 40, "longest_edge": 60},
        )
        yield case(
            f"transformers_rtdetr{backend}",
            stretch | {"interpolation": "bilinear"},
            f"RTDetrImageProcessor{backend}",
            size=square,
        )
        yield case(
            f"transformers_vit{backend}",
            stretch | {"interpolation": "bilinear", **HALF},
            f"ViTImageProcessor{backend}",
            size=square,
        )
        yield case(
            f"transformers_segformer{backend}",
            stretch | {"interpolation": "bilinear", **IMAGENET},
            f"SegformerImageProcessor{backend}",
            size=square,
        )
        yield case(
            f"transformers_convnext{backend}",
            {"resize": "crop", "size": 28, "crop_share": 0.875, "interpolation": "bicubic", **IMAGENET},
            f"ConvNextImageProcessor{backend}",
            size={"shortest_edge": 28},
            crop_pct=0.875,
            resample=3,
            image_mean=IMAGENET["mean"],
            image_std=IMAGENET["std"],
        )
        yield case(
            f"transformers_mobilevit{backend}",
            {
                "resize": "crop",
                "size": 27,
                "resize_to": 32,
                "crop_at": "floor",
                "interpolation": "bicubic",
                "channels": "bgr",
            },
            f"MobileViTImageProcessor{backend}",
            size={"shortest_edge": 32},
            crop_size={"height": 27, "width": 27},
        )
        yield case(
            f"transformers_clip{backend}",
            {
                "resize": "crop",
                "size": 27,
                "resize_to": 32,
                "crop_at": "floor",
                "interpolation": "bicubic",
                **IMAGENET,
            },
            f"CLIPImageProcessor{backend}",
            size={"shortest_edge": 32},
            crop_size={"height": 27, "width": 27},
            image_mean=IMAGENET["mean"],
            image_std=IMAGENET["std"],
        )


def rfdetr_cases() -> Iterator[Case]:
    """The steps of ``RFDETR.predict``: to a tensor, resized without antialiasing, normalised."""
    import torchvision.transforms.functional as steps

    def made(image: Any) -> Any:
        tensor = steps.to_tensor(Image.fromarray(image))
        resized = steps.resize(tensor, [32, 32], antialias=False)
        return steps.normalize(resized, IMAGENET["mean"], IMAGENET["std"]).numpy()

    yield Case("rfdetr", {"resize": "stretch", "size": 32, "interpolation": "linear", **IMAGENET}, made)


def cases() -> Iterator[Case]:
    """All of them."""
    yield from ultralytics_cases()
    yield from torchvision_cases()
    yield from timm_cases()
    yield from transformers_cases()
    yield from rfdetr_cases()


SIZES = [(54, 96), (75, 50), (33, 130)]


def main() -> None:
    arrays: dict[str, Any] = {}
    about = []
    for case in cases():
        for size in SIZES:
            made = np.asarray(case.steps(picture(*size)), dtype=np.float64)
            # As levels of 255, so that a byte holds them.
            mean, std = (
                np.reshape(case.settings.get(name, [default] * 3), (3, 1, 1))
                for name, default in (("mean", 0), ("std", 1))
            )
            arrays[f"{len(about)}"] = np.rint((made * std + mean) * 255).astype(np.uint8)
            said = {} if case.config is None else {"config": case.config}
            about.append({"name": case.name, "settings": case.settings, "size": size, **said})
        print(case.name, made.shape)
    arrays["about"] = np.array(json.dumps(about))
    np.savez_compressed(FILE, **arrays)
    print(FILE.stat().st_size)


if __name__ == "__main__":
    main()
