"""Numbers of video frames in label files: tools count from 0 or 1, or only each n-th frame."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

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
    """One sentence where each ``frame_id``, from 0, is one less than its name's number: names count from 1.

    Wherever the list begins: of a part of a video it may be at any frame.

    Args:
        frame_ids: index of a frame, as its name says it → its ``frame_id``.
        numbers: how names are read; a user who has said it knows.
    """
    if numbers != FrameNumbers() or not frame_ids:
        return None
    if any(one is None or index - one != 1 for index, one in frame_ids.items()):
        return None
    first = min(frame_ids)
    return (
        f"{file}: of '{video}' the frame with the frame_id {first - 1} is called {first}, so names "
        f"count from 1: say {offset_words(1)}; if not, take the frame_id out of the file."
    )


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
