"""A video as a stream of frames, exact on every file and as fast as the decoder on sound ones."""

import os
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Self

from lightly_assets.errors import BadValue
from lightly_assets.media.decoding.job import Job, Outcome, frame_digest
from lightly_assets.media.decoding.limits import Limits
from lightly_assets.media.decoding.supervised_decode import Frame, Pass
from lightly_assets.media.errors import DamagedVideo
from lightly_assets.media.fit import Fit
from lightly_assets.media.info import OnDamage, VideoInfo, damage


class FrameStream:
    """Frames of one video in PyAV decode order; a context manager and an iterator of :class:`Frame`.

    ``info`` is complete after the last frame.
    """

    def __init__(
        self, path: str, on_damage: OnDamage, limits: Limits, threads: int, fit: Fit | None = None
    ) -> None:
        self.path = path
        self.info = VideoInfo()
        self._on_damage = on_damage
        self._limits = limits
        self._threads = threads
        self._fit = fit
        # A single thread is exact as it is, and so is what "keep" needs.
        self._pass = self._start(exact=on_damage == "keep" or threads == 1, skip=0)
        self._frames = self._decode()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return next(self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def claimed(self) -> int | None:
        """How many frames the container claims, from the first frame on; it may be wrong."""
        return self._pass.outcome.container_frames

    def close(self) -> None:
        """Stops decoding. Frames that were handed out stay valid."""
        self._frames.close()
        self._pass.close()

    def _start(self, *, exact: bool, skip: int) -> Pass:
        job = Job(
            path=os.path.abspath(self.path),  # noqa: PTH100 - the decoder may be in another folder
            exact=exact,
            pixels=True,
            until_error=self._on_damage == "fail",
            skip=skip,
            threads=self._threads,
            max_pixels=self._limits.max_pixels,
            max_frames=self._limits.max_frames,
            fit=self._fit,
        )
        return Pass(job, self._limits)

    def _decode(self) -> Generator[Frame]:
        delivered, digest = 0, 0
        for frame in self._pass.frames():
            digest = frame_digest(digest, frame.time, frame.width, frame.height)
            delivered += 1
            yield frame
        outcome = self._pass.outcome
        if outcome.odd and not (outcome.exact or outcome.final):
            # The fast way met something odd. The exact one decides, and goes on where the fast one stopped.
            self._pass = self._start(exact=True, skip=delivered)
            yield from self._pass.frames()
            outcome = self._pass.outcome
            if outcome.digest != digest and not outcome.errors:
                outcome.error("gives other frames each time it is decoded")
        self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        self.info = outcome.info()
        if self.info.errors and self._on_damage == "fail":
            raise DamagedVideo(damage_message(self.path, self.info), self.info)


def open_video(
    path: str | os.PathLike[str],
    *,
    on_damage: OnDamage = "fail",
    limits: Limits | None = None,
    threads: int = 0,
    fit: Fit | None = None,
) -> FrameStream:
    """Decodes a video in a child process; use it in a ``with`` block and iterate.

    Memory is bounded: the decoder waits while its consumer is busy. With ``on_damage="fail"`` the end of
    iteration raises where the file is damaged; frames may come before that. With ``"keep"`` everything that
    decodes comes, and ``info.errors`` says what did not. ``threads=1`` is the cheapest way to decode many
    files at the same time; 0 uses all cores for one. With ``fit`` frames are scaled in one
    step with their conversion to RGB: cheaper than one after the other, and not the same pixels.

    Raises:
        DamagedVideo: while iterating, the file is damaged, no video, or goes beyond the limits.
        BadValue: ``on_damage`` is neither ``fail`` nor ``keep``.
    """
    if on_damage not in ("fail", "keep"):
        raise BadValue(f"on_damage must be 'fail' or 'keep', but is '{on_damage}'.")
    return FrameStream(os.fspath(path), on_damage, limits or Limits(), threads, fit)


def damage_message(path: str, info: VideoInfo) -> str:
    """What is wrong with a video, in one sentence with both counts."""
    return f"'{path}': {damage(info)}."
