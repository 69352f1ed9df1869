"""One way of a decoder process through one file, seen from the caller's side."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lightly_assets.media.decoding.channel import Message
from lightly_assets.media.decoding.decoder_process import ChildDiedError, pool
from lightly_assets.media.decoding.job import Job, Outcome
from lightly_assets.media.decoding.limits import Limits
from lightly_assets.media.decoding.ring import NonsenseError, RingReader
from lightly_assets.pulse import beat


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a video."""

    index: int
    """Position in PyAV decode order, from 0: the number in the frame's name."""
    time: float | None
    """Presentation time in seconds; None where the file has none (raw streams)."""
    key_frame: bool
    """Whether it decodes without other frames."""
    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB, C-contiguous, as decoded: rotation is not applied. Yours to keep and to change.
    With a fit it has that size."""
    width: int
    """As decoded, in pixels."""
    height: int


class DecoderBugError(RuntimeError):
    """The decoder process failed in our own code, which the text shows; the file is not to blame."""


class _BrokenError(Exception):
    """The decoder process is no good any more; the text says why."""


class Pass:
    """Runs a job in a decoder process. It starts at once and goes on alone until its ring is full.

    ``outcome`` is complete once ``frames`` is exhausted. Whatever the file does to the decoder ends up there.
    How many frames the container claims is there from the first frame on.
    """

    def __init__(self, job: Job, limits: Limits) -> None:
        self.outcome = Outcome(exact=job.exact)
        self._limits = limits
        self._deadline = None if limits.max_seconds is None else time.monotonic() + limits.max_seconds
        self._ring = RingReader()
        self._child = pool.borrow()
        self._finished = False
        try:
            self._child.start({**asdict(job), "memory_bytes": limits.memory_bytes}, self._ring.fd)
        except ChildDiedError as death:
            self._break(str(death))

    def frames(self) -> Iterator[Frame]:
        """The frames in decode order; none where the job did not ask for pixels."""
        try:
            while not self._finished:
                message = self._next_message()
                beat()
                if "frames" in message:
                    for fields in message["frames"]:
                        yield self._frame(fields)
                elif "claimed" in message:
                    if not isinstance(message["claimed"], int):
                        raise NonsenseError("a claim that is no number")
                    self.outcome.container_frames = message["claimed"]
                elif "layout" in message:
                    self._ring.move(**message["layout"])
                elif "done" in message:
                    self.outcome = Outcome(**message["done"])
                    # After damage the threads of the fast way may hang; the exact way has none of them.
                    self._finish(reusable=self.outcome.exact or not self.outcome.odd)
                elif "bug" in message:
                    raise DecoderBugError(f"The decoder failed by itself:\n{message['bug']}")
                elif isinstance(message["progress"], int):
                    self.outcome.frames = max(self.outcome.frames, message["progress"])
                else:
                    raise NonsenseError("progress that is no number")
        except (ChildDiedError, _BrokenError) as death:
            self._break(str(death))
        except (KeyError, TypeError, NonsenseError):
            self._break("the decoder talks nonsense")
        finally:
            self.close()

    def close(self) -> None:
        """Stops the decoder if it still works. Frames that were handed out stay valid."""
        self._finish(reusable=False)

    def _next_message(self) -> Message:
        # Places go back in batches, but never later than when there is nothing else to do.
        if self._ring.many_freed:
            self._give_back(in_order=True)
        if (message := self._child.receive(0)) is not None:
            return message
        self._give_back(in_order=False)
        wait = self._limits.stall_seconds
        if self._deadline is not None:
            wait = min(wait, self._deadline - time.monotonic())
        message = self._child.receive(wait) if wait > 0 else None
        if message is not None:
            return message
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise _BrokenError(f"takes longer than {self._limits.max_seconds:g} s, the limit")
        raise _BrokenError(f"decoding made no progress for {self._limits.stall_seconds:g} s and was stopped")

    def _give_back(self, *, in_order: bool) -> None:
        if freed := self._ring.freed(in_order=in_order):
            self._child.send({"free": freed, "layout": self._ring.layout})

    def _frame(self, fields: list[object]) -> Frame:
        if len(fields) != 8:
            raise NonsenseError("a frame without its fields")
        slot, index, seconds, key_frame, height, width, *decoded = fields
        if not (isinstance(slot, int) and isinstance(height, int) and isinstance(width, int)):
            raise TypeError
        rows, columns = decoded
        if not (isinstance(rows, int) and isinstance(columns, int)):
            raise TypeError
        if not isinstance(index, int) or not (seconds is None or isinstance(seconds, float)):
            raise TypeError
        self.outcome.frames = index + 1
        image = self._ring.take(slot, height, width)
        return Frame(index, seconds, bool(key_frame), image, columns, rows)

    def _break(self, reason: str) -> None:
        self.outcome.error(reason)
        self._finish(reusable=False)

    def _finish(self, *, reusable: bool) -> None:
        if self._finished:
            return
        self._finished = True
        self._ring.close()
        if reusable:
            pool.give_back(self._child)
        else:
            self._child.kill()
