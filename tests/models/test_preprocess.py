"""Pre-processing against OpenCV, Pillow and arithmetic done by hand."""

import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from lightly_assets.models.pixels.fitting import fitted_preprocess
from lightly_assets.models.pixels.kernels import Kernel, linear, resize_image
from lightly_assets.models.pixels.preprocessor import Preprocessor
from lightly_assets.models.preprocess import Preprocess
from lightly_assets.models.protocol import ModelError
from lightly_assets.models.resize import between, resample


def picture(height: int, width: int, channels: int = 3) -> Any:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (height // 9 + 1, width // 9 + 1, channels))
    return np.kron(coarse, np.ones((9, 9, 1)))[:height, :width].astype(np.uint8)


SIZES = [(90, 160), (64, 64), (17, 33), (5, 7), (1, 1), (200, 333)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("given", [(180, 320), (97, 55), (20, 301), (1, 7), (34, 66), (270, 480), (85, 99)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_opencvs_kernels_are_its_own_to_the_bit(
    given: tuple[int, int], size: tuple[int, int], channels: int
) -> None:
    image = picture(*given, channels)
    wanted = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR).reshape(*size, channels)
    np.testing.assert_array_equal(resize_image(image, *size, "linear"), wanted)
    # What a machine without OpenCV does.
    np.testing.assert_array_equal(linear(image, *size), wanted)
    others: list[tuple[Kernel, int]] = [
        ("area", cv2.INTER_AREA),
        ("cubic", cv2.INTER_CUBIC),
        ("lanczos4", cv2.INTER_LANCZOS4),
    ]
    for kernel, number in others:
        wanted = cv2.resize(image, size[::-1], interpolation=number).reshape(*size, channels)
        np.testing.assert_array_equal(resize_image(image, *size, kernel), wanted)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "lanczos", "nearest"])
def test_the_other_kernels_are_pillows_to_the_bit(size: tuple[int, int], kernel: Any) -> None:
    image = picture(97, 155)
    wanted = Image.fromarray(image).resize(size[::-1], Image.Resampling[kernel.upper()])
    np.testing.assert_array_equal(resize_image(image, *size, kernel), wanted)
    gray = image[..., :1]
    wanted = Image.fromarray(gray[..., 0]).resize(size[::-1], Image.Resampling[kernel.upper()])
    np.testing.assert_array_equal(resize_image(gray, *size, kernel)[..., 0], wanted)
    # A fourth channel is one like the others, also where it is 0.
    four = np.concatenate([image, np.zeros_like(gray)], axis=2)
    found = resize_image(four, *size, kernel)
    np.testing.assert_array_equal(found[..., :3], resize_image(image, *size, kernel))
    assert (found[..., 3] == 0).all()


def test_opencv_keeps_to_one_thread() -> None:
    code = (
        "import numpy, lightly_assets.models.pixels.kernels as kernels, cv2;"
        "kernels.resize_image(numpy.zeros((9, 9, 3), numpy.uint8), 5, 5, 'linear');"
        "print(cv2.getNumThreads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


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


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop", "shortest", "none"])
@pytest.mark.parametrize("given", [(40, 60), (60, 40), (33, 101), (32, 32)])
def test_points_go_there_and_back(resize: Any, given: tuple[int, int]) -> None:
    height, width = given
    settings = Preprocess(resize=resize, size=(32, 48), shortest=32, multiple=32)
    view = Preprocessor(settings).view(width, height)
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
    # One that is smaller is padded with black, as torchvision does.
    (small,), _ = Preprocessor(settings.model_copy(update={"resize_to": (16, 20)}))([image[:, 20:40]])
    assert (small[8:24, 6:26] == 100).all()
    assert small.sum() == 16 * 20 * 3 * 100
    np.testing.assert_allclose(views[0].to_image(np.array([[0.0, 0.0]])), [[16, 0]])


def test_a_rectangle_is_padded_to_a_multiple_only() -> None:
    image = np.full((90, 160, 3), 200, dtype=np.uint8)
    settings = Preprocess(resize="letterbox", size=(64, 64), multiple=32, scale=1.0)
    batch, (view,) = Preprocessor(settings)([image])
    assert batch.shape == (1, 3, 64, 64)
    settings = settings.model_copy(update={"size": (128, 128)})
    batch, (view,) = Preprocessor(settings)([image])
    assert batch.shape == (1, 3, 96, 128)
    assert (view.offset_y, view.input_height, view.input_width) == (12, 96, 128)
    assert (batch[0, :, 12:84] == 200).all()
    assert (batch[0, :, :12] == 114).all()


@pytest.mark.parametrize(
    ("given", "size", "wanted"),
    [
        ({"resize": "none"}, (720, 1280), (704, 1280)),  # 22.5 is rounded to even, as PP-OCR does
        ({"resize": "none"}, (10, 49), (32, 64)),
        ({"resize": "shortest", "shortest": 736}, (480, 640), (736, 992)),
        ({"resize": "letterbox", "size": (960, 960)}, (1080, 1920), (544, 960)),
    ],
)
def test_sides_become_the_nearest_multiple(
    given: dict[str, Any], size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    image = picture(*size)
    settings = Preprocess(multiple=32, pad_at="none", interpolation="linear", scale=1.0, **given)
    batch, (view,) = Preprocessor(settings)([image])
    np.testing.assert_array_equal(batch[0].transpose(1, 2, 0), cv2.resize(image, wanted[::-1]))
    far = np.array([[wanted[1], wanted[0]]], dtype=np.float64)
    np.testing.assert_allclose(view.to_image(far), [size[::-1]])


def test_an_image_of_its_own_size_is_padded_to_a_multiple() -> None:
    image = np.full((90, 160, 3), 200, dtype=np.uint8)
    settings = Preprocess(resize="none", multiple=64, pad_at="end", pad=7, scale=1.0)
    batch, _ = Preprocessor(settings)([image])
    assert batch.shape == (1, 3, 128, 192)
    assert (batch[0, :, :90, :160] == 200).all() and (batch[0, :, 90:] == 7).all()
    with pytest.raises(ModelError, match=r"pad_at is none for the model m.onnx, and multiple is not given"):
        fitted_preprocess(
            settings.model_copy(update={"pad_at": "none", "multiple": None}),
            settings.model_copy(update={"multiple": None}),
            None,
            "m.onnx",
        )


@pytest.mark.parametrize(
    ("rounding", "size", "wanted"),
    [
        # transformers: 1333 is the most; int() of the longer side.
        ("floor", (1080, 1920), (750, 1333)),
        ("floor", (427, 640), (800, 1199)),
        ("floor", (640, 427), (1199, 800)),
        # mmdet: both sides rounded, halves up.
        ("round", (1080, 1920), (750, 1333)),
        ("round", (427, 640), (800, 1199)),
        ("round", (375, 500), (800, 1067)),
        ("floor", (375, 500), (800, 1066)),
    ],
)
def test_the_shorter_side_is_as_asked_for(rounding: Any, size: Any, wanted: tuple[int, int]) -> None:
    settings = Preprocess(resize="shortest", shortest=800, longest=1333, rounding=rounding)
    view = Preprocessor(settings).view(size[1], size[0])
    assert (view.input_height, view.input_width) == wanted
    padded = Preprocessor(settings.model_copy(update={"multiple": 32})).view(size[1], size[0])
    assert (padded.input_height, padded.input_width) == tuple(-(-side // 32) * 32 for side in wanted)
    assert (padded.offset_x, padded.offset_y) == (0, 0)


def test_padding_that_becomes_0() -> None:
    settings = Preprocess(resize="shortest", shortest=20, multiple=32, mean=(0.3, 0.4, 0.5), std=(2, 3, 4))
    batch, _ = Preprocessor(settings)([np.full((20, 20, 3), 90, dtype=np.uint8)])
    assert batch.shape == (1, 3, 32, 32)
    assert (batch[0, :, 20:] == 0).all() and (batch[0, :, :, 20:] == 0).all()
    np.testing.assert_allclose(
        batch[0, :, 0, 0], (90 / 255 - np.array([0.3, 0.4, 0.5])) / [2, 3, 4], rtol=1e-6
    )


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32"])
def test_one_and_four_channels_and_whole_numbers(dtype: Any) -> None:
    image = picture(20, 30)
    gray = np.asarray(Image.fromarray(image).convert("L"))
    plain = {"resize": "none", "scale": 1.0, "dtype": dtype, "axes": "nhwc"}
    (found,), _ = Preprocessor(Preprocess(channels="gray", **plain))([image])
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[..., 0], gray)
    (found,), _ = Preprocessor(Preprocess(channels="bgra", **plain))([image])
    np.testing.assert_array_equal(found, np.dstack([image[..., ::-1], np.full((20, 30), 255)]))


@pytest.mark.parametrize(
    "given",
    [
        {"resize": "zoom"},
        {"size": [0, 5]},
        {"std": [1, 0, 1]},
        {"dtype": "int8"},
        {"sise": 3},
        {"mean": [1, 2]},
    ],
)
def test_wrong_settings_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Preprocess(**given)
