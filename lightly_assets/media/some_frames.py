"""A few frames of a video as PNG files, under names that somebody else gives."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightly_assets.errors import BadValue
from lightly_assets.media.decoding.limits import Limits
from lightly_assets.media.errors import DamagedVideo
from lightly_assets.media.png import Stamp, encode_png, read_stamp
from lightly_assets.media.stream import open_video


@dataclass
class Pictures:
    """How many pictures were written now, and how many were there already."""

    written: int = 0
    found: int = 0


def write_frames(
    video: str | os.PathLike[str],
    wanted: Mapping[int, Path],
    source: str,
    *,
    limits: Limits | None = None,
    done: Pictures | None = None,
) -> Pictures:
    """Writes these frames of a video, each in one step; those that are there already are not decoded again.

    Args:
        wanted: from the index of a frame, in decode order from 0, to its file.
        source: a text that changes when the frames may change: what was made from another one is replaced.
        done: counted up.

    Raises:
        BadValue: a file is there that was not made from a video here; nothing of it is overwritten.
        DamagedVideo: the video is damaged before the last of the frames, or has no such frame.
        OSError: a picture cannot be written.
    """
    done = done or Pictures()
    left = {index: path for index, path in wanted.items() if not _is_there(path, index, source)}
    done.found += len(wanted) - len(left)
    if not left:
        return done
    last, seen = max(left), 0
    with open_video(video, on_damage="fail", limits=limits or Limits()) as stream:
        for frame in stream:
            seen = frame.index + 1
            if frame.index in left:
                _write(left[frame.index], encode_png(frame.image, _stamp(frame.index, source)))
                done.written += 1
            if frame.index >= last:
                return done
    raise DamagedVideo(f"'{video}' has {seen} frames, so there is no frame {last}.", stream.info)


def _stamp(index: int, source: str) -> Stamp:
    return {"source": source, "index": index}


def _is_there(path: Path, index: int, source: str) -> bool:
    stamp = read_stamp(path)
    if stamp is None and path.exists():
        raise BadValue(f"'{path}' is there already and was not exported here; name another folder.")
    return stamp is not None and (stamp.get("source"), stamp.get("index")) == (source, index)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
