"""Models of embeddings: what a file says becomes a vector, or a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.errors import BadValue
from lightly_assets.models.protocol import ModelError, Source
from lightly_assets.models.vectors.descriptor import SIZE, describe
from lightly_assets.models.vectors.model import VectorModel, load_vector_model
from lightly_assets.models.vectors.settings import parse_vector_model
from tests.models.onnx_files import constants_model, node, write

SIDE = 8


def model(path: Path, *, normalise: bool = False, **settings: Any) -> VectorModel:
    given = {"kind": "onnx", "path": path.name} | settings
    return load_vector_model(parse_vector_model(given), normalise=normalise, base_dir=path.parent)


def sources(count: int) -> list[Source]:
    return [Source(f"{number}.png", None, 1, 1) for number in range(count)]


def means_model(path: Path, batch: int | str = "n") -> Path:
    """The mean of each channel, (B, 3, 1, 1), as backbones end."""
    nodes = [node("GlobalAveragePool", ["images"], ["pooled"])]
    shape = [batch, 3, SIDE, SIDE]
    return write(path, nodes, {"images": (np.float32, shape)}, {"pooled": (np.float32, [batch, 3, 1, 1])})


def pictures(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.integers(1, 255, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize("batch", ["n", 1, 4])
def test_what_a_backbone_says_of_pictures(tmp_path: Path, batch: int | str) -> None:
    given = pictures(9)
    found = model(means_model(tmp_path / "means.onnx", batch)).vectors(given, sources(9))
    expected = [image.reshape(-1, 3).mean(axis=0) / 255 for image in given]
    assert np.allclose(found, expected, atol=1e-6) and found[0].dtype == np.float32


def test_length_one_keeps_the_direction(tmp_path: Path) -> None:
    path = means_model(tmp_path / "means.onnx")
    raw, unit = (model(path, normalise=yes).vectors(pictures(2), sources(2)) for yes in (False, True))
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    assert np.allclose(np.array(unit) * np.linalg.norm(raw, axis=1)[:, None], raw, atol=1e-6)
    assert model(path).version != model(path, normalise=True).version


def test_pictures_of_any_size_are_made_the_models(tmp_path: Path) -> None:
    images = [np.full((5 + number, 9, 3), 51, dtype=np.uint8) for number in range(5)]
    found = model(means_model(tmp_path / "means.onnx")).vectors(images, sources(5))
    assert np.allclose(found, 0.2, atol=1e-6)


def test_of_several_outputs_one_is_named(tmp_path: Path) -> None:
    outputs = {"logits": np.ones((1, 5), np.float32), "embedding": np.full((1, 3), 2, np.float32)}
    path = constants_model(tmp_path / "two.onnx", outputs, [SIDE, SIDE])
    with pytest.raises(ModelError, match=r"several outputs could be them.*write output: logits"):
        model(path)
    assert model(path, output="embedding").vectors(pictures(1), sources(1))[0].tolist() == [2, 2, 2]
    with pytest.raises(ModelError, match="output is 'other'; there is logits"):
        model(path, output="other")


def test_pixels_are_no_vector(tmp_path: Path) -> None:
    path = constants_model(tmp_path / "map.onnx", {"map": np.ones((1, 3, 4, 4), np.float32)}, [SIDE, SIDE])
    with pytest.raises(ModelError, match=r"a vector for each image \(B, D\)"):
        model(path)
    with pytest.raises(ModelError, match=r"a vector for each image \(B, D\)"):
        model(path, output="map")


def test_not_a_number_names_the_picture(tmp_path: Path) -> None:
    path = constants_model(tmp_path / "nan.onnx", {"v": np.array([[np.nan, 1]], np.float32)}, [SIDE, SIDE])
    with pytest.raises(ModelError, match=r"0\.png: .*NaN or infinite"):
        model(path).vectors(pictures(1), sources(1))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "torch"}, "embeddings.model.kind is 'torch'; allowed are descriptor, onnx, python"),
        ({"kind": "onnx"}, "embeddings.model.path is missing"),
        ({"kind": "onnx", "path": ""}, "embeddings.model.path is empty"),
        ({"kind": "onnx", "path": "a", "bathc_size": 3}, r"did you mean batch_size\?"),
        ({"kind": "python", "call": "nothing"}, "embeddings.model.call is"),
        ({"path": "a"}, "it must have a kind"),
        ("clip", "it must have a kind"),
    ],
)
def test_settings_that_are_wrong_are_a_sentence(given: Any, sentence: str) -> None:
    with pytest.raises(BadValue, match=sentence):
        parse_vector_model(given)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        model(tmp_path / "none.onnx")


def test_the_descriptor_tells_colours_and_edges_apart() -> None:
    day, night = np.full((40, 60, 3), 220, np.uint8), np.full((40, 60, 3), 20, np.uint8)
    upright, level = day.copy(), day.copy()
    upright[:, ::8], level[::8] = 0, 0
    vectors = [describe(one) for one in (day, night, upright, level)]
    assert {one.shape for one in vectors} == {(SIZE,)}
    for place, one in enumerate(vectors):
        others = [float(np.linalg.norm(one - other)) for other in vectors[:place]]
        assert all(distance > 0.05 for distance in others), others
    noisy = np.clip(day + np.random.default_rng(1).integers(-3, 4, day.shape), 0, 255).astype(np.uint8)
    assert np.linalg.norm(describe(noisy) - describe(day)) < 0.05
