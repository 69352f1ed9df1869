"""The PNG files are PNG files, whatever their content."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lightly_assets.media.png import encode_png, read_stamp, with_stamp


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1 << 32), st.sampled_from([1, 2, 256]))
def test_they_are_lossless(width: int, height: int, seed: int, values: int) -> None:
    image = np.random.default_rng(seed).integers(0, values, (height, width, 3), np.uint8)
    with Image.open(io.BytesIO(encode_png(image, {"index": seed}))) as read:
        read.verify()
    with Image.open(io.BytesIO(encode_png(image))) as read:
        assert np.array_equal(np.asarray(read), image)


def test_views_of_other_images_are_written_too() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    for view in (image[::2, ::3], image[::-1], image[:, :, ::-1]):
        with Image.open(io.BytesIO(encode_png(view))) as read:
            assert np.array_equal(np.asarray(read), view)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        encode_png(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="float32"):
        encode_png(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]


def test_a_stamp_is_read_back_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    plain = encode_png(np.zeros((4, 4, 3), np.uint8))
    path.write_bytes(plain)
    assert read_stamp(path) is None
    path.write_bytes(with_stamp(plain, {"index": 1}))
    assert read_stamp(path) == {"index": 1}
    path.write_bytes(with_stamp(path.read_bytes(), {"index": 2, "name": "ü 😀"}))
    assert read_stamp(path) == {"index": 2, "name": "ü 😀"}
    with Image.open(path) as image:
        image.verify()


def test_half_files_have_no_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    whole = encode_png(np.zeros((4, 4, 3), np.uint8), {"index": 1})
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_stamp(path) is None
    assert read_stamp(tmp_path / "missing.png") is None
