"""Frames that are converted where they are to lie have the pixels that PyAV gives."""

import sys

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from lightly_assets.media.decoding import conversion
from lightly_assets.media.decoding.conversion import Converter
from lightly_assets.media.decoding.places import Place

GUARD = 173


def random_frame(pixels: str, width: int, height: int, seed: int = 0) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, pixels)
    random = np.random.default_rng(seed)
    for plane in frame.planes:
        # The noise of one frame, and in the next all that numbers can be, one after the other.
        whole = np.arange(plane.buffer_size) + seed if seed else random.integers(0, 256, plane.buffer_size)
        plane.update(whole.astype(np.uint8).tobytes())
    return frame


def with_pyav(frame: av.VideoFrame) -> NDArray[np.uint8]:
    rgb = VideoReformatter().reformat(frame, format="rgb24", threads=1)
    plane = rgb.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : 3 * frame.width].copy()


def converted(converter: Converter, frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Between guards that nothing may touch."""
    height, columns = frame.height, 3 * frame.width
    memory = np.full((height + 2, columns), GUARD, dtype=np.uint8)
    pixels = memoryview(memory).cast("B")[columns : (height + 1) * columns]
    converter(frame, Place(pixels, height, frame.width))
    assert (memory[[0, -1]] == GUARD).all()
    return memory[1:-1]


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (640, 360), (64, 2), (96, 54)], ids=str)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p"])
@pytest.mark.parametrize("colours", [0, 1, 2, 5, 6, 7, 9])
def test_usual_frames_are_written_in_place(pixels: str, size: tuple[int, int], colours: int) -> None:
    for levels in (0, 1, 2):
        converter = Converter()
        for seed in range(3):
            frame = random_frame(pixels, *size, seed)
            frame.colorspace, frame.color_range = colours, levels
            assert np.array_equal(converted(converter, frame), with_pyav(frame))
        if sys.platform == "linux" and colours:
            assert [*converter._contexts.values()] != [None]
        converter.close()


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "gray", "nv12", "rgb24"])
def test_any_frame_has_the_pixels_of_pyav(pixels: str) -> None:
    converter = Converter()
    # Both sizes in turn, as in a file that changes its size.
    for seed in range(4):
        frame = random_frame(pixels, *((62, 34) if seed % 2 else (70, 40)), seed)
        assert np.array_equal(converted(converter, frame), with_pyav(frame))
    converter.close()


def test_what_gives_other_pixels_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = random_frame("yuv420p", 64, 36)
    frame.colorspace = 5
    # Another matrix than the frame's, as a library with other numbers would have.
    real = conversion._context
    monkeypatch.setattr(conversion, "_context", lambda *kind: real(*kind[:3], 1, 2))
    converter = Converter()
    assert np.array_equal(converted(converter, frame), with_pyav(frame))
    assert [*converter._contexts.values()] == [None]


def test_without_the_library_pyav_converts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "_library", lambda: None)
    frame = random_frame("yuv420p", 64, 36)
    assert np.array_equal(converted(Converter(), frame), with_pyav(frame))
