"""Where everything lies: CAMERA_DATA, or the folder data in the current one."""

import os
from pathlib import Path


def data() -> Path:
    return Path(os.environ.get("CAMERA_DATA", "data")).absolute()
