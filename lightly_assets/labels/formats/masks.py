"""Pictures of classes: the value, the palette's number or the colour of a pixel is its class."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import files_below, read_text, whole
from lightly_assets.labels.labelled import Label, LabelledImage, Labels, Mask
from lightly_assets.labels.reading import FORMATS, ReadOptions

Colour = tuple[int, int, int]
# What tools append to the name of the image.
_ENDINGS = re.compile(
    r"(_mask|_masks|_label|_labels|_labelIds|_labelTrainIds|_gtFine_labelIds|_seg|_segmentation)$"
)
_MAPS = ("labelmap.txt", "label_colors.txt")
_IGNORED = 255
# So many masks are looked at before they are read.
_LOOKED_AT = 8
_MOST_PIXELS = 1 << 28


class Masks:
    """A PNG file, or a folder of them, with a ``labelmap.txt`` where colours are classes."""

    first_frame = 0

    def recognises(self, path: Path) -> bool:
        if path.is_file():
            return False
        return (
            any((path / name).is_file() for name in _MAPS)
            and next(files_below(path, ".png"), None) is not None
        )

    def read(self, path: Path, options: ReadOptions) -> Labels:
        root = path if path.is_dir() else path.parent
        files = [path] if path.is_file() else [file for file in files_below(path, ".png") if _is_class(file)]
        if not files:
            raise LabelsError(f"{path} has no PNG files.")
        colours = _colours(root)
        names = dict(enumerate(colours.values())) or options.names
        if not names:
            raise LabelsError(
                f"{path} does not say what its values are; name them with --categories, a list from value 0 "
                "on or a "
                "YAML file of values with names."
            )
        if len(names) > 1 and not colours:
            _check_values(files, names)
        labels = Labels(path.name, names)
        labels.notes.append(
            "Pixels of the value 0 without a name are background; 255 without a name is ignored."
        )
        labels.images = [
            LabelledImage(
                _names(file, root),
                partial(_labels, file, colours, names),
                _size(file),
                has_suffix=False,
                is_loose=True,
            )
            for file in files
        ]
        return labels


FORMATS.add("masks", Masks())


def _check_values(files: Sequence[Path], names: dict[int, str]) -> None:
    """Masks of yes and no hold nothing but 0 and 255, of which several names say nothing.

    Raises:
        LabelsError: so it is in the first of them.
    """
    if _IGNORED in names or 0 not in names:
        return
    first = files[:_LOOKED_AT]
    values = [set(np.unique(pixels).tolist()) for file in first if (pixels := _read(file, {})[0]).ndim == 2]
    if len(values) == len(first) and set().union(*values) == {0, _IGNORED}:
        raise LabelsError(
            f"{first[0].name} and all others that were looked at hold the values 0 and 255 only, and "
            f"{len(names)} names do not say what 255 is; name one category, or give a YAML file of values "
            "with names, such as 255: car."
        )


def _is_class(file: Path) -> bool:
    """VOC has masks of classes and of single objects side by side."""
    return "SegmentationObject" not in file.parts and not file.stem.endswith(("_instanceIds", "_color"))


def _names(file: Path, root: Path) -> tuple[str, ...]:
    stem = file.relative_to(root).as_posix()[: -len(".png")]
    plain = _ENDINGS.sub("", stem)
    without = plain.replace("SegmentationClass/", "", 1)
    return tuple(dict.fromkeys((plain, stem, without)))


def _colours(root: Path) -> dict[Colour, str]:
    """Names by colour: ``name:r,g,b::`` of CVAT and datumaro, ``r g b name`` of CamVid."""
    file = next((root / name for name in _MAPS if (root / name).is_file()), None)
    if file is None:
        return {}
    found: dict[Colour, str] = {}
    for index, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"line {index} of {file.name}"
        if ":" in line:
            name, colour = line.split(":")[:2]
            parts = colour.split(",")
        else:
            *parts, name = line.split(None, 3)
        if parts in ([""], []):
            continue  # a class without a colour of its own
        if len(parts) != 3 or not name.strip():
            raise LabelsError(f"{where} must be name:r,g,b:: or r g b name.")
        red, green, blue = (whole(part, "a colour", where) for part in parts)
        if other := found.get((red, green, blue)):
            raise LabelsError(f"{where}: '{name}' has the colour of '{other}'.")
        found[red, green, blue] = name.strip()
    return found


def _size(file: Path) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(file, formats=("PNG",)) as picture:
            size: tuple[int, int] = picture.size
    except (OSError, ValueError, SyntaxError) as error:
        raise LabelsError(f"{file.name} cannot be read as PNG ({error}).") from None
    if size[0] * size[1] > _MOST_PIXELS:
        raise LabelsError(f"{file.name} has {size[0]}×{size[1]} pixels, too many for a mask.")
    return size


def _read(file: Path, colours: dict[Colour, str]) -> tuple[NDArray[Any], bool, str]:
    """A picture's pixels, whether they are colours, and its mode."""
    from PIL import Image

    try:
        with Image.open(file, formats=("PNG",)) as picture:
            mode = picture.mode
            has_colours = mode in ("RGB", "RGBA") or (mode == "P" and bool(colours))
            pixels = np.asarray(picture.convert("RGB") if has_colours else picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise LabelsError(f"{file.name} cannot be read as PNG ({error}).") from None
    return pixels, has_colours, mode


def _labels(file: Path, colours: dict[Colour, str], names: dict[int, str]) -> Sequence[Label]:
    pixels, has_colours, mode = _read(file, colours)
    if has_colours:
        return _by_colour(pixels, colours, file)
    if pixels.ndim != 2:
        raise LabelsError(
            f"{file.name} has pixels of the mode {mode}; masks have one value or a colour each."
        )
    return _by_value(pixels.astype(np.int64), names, file)


def _by_value(pixels: NDArray[np.int64], names: dict[int, str], file: Path) -> Sequence[Label]:
    values = np.unique(pixels).tolist()
    is_binary = len(names) == 1 and set(values) <= {0, _IGNORED}
    found: list[Label] = []
    for value in values:
        if value not in names and value == _IGNORED and is_binary:
            category: int | str = next(iter(names.values()))
        elif value in names:
            category = names[value]
            if is_binary and value == 0:
                continue  # 0 and 255 of a single class are no and yes
        elif value in (0, _IGNORED):
            continue
        else:
            known = ", ".join(f"{number} {name}" for number, name in list(names.items())[:10])
            raise LabelsError(
                f"{file.name} has pixels of the value {value}, which is no category ({known}); a list of "
                "names counts "
                "from 0: where 0 is the background, name it first, or give a YAML file of values with names."
            )
        found.append(Label(category, mask=_mask(pixels == value), where=file.name))
    return found


def _by_colour(pixels: NDArray[np.uint8], colours: dict[Colour, str], file: Path) -> Sequence[Label]:
    if not colours:
        raise LabelsError(
            f"{file.name} is a picture in colours; a labelmap.txt beside it must say what they are."
        )
    keys = pixels.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    found: list[Label] = []
    for key in np.unique(keys).tolist():
        colour = (key >> 16, key >> 8 & 255, key & 255)
        if colour not in colours:
            if colour in ((0, 0, 0), (224, 224, 192)):  # the background, and VOC's border
                continue
            raise LabelsError(
                f"{file.name} has pixels of the colour {colour}, which labelmap.txt does not name."
            )
        found.append(Label(colours[colour], mask=_mask(keys == key), where=file.name))
    return found


def _mask(pixels: NDArray[np.bool_]) -> Mask:
    return Mask(pixels, size=(pixels.shape[1], pixels.shape[0]))
