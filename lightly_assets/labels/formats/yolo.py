"""YOLO's text files: boxes, oriented boxes, polygons, poses, and folders of a class each.

Read are what ultralytics trains on and what it writes (``save_txt``), the darknet layout with ``train.txt``,
and plain folders of text files. Coordinates are shares of the image.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightly_assets.format.names.suffixes import IMAGE_SUFFIXES
from lightly_assets.format.schema import TaskType
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.category_counts import check_count
from lightly_assets.labels.files.text import (
    check_shares,
    files_below,
    load_yaml,
    names_in,
    names_of_yaml,
    number,
    read_text,
    share,
    whole,
)
from lightly_assets.labels.files.yolo_columns import Kind, kind_of
from lightly_assets.labels.labelled import Label, LabelledImage, Labels, known
from lightly_assets.labels.reading import FORMATS, ReadOptions
from lightly_assets.labels.report import counted

_NAME_FILES = ("classes.txt", "obj.names", "names.txt", "labels.txt")
_NO_LABELS = frozenset(
    {*_NAME_FILES, "train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt", "requirements.txt"}
)
_CONFIGS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_FRAME = re.compile(r"(?P<video>.+)_(?P<number>[0-9]+)")
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_VISIBILITIES = {0.0: 0.0, 1.0: 0.5, 2.0: 1.0}


class Yolo:
    """A ``data.yaml``, or a folder with one, with lists of images, with text files or with class folders."""

    first_frame = 1

    def recognises(self, path: Path) -> bool:
        if path.is_file():
            if path.suffix.lower() not in (".yaml", ".yml"):
                return False
            try:
                data = load_yaml(path)
            except LabelsError:
                return False
            return isinstance(data, dict) and "names" in data
        if _config(path) is not None or any(
            (path / name).is_file() for name in (*_NAME_FILES[:2], "obj.data")
        ):
            return True
        return any(_looks_like_a_line(file) for file in _first(files_below(path, ".txt")))

    def read(self, path: Path, options: ReadOptions) -> Labels:
        if path.is_file() and path.suffix.lower() not in (".yaml", ".yml"):
            raise LabelsError(f"{path} is a single file; name its folder, or the data set's data.yaml.")
        config = path if path.is_file() else _config(path)
        root = path if path.is_dir() else path.parent
        data = load_yaml(config) if config is not None else {}
        if not isinstance(data, dict):
            raise LabelsError(f"{config} must be a mapping with path, train, val and names.")
        names = _names(root, data, config) or options.names or {}
        check_count(root, data, config, names)
        if options.task_type is TaskType.CLASSIFICATION and not any(_label_files(root)):
            return _class_folders(root)
        labels = Labels(config.name if config is not None else root.name, names)
        layout, splits = _Layout(root, data), _splits(root, data)
        listed = layout.listed(splits)
        if note := layout.left_over(listed, splits, labels.file):
            labels.notes.append(note)
        files = [one.file for one in listed if one.file is not None]
        if not files:
            raise LabelsError(
                f"{path} has no text file with labels beside its images; for folders of a class each say "
                "--task-type classification (task_type: classification)."
            )
        kind = kind_of(files, data.get("kpt_shape"), options.task_type)
        if kind.has_track and not kind.has_score:
            labels.notes.append(
                "Column 6 holds whole numbers, which are taken for tracks: labels have no score. Percentages "
                "must be divided by 100."
            )
        labels.images = [_image(one, kind) for one in listed]
        return labels


FORMATS.add("yolo", Yolo())


def _config(folder: Path) -> Path | None:
    return next((folder / name for name in _CONFIGS if (folder / name).is_file()), None)


def _first(files: Iterator[Path], most: int = 3) -> Iterator[Path]:
    for _, file in zip(
        range(most), (one for one in files if one.name.lower() not in _NO_LABELS), strict=False
    ):
        yield file


def _looks_like_a_line(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            parts = opened.readline(1 << 16).split()
        return len(parts) >= 5 and int(parts[0]) >= 0 and all(-1 <= float(one) <= 2 for one in parts[1:5])
    except (OSError, ValueError):
        return False


def _names(root: Path, data: dict[str, Any], config: Path | None) -> dict[int, str]:
    if "names" in data and config is not None:
        return names_in(data, config.name)
    for name in _NAME_FILES:
        if (root / name).is_file():
            return names_of_yaml(root / name)
    return {}


def _label_files(root: Path) -> Iterator[Path]:
    return (file for file in files_below(root, ".txt") if file.name.lower() not in _NO_LABELS)


@dataclass(frozen=True, slots=True)
class _Listed:
    """An image of the data set."""

    names: tuple[str, ...]
    file: Path | None
    """Its labels; None where it has none, which means that it has no object."""
    has_suffix: bool = True


class _Layout:
    """Which text file belongs to which image."""

    def __init__(self, root: Path, data: dict[str, Any]) -> None:
        base = root / str(data.get("path") or ".")
        self.base = base if base.is_dir() and base.resolve().is_relative_to(root.resolve()) else root
        self.files = {file.relative_to(self.base).as_posix(): file for file in _label_files(self.base)}

    def listed(self, splits: Sequence[str]) -> list[_Listed]:
        """The images of the splits; all text files where the splits lead to none."""
        found: dict[str, _Listed] = {}
        for split in splits:
            for image in self._images(split):
                name = image.replace("\\", "/").removeprefix("./")
                found.setdefault(name, _Listed((name, *_without_folder(name, "images")), self.file_of(name)))
        if any(one.file for one in found.values()):
            return list(found.values())
        taken = [_Listed(_names_of(name), file, has_suffix=False) for name, file in self.files.items()]
        pictures = {_stem(name) for name in found}
        labelled = {name for one in taken for name in one.names}
        return taken + [_Listed((name,), None, False) for name in sorted(pictures - labelled)]

    def left_over(self, listed: Sequence[_Listed], splits: Sequence[str], file: str) -> str:
        """What to tell of text files that are of no listed image.

        Raises:
            LabelsError: they may be those of a split that is not where the data set says.
        """
        used = {one.file for one in listed}
        others = [name for name, path in self.files.items() if path not in used]
        if not others:
            return ""
        of = f"labels of no listed image, such as '{others[0]}'"
        if missing := [split for split in splits if not (self.base / split).exists()]:
            raise LabelsError(
                f"{file} names '{missing[0]}', which is not there, and {self.base.name} has {of}; correct "
                "the path of the split, or remove these labels."
            )
        return f"Left out: {of} ({counted(len(others), 'file')})."

    def file_of(self, image: str) -> Path | None:
        """The text file of an image, wherever the data set lay when its list was written."""
        stem = _stem(image)
        before, found, after = f"/{stem}".rpartition("/images/")
        candidates = [f"{before}/labels/{after}".lstrip("/")] if found else []
        for candidate in (*candidates, stem):
            parts = candidate.split("/")
            for start in range(len(parts)):
                file = self.files.get("/".join(parts[start:]) + ".txt")
                # Only a folder of its own may be left off, not the one that tells train and val apart.
                if file is not None and (start == 0 or _may_drop(parts[:start], parts[start:])):
                    return file
        return None

    def _images(self, split: str) -> Iterator[str]:
        place = self.base / split
        if not place.exists():
            return
        if not place.resolve().is_relative_to(self.base.resolve()):
            raise LabelsError(f"The split {split} lies outside of the data set {self.base}.")
        if place.is_file():
            yield from (line.strip() for line in read_text(place).splitlines() if line.strip())
            return
        for path in sorted(place.rglob("*")):
            if path.suffix.lower().removeprefix(".") in IMAGE_SUFFIXES and path.is_file():
                yield path.relative_to(self.base).as_posix()


def _may_drop(dropped: Sequence[str], kept: Sequence[str]) -> bool:
    return len(kept) > 1 or len(dropped) <= 1


def _stem(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and suffix.lower() in IMAGE_SUFFIXES else name


def _without_folder(name: str, folder: str) -> tuple[str, ...]:
    """The name without the last folder that is called so; none where there is none."""
    before, found, after = f"/{name}".rpartition(f"/{folder}/")
    return (f"{before}/{after}".lstrip("/"),) if found else ()


def _names_of(file: str) -> tuple[str, ...]:
    """What the image of a text file may be called, without its suffix."""
    stem = file.removesuffix(file[-4:])
    before, found, after = f"/{stem}".rpartition("/labels/")
    if not found:
        return (stem,)
    return f"{before}/images/{after}".lstrip("/"), f"{before}/{after}".lstrip("/")


def _splits(root: Path, data: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for key in ("train", "val", "valid", "test"):
        entry = data.get(key)
        for one in entry if isinstance(entry, list) else [entry]:
            # Roboflow writes ../train/images, which means train/images.
            found += [re.sub(r"^(\.\./)+", "", str(one))] if one else []
    if not found:
        found = [
            name for name in ("train.txt", "valid.txt", "val.txt", "test.txt") if (root / name).is_file()
        ]
    return found or ["images"]


def _image(listed: _Listed, kind: Kind) -> LabelledImage:
    file = listed.file

    def read() -> Sequence[Label]:
        return () if file is None else list(_lines(file, kind))

    base = listed.names[0].rpartition("/")[2]
    match = _FRAME.fullmatch(_stem(base))
    frame = (match["video"], int(match["number"])) if match else None
    return LabelledImage(
        listed.names, read, shares=True, has_suffix=listed.has_suffix, is_loose=True, frame=frame
    )


def _lines(file: Path, kind: Kind) -> Iterator[Label]:
    for index, line in enumerate(read_text(file).splitlines(), 1):
        where = f"line {index} of {file.name}"
        if kind.shape == "class":
            top, _, name = line.strip().partition(" ")
            if name:
                yield Label(name.strip(), score=share(top, "the score", where), where=where)
                return  # the most likely class comes first
            continue
        parts = line.split()
        if parts:
            yield _label(parts, kind, where)


def _label(parts: Sequence[str], kind: Kind, where: str) -> Label:
    category = whole(parts[0], "the class", where)
    if category < 0:
        raise LabelsError(f"{where}: the class is {category}; classes count from 0.")
    values = [number(part, f"column {column}", where) for column, part in enumerate(parts[1:], 2)]
    score = None
    if kind.has_track and len(values) > (5 if kind.has_score else 4):
        values.pop()
    if kind.has_score and (kind.shape != "box" or len(values) == 5):
        score = share(values.pop(), "the score", where)
    if kind.shape == "keypoints":
        return _person(category, values, kind, score, where)
    if kind.shape == "box" or len(values) == 4:
        check_shares(values, where)
        return Label(category, box=_box(values), score=score, where=where)
    if len(values) < 6 or len(values) % 2:
        raise LabelsError(f"{where}: a polygon has {len(values)} coordinates; it needs three or more pairs.")
    check_shares(values, where)
    if kind.shape == "corners":
        return Label(category, corners=tuple(values), polygons=(tuple(values),), score=score, where=where)
    return Label(category, polygons=(tuple(values),), score=score, where=where)


def _box(values: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _person(category: int, values: Sequence[float], kind: Kind, score: float | None, where: str) -> Label:
    points = values[4:]
    check_shares(values[:4], where)
    flat: list[float] = []
    thirds = points[2::3] if kind.dimensions == 3 else []
    # Labels have visibilities, results have scores; a 2 is no score.
    is_label = (score is None or 2 in thirds) and all(one in _VISIBILITIES for one in thirds)
    for start in range(0, len(points), kind.dimensions):
        x, y = points[start : start + 2]
        if kind.dimensions == 3:
            third = points[start + 2]
            seen = _VISIBILITIES[third] if is_label else share(third, "the score of a point", where)
        else:
            # Without visibilities, ultralytics writes points that are not there as 0, 0.
            seen = 0.0 if x == 0 and y == 0 else 1.0
        flat += [x, y, seen]
    return Label(category, box=_box(values[:4]), keypoints=tuple(flat), score=score, where=where)


def _class_folders(root: Path) -> Labels:
    """``train/cat/a.jpg``: the folder of an image is its class."""
    images = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower().removeprefix(".") in IMAGE_SUFFIXES and path.is_file() and path.parent != root
    ]
    if not images:
        raise LabelsError(f"{root} has no folders with images; classes are folders, such as train/cat/a.jpg.")
    for path in images:
        _need_class_folder(path.relative_to(root).parts[:-1], root)
    names = dict(enumerate(sorted({path.parent.name for path in images})))
    labels = Labels(root.name, names)
    labels.images = [_of_folder(root, path) for path in images]
    return labels


def _need_class_folder(folders: Sequence[str], root: Path) -> None:
    """Readers of such data sets take the first folder below a split, or below the root, as the class.

    Raises:
        LabelsError: the image is in a folder of its class, which nothing tells apart from the class.
    """
    inner = folders[1:] if folders[0].lower() in _SPLITS and len(folders) > 1 else folders
    if len(inner) > 1:
        raise LabelsError(
            f"{root} has images in '{'/'.join(folders)}', and it is not sure whether '{inner[0]}' or "
            f"'{inner[-1]}' is their class; put images directly into the folder of their class, and name the "
            "folder above these."
        )


def _of_folder(root: Path, path: Path) -> LabelledImage:
    name, category = path.relative_to(root).as_posix(), path.parent.name
    folder = path.parent.parent.relative_to(root).as_posix()
    without = path.name if folder == "." else f"{folder}/{path.name}"
    label = Label(category, where=name)
    return LabelledImage((name, without), known([label]), is_loose=True)
