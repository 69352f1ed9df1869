"""Numbers of video frames in label files: tools count from 0 or 1, or only each n-th frame."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

from lightly_assets.format.names.suffixes import split_suffix
from lightly_assets.labels.errors import LabelsError

_NUMBER = re.compile(r"([0-9]+)[^0-9]*$")
_NUMBERED = re.compile(r"(?:frames?|img|image)?[ _.-]*([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FrameNumbers:
    """How a number in the labels becomes the index of a frame: ``(number - first) * step + start``."""

    first: int = 0
    """The number that the labels give to their first frame."""
    step: int = 1
    """Frames from one number to the next."""
    start: int = 0
    """The index of the labels' first frame in the video."""
    is_said: bool = field(default=False, compare=False)
    """Whether somebody has said which number the first frame has."""

    @classmethod
    def given(cls, first: int | None, step: int, start: int) -> Self:
        """As somebody has said them; ``first`` is None where that was left open."""
        return cls(first or 0, step, start, first is not None)

    def index(self, number: int) -> int:
        """The index of a frame, from 0.

        Raises:
            LabelsError: it would be before the first frame.
        """
        if number < self.first:
            raise LabelsError(
                f"The frame number {number} is before the first, {self.first}; say with first_frame which "
                "number the first frame has."
            )
        return (number - self.first) * self.step + self.start


def number_in(name: str, pattern: re.Pattern[str] | None = None) -> int | None:
    """The frame number in a file's name: its last digits, or the first group of a pattern."""
    stem = split_suffix(name.rsplit("/", 1)[-1])[0]
    match = _NUMBER.search(stem) if pattern is None else pattern.search(name)
    if match is None:
        return None
    text = match[1] if match.re.groups else match[0]
    return int(text) if text and text.isdigit() else None


def is_numbered(name: str) -> bool:
    """Whether a file's name is no more than a frame's number: ``frame_000012.PNG``, ``000012.jpg``."""
    return _NUMBERED.fullmatch(split_suffix(name.rsplit("/", 1)[-1])[0]) is not None


def frames_problem(
    listed: Collection[int], count: int, video: str, *, file: str, shift: int | None = 0
) -> str | None:
    """One sentence where labels name frames that a video does not have; it names the likely offset.

    Args:
        listed: indices of the frames that the labels list, after any conversion of their numbers.
        count: frames of the video in decode order.
        shift: what the caller's ``first_frame`` is already; None where there is no such setting.
    """
    if not listed or (last := max(listed)) < count:
        return None
    beyond = sum(1 for one in listed if one >= count)
    first = min(listed)
    text = (
        f"{file} lists frame {last} of '{video}'"
        + (f" ({beyond:,} such frames)" if beyond > 1 else "")
        + f", which has {count} frames, 0 to {count - 1}"
    )
    if shift is not None and first and last - first < count:
        said = offset_words(first + shift)
        return f"{text}; its frames begin at {first}, so they probably count from {first}: {said}."
    step = "" if shift is None else ", or was each n-th frame labelled (frame_step)"
    return f"{text}; is it another video{step}?"


def offset_words(first: int) -> str:
    """How to say which number the first frame has, on the command line and in YAML."""
    return f"--first-frame {first} (first_frame: {first})"


def counting_problem(
    frame_ids: Mapping[int, int | None], numbers: FrameNumbers, video: str, *, file: str
) -> str | None:
    """One sentence where the labels' own numbers of frames leave open what those in names count from.

    Names count from 1 where each is one more than its ``frame_id``, or the frame with the id 0 is called 1,
    wherever the list begins. A list that numbers its own first frame 0 and calls it otherwise is of a part of
    the video, of which only the names say which.

    Args:
        frame_ids: index of a frame, as its name says it → its ``frame_id``.
        numbers: how names are read; a user who has said it knows.
    """
    if numbers.is_said or numbers != FrameNumbers() or not frame_ids:
        return None
    pairs = [(index, one) for index, one in sorted(frame_ids.items()) if one is not None]
    if len(pairs) != len(frame_ids):
        return None
    offsets = {index - one for index, one in pairs}
    first, first_id = next((pair for pair in pairs if pair[1] == 0), pairs[0])
    called = f"{file}: of '{video}' the frame with the frame_id {first_id} is called {first}"
    if offsets == {1} or (first_id, first) == (0, 1):
        why = "so names count from 1"
    elif (offsets == {0} and first == 1) or (first_id == 0 and first > 1) or _is_part(offsets):
        why = "and nothing says whether names count from 0 or from 1, as MOT's do"
    else:
        return None
    return f"{called}, {why}: say {offset_words(1)}, or 0 if they count from there."


def _is_part(offsets: Collection[int]) -> bool:
    """Whether all names are ahead of their frame_id by the same number of frames, as in a part of a video."""
    return len(offsets) == 1 and min(offsets) > 1


def offset_hint(listed: Collection[int], count: int | None = None) -> str:
    """What to add where frames are missing from a list: it may be of every few frames, or count from 1."""
    found = sorted(listed)
    steps = {after - before for before, after in pairwise(found)}
    step = next(iter(steps), 0) if len(steps) == 1 else 0
    if step > 1:
        return f", every {step} frames from {found[0]} on"
    # As many as a video has every few frames, numbered one after the other.
    every = round(count / len(found)) if count and step == 1 and found[0] == 0 else 0
    if every > 1 and len(found) in (((count or 0) - 1) // every + 1, (count or 0) // every):
        return f"; if they are those of every {every} frames, say --frame-step {every} (frame_step: {every})"
    if not listed or min(listed) != 1 or (count is not None and len(listed) not in (count, count - 1)):
        return ""
    return f"; its frames begin at 1: if they count from 1, say {offset_words(1)}"
