"""What a video is, found by decoding all of it."""

import os

from lightly_assets.media.decoding.job import Job, Outcome
from lightly_assets.media.decoding.limits import Limits
from lightly_assets.media.decoding.supervised_decode import Pass
from lightly_assets.media.info import VideoInfo


def probe(path: str | os.PathLike[str], *, limits: Limits | None = None, threads: int = 0) -> VideoInfo:
    """Decodes a whole video without making pictures of it, and says what it is.

    Never raises for bad media: ``errors`` says what is wrong, and ``frames`` is what decodes nevertheless.
    """
    limits = limits or Limits()
    outcome = _count(os.fspath(path), limits, threads, exact=threads == 1)
    if outcome.odd and not (outcome.final or outcome.exact):
        outcome = _count(os.fspath(path), limits, threads, exact=True)
    return outcome.info()


def _count(path: str, limits: Limits, threads: int, *, exact: bool) -> Outcome:
    job = Job(
        path=os.path.abspath(path),  # noqa: PTH100 - the decoder may be in another folder
        exact=exact,
        pixels=False,
        until_error=False,
        skip=0,
        threads=threads,
        max_pixels=limits.max_pixels,
        max_frames=limits.max_frames,
    )
    way = Pass(job, limits)
    for _ in way.frames():
        pass
    return way.outcome
