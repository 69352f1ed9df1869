"""The demo's input folder: short videos in nested folders, and a few images."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from lightly_assets.demo.footage import Scene, SceneFrame
from lightly_assets.tracking import track

# Counts up when the same clips would look different.
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Clip:
    """A video or an image of the demo, and the scene it shows."""

    key: str
    """Where it lies in the input folder."""
    seed: int
    weather: str
    start: float = 0.0
    """Seconds into the scene."""
    frames: int = 1
    rate: int = 20
    """Frames a second."""

    def pictures(self) -> Iterator[SceneFrame]:
        """Its frames, with their truth."""
        scene = Scene(self.seed, weather=self.weather)
        for index in range(self.frames):
            yield scene.frame(self.start + index / self.rate)


CLIPS = (
    Clip("front/2026-05-04/drive 1.v2.mp4", seed=69, weather="sunny", frames=100, rate=20),
    Clip("front/2026-05-05/drive 2.mp4", seed=13, weather="rainy", frames=72, rate=24),
    Clip("rear/loop.MOV", seed=16, weather="clouded", frames=60, rate=15),
    Clip("stills/crossing_0.png", seed=6, weather="clouded", start=2.0),
    Clip("stills/crossing_1.jpg", seed=12, weather="sunny", start=2.0),
    Clip("stills/street_2.PNG", seed=1, weather="rainy", start=2.0),
    Clip("stills/street_3.jpeg", seed=15, weather="sunny", start=2.0),
)
"""Suffixes in capitals, dots and a space in a name, and nested folders: names that have to work."""


def write_demo_input(folder: Path) -> list[str]:
    """Write the demo's videos and images below a folder; what is there already, unchanged, is left alone.

    A list of what was written (with hashes) is kept beside the folder, so that a second call has nothing to
    draw.

    Returns:
        The keys that were written, now: paths relative to the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder.parent / f".{folder.name}.json"
    known = _read_listing(listing)
    written = []
    for clip in track(CLIPS, "Drawing footage"):
        path = folder / clip.key
        if path.is_file() and known.get(clip.key) == _digest(path):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if _replace(path, clip):
            written.append(clip.key)
        known[clip.key] = _digest(path)
    content = json.dumps({"version": _VERSION, "sha256": known}, indent=1)
    if not listing.is_file() or listing.read_text() != content:
        listing.write_text(content)
    return written


def _read_listing(path: Path) -> dict[str, str]:
    """Keys and hashes of what an earlier call has written; empty where that was another version."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return dict(content["sha256"]) if content.get("version") == _VERSION else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _replace(path: Path, clip: Clip) -> bool:
    """Write a clip, in one step; False where the file has the very same content already."""
    part = path.with_name(f".{path.name}.part")
    if clip.frames > 1:
        _write_video(part, clip)
    else:
        _write_image(part, clip, path.suffix.lower())
    if path.is_file() and path.read_bytes() == part.read_bytes():
        part.unlink()
        return False
    part.replace(path)
    return True


def _write_image(path: Path, clip: Clip, suffix: str) -> None:
    from PIL import Image

    kind, options = ("PNG", {"compress_level": 6}) if suffix == ".png" else ("JPEG", {"quality": 92})
    Image.fromarray(next(clip.pictures()).image).save(path, kind, **options)


def _write_video(path: Path, clip: Clip) -> None:
    """H.264, so that every player shows it."""
    import av

    with av.open(path, "w", format="mov" if clip.key.lower().endswith(".mov") else "mp4") as container:
        stream = container.add_stream("libx264", rate=clip.rate)
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "21", "preset": "veryfast", "threads": "1"}
        stream.time_base = Fraction(1, clip.rate)
        for index, picture in enumerate(clip.pictures()):
            if index == 0:
                stream.height, stream.width = picture.image.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture.image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, clip.rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
