"""What a model sees, against what ultralytics, torchvision, timm, transformers and RF-DETR show it.

``record_pixels.py`` made the recordings, in levels of 255.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.models.pixels.preprocessor import Preprocessor
from lightly_assets.models.preprocess import Preprocess
from tests.models.record_pixels import picture

RECORDED = np.load(Path(__file__).parent / "recorded_pixels.npz")
ABOUT: list[dict[str, Any]] = json.loads(str(RECORDED["about"]))
# These resize on tensors: torch rounds its weights in another way, or does not round the result.
TENSORS = (
    "rfdetr",
    "transformers_convnext",
    "transformers_detr",
    "transformers_mobilevit",
    "transformers_rtdetr",
    "transformers_segformer",
    "transformers_vit",
)


@pytest.mark.parametrize("name", sorted({about["name"] for about in ABOUT}))
def test_a_model_sees_what_its_package_shows_it(name: str) -> None:
    images = [(number, about) for number, about in enumerate(ABOUT) if about["name"] == name]
    assert len(images) == 3
    for number, about in images:
        preprocessor = Preprocessor(Preprocess(**about["settings"]))
        (found,), _ = preprocessor([picture(*about["size"])])
        mean, std = (
            np.reshape(numbers, (3, 1, 1))
            for numbers in (preprocessor.settings.mean, preprocessor.settings.std)
        )
        levels = (found * std + mean) * 255
        wanted = RECORDED[str(number)].astype(np.float64)
        assert levels.shape == wanted.shape
        tensors = name in TENSORS
        assert np.abs(levels - wanted).max() <= (1.3 if tensors else 0.001)
        assert np.abs(levels - wanted).mean() < 0.35
