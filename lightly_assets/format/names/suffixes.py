"""Suffixes: which keys of the input datasource are videos, which are images."""

from typing import Literal

VIDEO_SUFFIXES = frozenset({"mp4", "m4v", "hevc", "mpg", "mpeg", "avi", "mov", "webm"})
IMAGE_SUFFIXES = frozenset({"png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff"})

InputKind = Literal["video", "image"]

_KINDS: dict[str, InputKind] = {
    **dict.fromkeys(VIDEO_SUFFIXES, "video"),
    **dict.fromkeys(IMAGE_SUFFIXES, "image"),
}


def split_suffix(key: str) -> tuple[str, str]:
    """``"sub/a.b.MP4"`` → ``("sub/a.b", "MP4")``; ``".mp4"`` is a name without a suffix."""
    start = key.rfind("/") + 1
    dot = key.rfind(".")
    return (key[:dot], key[dot + 1 :]) if dot > start else (key, "")


def input_kind(key: str) -> InputKind | None:
    """Whether a key of the input datasource is a video, an image, or nothing the Worker reads.

    Suffixes count in any case. What lies in ``.lightly/`` is never input, so that both datasources may share
    one root.
    """
    if key.startswith(".lightly/"):
        return None
    return _KINDS.get(split_suffix(key)[1].lower())
