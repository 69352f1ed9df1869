"""The ffmpeg program as an engine: PNGs of all frames, written by itself.

It needs no ffprobe and no shell, reads nothing but the one file, and is stopped when it stalls or takes too
long.
"""

import contextlib
import resource
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO

from lightly_assets.errors import LightlyAssetsError
from lightly_assets.media.decoding.job import FORMATS
from lightly_assets.media.decoding.limits import Limits
from lightly_assets.media.errors import MediaError

_LOOK_SECONDS = 0.1
_PROGRAM_BYTES = 4 << 30
"""Address space that the program may need by itself: code, and stacks of all its threads."""


class ProgramMissingError(LightlyAssetsError, RuntimeError):
    """The ffmpeg program is not installed."""


def find_ffmpeg() -> str:
    """The path of the ``ffmpeg`` program.

    Raises:
        ProgramMissingError: PATH does not lead to one.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise ProgramMissingError(
            "There is no ffmpeg program on PATH; install it, or use the engine pyav, which needs none."
        )
    return program


def ffmpeg_command(program: str, video: Path, limits: Limits) -> list[str]:
    """What is run, in the folder that takes the pictures: ``0.png``, ``1.png`` and so on."""
    import ffmpeg

    # One frame a second keeps it from repeating or leaving out frames; V is video that is no cover picture.
    source = ffmpeg.input(
        f"file:{video.absolute()}",
        r=1,
        noautorotate=None,
        protocol_whitelist="file",
        format_whitelist=FORMATS,
        max_pixels=limits.max_pixels,
    )
    pictures = source.output(
        "%d.png",
        map="0:V:0",
        start_number=0,
        # As PyAV does: fields of interlaced frames are converted each by itself.
        vf="scale=interl=-1,format=rgb24",
        sws_flags="bilinear",
        pred="up",
        compression_level=1,
    )
    command: list[str] = pictures.global_args("-nostdin", "-loglevel", "error").compile(cmd=program)
    return command


def write_pngs(video: Path, folder: Path, limits: Limits) -> list[Path]:
    """Lets the program write all frames into an empty folder, in order.

    Raises:
        MediaError: it failed, stalled or went beyond the limits.
        ProgramMissingError: it is not installed.
    """
    command = ffmpeg_command(find_ffmpeg(), video, limits)
    with (folder / "log").open("w+b") as log:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
        )
        try:
            _limit_memory(process.pid, limits.memory_bytes)
            count = _watch(process, folder, video, limits)
        finally:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()
        if process.returncode:
            raise MediaError(f"'{video}': the ffmpeg program failed ({_last_line(log, process.returncode)}).")
    return [folder / f"{index}.png" for index in range(count)]


def _watch(process: subprocess.Popen[bytes], folder: Path, video: Path, limits: Limits) -> int:
    """Waits for the program and returns the number of pictures."""
    started = progressed = time.monotonic()
    count = 0
    while True:
        running = process.poll() is None
        before = count
        while (folder / f"{count}.png").exists():
            count += 1
        if not running:
            return count
        now = time.monotonic()
        progressed = now if count > before else progressed
        if now - progressed > limits.stall_seconds:
            raise MediaError(
                f"'{video}': the ffmpeg program made no progress for {limits.stall_seconds:g} s."
            )
        if limits.max_seconds is not None and now - started > limits.max_seconds:
            raise MediaError(f"'{video}': takes longer than {limits.max_seconds:g} s, the limit.")
        if limits.max_frames is not None and count > limits.max_frames:
            raise MediaError(f"'{video}': has more than {limits.max_frames} frames, the limit.")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)


def _limit_memory(pid: int, extra: int) -> None:
    if hasattr(resource, "prlimit"):
        limit = _PROGRAM_BYTES + extra
        with contextlib.suppress(ProcessLookupError, ValueError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def _last_line(log: IO[bytes], status: int) -> str:
    size = log.seek(0, 2)
    log.seek(max(0, size - 4096))
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit status {status}"
