"""Suffixes: which keys of the input datasource are videos, which are images."""

from collections.abc import Mapping
from typing import Literal

VIDEO_SUFFIXES = frozenset({"mp4", "m4v", "hevc", "mpg", "mpeg", "avi", "mov", "webm"})
IMAGE_SUFFIXES = frozenset({"png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff"})

OWN_PREFIX = ".lightly/"
"""What lies below it is never input."""
NO_SUFFIX, EXCLUDED, PAUSED = "no suffix", "excluded", "quarantined"
"""What :func:`left_out` is told of files that are left out for another reason than their suffix."""
_MOST_NAMED = 8

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
    if key.startswith(OWN_PREFIX):
        return None
    return _KINDS.get(split_suffix(key)[1].lower())


def suffix_left_out(key: str) -> str:
    """What a file that is no input is counted under: its suffix in lower case."""
    return split_suffix(key)[1].lower() or NO_SUFFIX


def left_out(counts: Mapping[str, int]) -> str | None:
    """One sentence about files of the input datasource that are no inputs; None where there are none.

    ``counts`` are their numbers by suffix (:func:`suffix_left_out`), :data:`EXCLUDED` or :data:`PAUSED`.
    """
    by_suffix = {name: count for name, count in counts.items() if name not in (EXCLUDED, PAUSED) and count}
    parts = []
    if by_suffix:
        most = sorted(by_suffix.items(), key=lambda item: (-item[1], item[0]))
        named = [f"{count:,} × {_shown(name)}" for name, count in most[:_MOST_NAMED]]
        if more := sum(count for _, count in most[_MOST_NAMED:]):
            named.append(f"{more:,} more")
        known = ", ".join(f".{suffix}" for suffix in sorted(_KINDS))
        parts.append(f"{', '.join(named)} (the Worker reads only {known})")
    parts += [
        f"{counts[name]:,} {word}"
        for name, word in ((EXCLUDED, "excluded"), (PAUSED, "paused"))
        if counts.get(name)
    ]
    return f"Left out of the input: {'; '.join(parts)}." if parts else None


def _shown(suffix: str) -> str:
    """Names of files are anybody's: only what looks like a suffix is printed as it is."""
    if suffix == NO_SUFFIX:
        return "without a suffix"
    return f".{suffix}" if suffix.isalnum() and len(suffix) <= 12 else f".{ascii(suffix)[1:-1][:12]}"
