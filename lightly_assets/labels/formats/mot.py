"""MOT Challenge: a text file for each sequence, ``gt/gt.txt``, ``det/det.txt`` or a tracker's results."""

import configparser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import files_below, names_of_lines, number, read_text, whole
from lightly_assets.labels.labelled import Label, LabelledVideo, Labels, Size
from lightly_assets.labels.reading import FORMATS, ReadOptions

# Of MOT16, MOT17 and MOT20.
_CLASSES = (
    "pedestrian",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non motorized vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
    "crowd",
)
_OBJECT = "object"
_FILES = ("gt.txt", "det.txt")
_NO_SEQUENCES = ("labels.txt", "seqmap.txt", "readme.txt")


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the columns behind the box hold, which all rows of a file say together."""

    is_truth: bool
    """Whether column 7 says if a row counts, and is no confidence."""
    counts: bool
    """Whether it says so although it is not called the truth: 0 and 1, and nothing else, as VisDrone has."""
    are_places: bool
    """Whether columns 8 to 10 are a place in the world, as MOT15 has, and no class."""


class Mot:
    """A text file, a sequence's folder, or a folder of sequences."""

    first_frame = 1

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return any(file.name in _FILES for file in files_below(path, ".txt"))
        return path.suffix.lower() == ".txt" and _is_row(path)

    def read(self, path: Path, options: ReadOptions) -> Labels:
        files = [path] if path.is_file() else _files(path)
        labels = Labels(path.name)
        videos = [_sequence(file, options, labels) for file in files]
        if not videos:
            raise LabelsError(f"{path} has no gt/gt.txt, det/det.txt and no other text files of sequences.")
        labels.videos = videos
        return labels


FORMATS.add("mot", Mot())


def _files(folder: Path) -> list[Path]:
    """The files of a folder: the truth where there is one, else detections, else all text files."""
    found = [file for file in files_below(folder, ".txt") if file.name not in _NO_SEQUENCES]
    truth = [file for file in found if file.name == "gt.txt"]
    return truth or [file for file in found if file.name == "det.txt"] or found


def _is_row(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            parts = file.readline(1 << 12).split(b",")
        return 7 <= len(parts) <= 10 and all(float(part) == float(part) for part in parts)
    except (OSError, ValueError):
        return False


def _sequence(file: Path, options: ReadOptions, labels: Labels) -> LabelledVideo:
    inside = file.parent.name in ("gt", "det")
    folder = file.parent.parent if inside else file.parent
    info = _info(folder / "seqinfo.ini") if inside else {}
    name = info.get("name") or (folder.name if inside else file.stem)
    names = _names(file, is_truth=file.name == "gt.txt") or options.names or {}
    for number_, text in names.items():
        labels.names.setdefault(number_, text)
    singles: dict[int, list[Label]] = {}
    classes, are_classes = 0, False
    lines = [
        (index, line.split(",")) for index, line in enumerate(read_text(file).splitlines(), 1) if line.strip()
    ]
    columns = _columns([parts for _, parts in lines], is_truth=file.name == "gt.txt")
    for index, parts in lines:
        where = f"line {index} of {name}/{file.name}" if inside else f"line {index} of {file.name}"
        frame, label = _row(parts, options, names, where, labels, columns)
        rows = singles.setdefault(frame, [])
        if label is not None:
            rows.append(label)
            classes += label.category == _OBJECT and len(parts) > 7 and parts[7].strip().isdigit()
            are_classes = are_classes or parts[7:8] not in ([], ["0"])
    if are_classes and classes and classes == sum(map(len, singles.values())):
        raise LabelsError(
            f"{file} has a class in column 8 of all {classes:,} rows, as VisDrone has, and nothing names "
            "them; say with --categories (the task's categories) what they are: a YAML file of numbers with "
            "names, or one name for all."
        )
    images, suffix = info.get("imdir", "img1"), info.get("imext", "")
    digits = 6
    length = (
        whole(info["seqlength"], "seqLength", str(folder / "seqinfo.ini")) if "seqlength" in info else None
    )
    return LabelledVideo(
        (name, folder.name) if inside else (name,),
        singles,
        size=_size(info, str(file)),
        length=length,
        image_of=lambda number: f"{folder.name}/{images}/{number:0{digits}d}{suffix}",
    )


def _columns(rows: Sequence[Sequence[str]], *, is_truth: bool) -> _Columns:
    """What all rows say; what is wrong with one of them is told where it is read."""
    ten = [[part.strip() for part in row[6:]] for row in rows if len(row) == 10]
    marks = {row[0] for row in ten}
    places = [part for row in ten for part in row[1:]]
    return _Columns(
        is_truth,
        counts=len(ten) == len(rows) and marks == {"0", "1"} and all(row[1].isdigit() for row in ten),
        are_places=any(not part.lstrip("-").isdigit() for part in places),
    )


def _names(file: Path, *, is_truth: bool) -> dict[int, str]:
    """What CVAT and datumaro write beside it; else the benchmark's own, which only its truth has."""
    beside = file.parent / "labels.txt"
    if beside.is_file():
        return dict(enumerate(names_of_lines(read_text(beside), beside.name), 1))
    return dict(enumerate(_CLASSES, 1)) if is_truth else {}


def _info(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path))
    except configparser.Error as error:
        raise LabelsError(f"{path} is no INI file: {' '.join(str(error).split())}.") from None
    return dict(parser["Sequence"]) if parser.has_section("Sequence") else {}


def _size(info: dict[str, str], where: str) -> Size | None:
    if "imwidth" not in info or "imheight" not in info:
        return None
    return whole(info["imwidth"], "imWidth", where), whole(info["imheight"], "imHeight", where)


def _row(
    parts: list[str],
    options: ReadOptions,
    names: dict[int, str],
    where: str,
    labels: Labels,
    columns: _Columns,
) -> tuple[int, Label | None]:
    if not 6 <= len(parts) <= 10:
        raise LabelsError(
            f"{where} has {len(parts)} columns; it must have frame, id, x, y, width, height, confidence and "
            "more."
        )
    frame = whole(parts[0], "the frame", where)
    x, y, width, height = (number(part, "the box", where) for part in parts[2:6])
    first = options.pixel_origin or 0
    confidence = number(parts[6], "the confidence", where) if len(parts) > 6 else 1.0
    box = (x - first, y - first, x - first + width, y - first + height)
    category: str | int = _OBJECT
    has_class = len(parts) > 7 and not columns.are_places
    if confidence == 0 and (columns.is_truth or columns.counts):
        labels.drop("that do not count (column 7 is 0)", where)
        return frame, None
    if columns.is_truth:
        category = whole(parts[7], "the class", where) if has_class else 1
        category = category if category > 0 else 1
        return frame, Label(category, box=box, where=where)
    if options.names is not None and len(options.names) == 1:
        category = next(iter(options.names.values()))
    elif names:
        category = whole(parts[7], "the class", where) if has_class else -1
        if category == -1:
            what = "columns 8 to 10 are a place" if columns.are_places else "column 8 is -1"
            raise LabelsError(f"{where} has no class ({what}), but there are {len(names)} categories.")
    # Trackers write -1 where they have no confidence, and some detectors any number.
    if confidence != -1 and not 0 <= confidence <= 1:
        raise LabelsError(
            f"{where}: the confidence is {confidence:g}; it must be in [0, 1]: bring scores of another "
            "range into it."
        )
    return frame, Label(category, box=box, score=None if confidence == -1 else confidence, where=where)
