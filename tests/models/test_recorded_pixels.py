"""What a model sees, against what ultralytics, torchvision, timm, transformers and RF-DETR show it.

``record_pixels.py`` made the recordings, in levels of 255.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.models.metadata.processors import facts_of_processor
from lightly_assets.models.metadata.transformers import facts_of_config
from lightly_assets.models.pixels.preprocessor import Preprocessor
from lightly_assets.models.preprocess import Preprocess
from tests.models.record_pixels import picture

RECORDED = np.load(Path(__file__).parent / "recorded_pixels.npz")
ABOUT: list[dict[str, Any]] = json.loads(str(RECORDED["about"]))
# These resize on tensors: torch rounds its weights in another way, or does not round the result.
TENSORS = (
    "rfdetr",
    "transformers_clip",
    "transformers_convnext",
    "transformers_detr",
    "transformers_mobilevit",
    "transformers_rtdetr",
    "transformers_segformer",
    "transformers_vit",
)


@pytest.mark.parametrize("name", sorted({about["name"] for about in ABOUT}))
def test_a_model_sees_what_its_package_shows_it(name: str) -> None:
    for number, about in of_name(name):
        compare(number, about, Preprocess(**about["settings"]))


CONFIGURED = sorted({about["name"] for about in ABOUT if "config" in about})


@pytest.mark.parametrize("name", CONFIGURED)
def test_what_a_package_saves_beside_its_model_is_enough(name: str) -> None:
    for number, about in of_name(name):
        read = facts_of_config if name.startswith("timm") else facts_of_processor
        facts = read(about["config"], "config.json")
        assert facts.said == set(facts.pixels.given())
        compare(number, about, facts.pixels)


def of_name(name: str) -> list[tuple[int, dict[str, Any]]]:
    found = [(number, about) for number, about in enumerate(ABOUT) if about["name"] == name]
    assert len(found) == 3
    return found


def compare(number: int, about: dict[str, Any], settings: Preprocess) -> None:
    preprocessor = Preprocessor(settings)
    (found,), _ = preprocessor([picture(*about["size"])])
    mean, std = (
        np.reshape(numbers, (-1, 1, 1)) for numbers in (preprocessor.settings.mean, preprocessor.settings.std)
    )
    levels = (found * std + mean) * 255
    wanted = RECORDED[str(number)].astype(np.float64)
    assert levels.shape == wanted.shape
    assert np.abs(levels - wanted).max() <= (1.3 if about["name"] in TENSORS else 0.001)
    assert np.abs(levels - wanted).mean() < 0.35
