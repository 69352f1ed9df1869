"""Pre-processing against Pillow and against arithmetic done by hand."""

from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from lightly_assets.models.preprocess import Preprocess, Preprocessor
from lightly_assets.models.resize import between, resample, resize_image


def picture(height: int, width: int) -> Any:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (height // 9 + 1, width // 9 + 1, 3))
    return np.kron(coarse, np.ones((9, 9, 1)))[:height, :width].astype(np.uint8)


@pytest.mark.parametrize("size", [(90, 160), (64, 64), (17, 33), (5, 7), (200, 333)])
@pytest.mark.parametrize("given", [(180, 320), (97, 55), (20, 301)])
def test_resizing_is_what_pillow_does(given: tuple[int, int], size: tuple[int, int]) -> None:
    image = picture(*given)
    found = resize_image(image, *size).astype(int)
    wanted = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)).astype(int)
    assert found.shape == wanted.shape
    # A picture of nothing but hard edges is the worst case.
    assert np.abs(found - wanted).mean() < 2
    assert np.quantile(np.abs(found - wanted), 0.95) <= 12


def test_reading_between_pixels_is_linear() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 7, 9)).astype(np.float32)
    y, x = rng.uniform(-1, 8, 30), rng.uniform(-1, 10, 40)
    y.sort()
    found = resample(values, between(7, y), between(9, x))
    for channel in range(2):
        for row in range(0, 30, 7):
            for column in range(0, 40, 7):
                at_y, at_x = np.clip(y[row] - 0.5, 0, 6), np.clip(x[column] - 0.5, 0, 8)
                lines = [np.interp(at_x, range(9), line) for line in values[channel]]
                wanted = np.interp(at_y, range(7), lines)
                assert found[channel, row, column] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop", "none"])
@pytest.mark.parametrize("given", [(40, 60), (60, 40), (33, 101), (32, 32)])
def test_points_go_there_and_back(resize: Any, given: tuple[int, int]) -> None:
    height, width = given
    view = Preprocessor(Preprocess(resize=resize, size=(32, 48))).view(width, height)
    points = np.array([[0.0, 0.0], [width, height], [3.25, 7.5]])
    there = points * [view.scale_x, view.scale_y] + [view.offset_x, view.offset_y]
    np.testing.assert_allclose(view.to_image(there), points, atol=1e-9)


def test_a_letterbox_pads_both_sides_or_the_end() -> None:
    image = np.full((20, 40, 3), 200, dtype=np.uint8)
    plain = {"resize": "letterbox", "size": (40, 40), "scale": 1.0, "pad": 7}
    both = Preprocessor(Preprocess(**plain))([image])[0][0, 0]
    np.testing.assert_array_equal(both[:, 0], [7] * 10 + [200] * 20 + [7] * 10)
    end = Preprocessor(Preprocess(**plain, pad_at="end"))([image])[0][0, 0]
    np.testing.assert_array_equal(end[:, 0], [200] * 20 + [7] * 20)


def test_a_crop_takes_the_middle() -> None:
    image = np.zeros((32, 64, 3), dtype=np.uint8)
    image[:, 16:48] = 100
    settings = Preprocess(resize="crop", size=(32, 32), scale=1.0, axes="nhwc", dtype="uint8")
    batch, views = Preprocessor(settings)([image])
    assert batch.shape == (1, 32, 32, 3)
    assert (batch == 100).all()
    np.testing.assert_allclose(views[0].to_image(np.array([[0.0, 0.0]])), [[16, 0]])


@pytest.mark.parametrize(
    "given", [{"resize": "zoom"}, {"size": [0, 5]}, {"std": [1, 0, 1]}, {"dtype": "int8"}, {"sise": 3}]
)
def test_wrong_settings_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Preprocess(**given)
