"""How many categories the files of a YOLO data set say that there are."""

import re
from pathlib import Path
from typing import Any

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import read_text, whole

_CLASSES = re.compile(r"^\s*classes\s*=\s*([0-9]+)\s*$", re.MULTILINE)


def check_count(root: Path, data: dict[str, Any], config: Path | None, names: dict[int, str]) -> None:
    """How many categories ``data.yaml`` and ``obj.data`` say there are is how many have names.

    Raises:
        LabelsError: they contradict each other.
    """
    counts = []
    if config is not None and data.get("nc") is not None:
        counts.append((f"{config.name} says nc: {data['nc']}", whole(data["nc"], "nc", config.name)))
    if (root / "obj.data").is_file():
        for text in _CLASSES.findall(read_text(root / "obj.data")):
            counts.append((f"obj.data says classes = {text}", int(text)))
    for said, count in counts:
        if names and count != len(names):
            raise LabelsError(
                f"{said}, and there are {len(names)} names of categories; one of the two is wrong. Make "
                "them agree: nothing else says what the numbers in the labels mean."
            )
