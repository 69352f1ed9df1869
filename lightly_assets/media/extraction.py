"""Frames of a video as PNG files, named as the format wants them."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lightly_assets.errors import BadValue
from lightly_assets.format.names.frame_names import frame_name
from lightly_assets.format.names.keys import validate_key
from lightly_assets.format.names.suffixes import input_kind
from lightly_assets.media.decoding.limits import Limits
from lightly_assets.media.errors import DamagedVideo, MediaError
from lightly_assets.media.export import PngExport
from lightly_assets.media.ffmpeg_program import find_ffmpeg, write_pngs
from lightly_assets.media.info import OnDamage, VideoInfo
from lightly_assets.media.png import png_size
from lightly_assets.media.probing import probe
from lightly_assets.media.stream import damage_message, open_video

Engine = Literal["pyav", "ffmpeg"]


@dataclass(frozen=True, slots=True)
class Extraction:
    """All frames of a video, each under its name in the folder."""

    video: str
    """Path of the video relative to the input root, as POSIX."""
    info: VideoInfo
    frames: int
    written: int
    """Frames that were encoded now; the others were there."""
    notes: tuple[str, ...]
    """What one should know about them, each in one sentence."""

    @property
    def found(self) -> int:
        """Frames that were there already."""
        return self.frames - self.written

    def names(self) -> list[str]:
        """Names of all frames, relative to the folder."""
        return [frame_name(self.video, index, self.frames) for index in range(self.frames)]


def extract(
    video: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    input_root: str | os.PathLike[str] | None = None,
    engine: Engine = "pyav",
    on_damage: OnDamage = "fail",
    limits: Limits | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Extraction:
    """Writes every frame of a video into ``out``, named relative to ``input_root`` (default: its folder).

    The pictures get their names only once all of them are there. What an earlier call left is used: a
    complete set is not touched, a part of it is completed. Frames made from an older state of the video are
    replaced. ``on_frame`` is told the number of frames decoded so far.

    With ``engine="ffmpeg"`` the ffmpeg program decodes; its frames are taken only where there are as many, of
    one size, as PyAV counts.

    Raises:
        DamagedVideo: the file is damaged and ``on_damage`` is ``"fail"``, or nothing of it decodes.
        MediaError: the two engines do not agree about the file.
        BadValue: the file has no suffix of a video or lies outside the root, or a setting is unknown.
        ProgramMissingError: there is no ffmpeg program.
        OSError: the pictures cannot be written.
    """
    if engine not in ("pyav", "ffmpeg"):
        raise BadValue(f"engine must be 'pyav' or 'ffmpeg', but is '{engine}'.")
    if on_damage not in ("fail", "keep"):
        raise BadValue(f"on_damage must be 'fail' or 'keep', but is '{on_damage}'.")
    if engine == "ffmpeg":
        find_ffmpeg()
    path = Path(video)
    key = video_key(path, input_root)
    source = _source(path, engine)
    limits = limits or Limits()
    with PngExport(out, key, source) as export:
        info = export.found
        if info is None and engine == "pyav":
            info = _decode(path, export, on_damage, limits, on_frame)
        elif info is None:
            info = _run_program(path, export, on_damage, limits, on_frame)
        elif info.errors and on_damage == "fail":
            raise DamagedVideo(damage_message(str(path), info), info)
        if _source(path, engine) != source:
            raise MediaError(f"'{path}': changes while it is read; it may still be written to.")
        if export.found is None:
            export.publish(info)
        return Extraction(key, info, info.frames or 0, export.written, _notes(info, engine))


def video_key(video: Path, input_root: str | os.PathLike[str] | None = None) -> str:
    """The path of a video relative to its root, as POSIX: what names of its frames begin with.

    Raises:
        BadValue: it lies outside the root, or has a name or a suffix that the format cannot have.
    """
    root = Path(input_root) if input_root is not None else video.parent
    try:
        key = Path(os.path.abspath(video)).relative_to(os.path.abspath(root)).as_posix()  # noqa: PTH100
    except ValueError:
        raise BadValue(f"'{video}' does not lie in the input root '{root}'.") from None
    validate_key(key)
    if input_kind(key) != "video":
        frame_name(key, 0, 1)  # says which suffixes there are
        raise BadValue(f"'{video}' lies in a folder that is never input.")
    return key


def _source(path: Path, engine: Engine) -> str:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}-{engine}"


def _decode(
    path: Path,
    export: PngExport,
    on_damage: OnDamage,
    limits: Limits,
    on_frame: Callable[[int], None] | None,
) -> VideoInfo:
    resumed = export.resumed
    try:
        with open_video(path, on_damage=on_damage, limits=limits) as stream:
            for frame in stream:
                export.add(frame.index, frame.image)
                if on_frame is not None:
                    on_frame(frame.index + 1)
    except DamagedVideo:
        export.discard()
        raise
    info = stream.info
    if not info.frames:
        export.discard()
        raise DamagedVideo(damage_message(str(path), info), info)
    if info.errors and resumed:
        # Frames of a damaged file may come from a faster try that did not know yet.
        export.discard()
        return _decode(path, export, on_damage, limits, on_frame)
    return info


def _run_program(
    path: Path,
    export: PngExport,
    on_damage: OnDamage,
    limits: Limits,
    on_frame: Callable[[int], None] | None,
) -> VideoInfo:
    info = probe(path, limits=limits)
    if not info.is_usable(on_damage):
        raise DamagedVideo(damage_message(str(path), info), info)
    if info.resized_at is not None:
        raise MediaError(
            f"'{path}': its size changes at frame {info.resized_at}, and the ffmpeg program would scale all "
            "frames to the first size; use the engine pyav."
        )
    folder = export.folder_for_program()
    try:
        pictures = write_pngs(path, folder, limits)
        if len(pictures) != info.frames:
            raise MediaError(
                f"'{path}': the ffmpeg program gives {len(pictures)} frames, PyAV {info.frames}; "
                "use the engine pyav."
            )
        size = (info.width, info.height)
        if other := next((found for found in map(png_size, pictures) if found != size), None):
            raise MediaError(
                f"'{path}': the ffmpeg program gives frames of {other[0]} x {other[1]}, PyAV of {size[0]} x "
                f"{size[1]}, perhaps because it crops a clean aperture; use the engine pyav."
            )
        for index, picture in enumerate(pictures):
            export.add_file(index, picture)
            if on_frame is not None:
                on_frame(index + 1)
        export.flush()
    except MediaError:
        export.discard()
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return info


def _notes(info: VideoInfo, engine: Engine) -> tuple[str, ...]:
    notes = [*info.remarks, *(f"Damaged: {error}." for error in info.errors)]
    if engine == "ffmpeg" and info.bits is not None and info.bits > 8:
        notes.append(f"Pixels have {info.bits} bits, which the ffmpeg program and PyAV round differently.")
    if engine == "ffmpeg" and info.width and info.height and (info.width % 2 or info.height % 2):
        notes.append("Its size is odd: older ffmpeg programs convert colours differently than PyAV.")
    if engine == "ffmpeg" and info.errors:
        notes.append("Behind damage the pixels of the ffmpeg program may differ from PyAV's.")
    return tuple(notes)
