"""Frames in another size, straight from the decoder's planes."""

import av
import numpy as np
import pytest

from lightly_assets.media import DamagedVideo, open_video
from lightly_assets.media.fit import Fit
from lightly_assets.models.pixels.geometry import view_of
from lightly_assets.models.preprocess import Preprocess
from tests.media.conftest import Corpus

FIT = Fit(keeps_shape=True, width=48, height=48, rounding="round")


@pytest.mark.parametrize(
    "name", ["plain.mp4", "edit_list.mp4", "ten_bit.mp4", "odd_size.mp4", "interlaced.mp4"]
)
@pytest.mark.parametrize("fit", [FIT, Fit(keeps_shape=False, width=33, height=20, rounding="round")])
def test_frames_are_what_pyav_makes_of_each(corpus: Corpus, name: str, fit: Fit) -> None:
    path = corpus.path(name)
    with av.open(str(path)) as container:
        theirs = [
            frame.reformat(
                *fit.size(frame.width, frame.height), format="rgb24", interpolation="FAST_BILINEAR"
            ).to_ndarray()
            for frame in container.decode(video=0)
        ]
    for threads in (1, 0):
        with open_video(path, threads=threads, fit=fit) as stream, open_video(path) as whole:
            for one, frame, large in zip(theirs, stream, whole, strict=True):
                np.testing.assert_array_equal(frame.image, one)
                assert (frame.height, frame.width) == large.image.shape[:2] == (large.height, large.width)
                assert (frame.index, frame.time, frame.key_frame) == (
                    large.index,
                    large.time,
                    large.key_frame,
                )
            assert stream.info == whole.info


def test_what_is_said_of_damaged_files_is_the_same(corpus: Corpus) -> None:
    bad = 0
    for name in [video.name for video in corpus.videos.values() if not video.sound] + ["cut.mp4", "vfr.avi"]:
        found = []
        for fit in (None, FIT):
            for on_damage in ("keep", "fail"):
                frames = []
                with open_video(corpus.path(name), on_damage=on_damage, fit=fit) as stream:  # type: ignore[arg-type]
                    try:
                        frames += [(frame.index, frame.time, frame.height, frame.width) for frame in stream]
                    except DamagedVideo as error:
                        bad += 1
                        found.append((on_damage, str(error)))
                        continue
                found.append((on_damage, frames, stream.info))
        assert found[:2] == found[2:], name
    assert bad > 10


def test_sizes_are_those_of_the_models_input() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        width, height, rows, columns = (int(one) for one in rng.integers(1, 2000, 4))
        for rounding in ("round", "floor", "ceil"):
            for resize in ("letterbox", "stretch"):
                settings = Preprocess(resize=resize, size=(rows, columns), rounding=rounding).complete()  # type: ignore[arg-type]
                view = view_of(settings, width, height)
                wanted = round(width * view.scale_x), round(height * view.scale_y)
                fit = Fit(resize == "letterbox", columns, rows, rounding)
                assert fit.size(width, height) == wanted
