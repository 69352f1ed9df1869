"""Names of frames and of prediction files, in both directions.

Keys are POSIX paths relative to the root of the input datasource. Prediction paths are relative to
``.lightly/predictions``. Source: the specification's "Prediction Files" and "Prediction Files for Videos".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lightly_assets.errors import BadValue
from lightly_assets.format.names.suffixes import VIDEO_SUFFIXES, split_suffix

_FRAME = re.compile(
    r"(?P<stem>(?:.*/)?[^/]+)-(?P<index>[0-9]+)-(?P<suffix>"
    + "|".join(sorted(VIDEO_SUFFIXES))
    + r")\.(?:json|png)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class FrameName:
    """A frame's name taken apart. ``width`` is the number of digits of the index, padding included."""

    video: str
    index: int
    width: int


def frame_name(video: str, index: int, num_frames: int) -> str:
    """The image name of a frame: ``frame_name("sub/v.mp4", 7, 10)`` is ``"sub/v-07-mp4.png"``.

    The index is padded to the number of digits of ``num_frames`` (10 frames: 00 to 09). Dots in the name and
    the case of the suffix are kept.

    Raises:
        BadValue: the key has no video suffix, or the index is not one of the video's frames.

    >>> frame_name("sub/v.mp4", 7, 10)
    'sub/v-07-mp4.png'
    """
    stem, suffix = split_suffix(video)
    if suffix.lower() not in VIDEO_SUFFIXES:
        raise BadValue(f"'{video}' is not a video; its suffix must be one of {_listed(VIDEO_SUFFIXES)}.")
    if not 0 <= index < num_frames:
        raise BadValue(
            f"'{video}' has {num_frames} frames, so there is no frame {index}; frames count from 0."
        )
    return f"{stem}-{index:0{len(str(num_frames))}d}-{suffix}.png"


def prediction_path(task: str, file_name: str) -> str:
    """Where the predictions of an image or a frame lie: ``("task", "sub/a.png")`` → ``"task/sub/a.json"``.

    >>> prediction_path("people", frame_name("sub/v.mp4", 7, 10))
    'people/sub/v-07-mp4.json'
    """
    return f"{task}/{split_suffix(file_name)[0]}.json"


def parse_frame_name(name: str) -> FrameName | None:
    """The inverse of :func:`frame_name`, for ``.png`` and ``.json`` names; None where it is no frame's name.

    An image may have such a name too, so None is certain and anything else is a claim to be checked against
    the input.
    """
    match = _FRAME.fullmatch(name)
    if match is None:
        return None
    index = match["index"]
    return FrameName(f"{match['stem']}.{match['suffix']}", int(index), len(index))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
