"""What a reader says about files that a test writes."""

from pathlib import Path
from typing import Any

from lightly_assets.labels.labelled import Label, Labels
from lightly_assets.labels.reading import ReadOptions, find_format


def write(root: Path, files: dict[str, str]) -> Path:
    """Text files below a folder, by name."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def read(path: Path, name: str = "auto", **options: Any) -> Labels:
    """Labels as the format of that name reads them."""
    return find_format(path, name).read(path, ReadOptions(**options))


def by_image(labels: Labels) -> dict[str, list[Label]]:
    """The labels of each image by its first name."""
    return {image.names[0]: list(image.read()) for image in labels.images}
