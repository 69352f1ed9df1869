"""KITTI: a text file for each image (15 columns, 16 with a score), or for each video (17 or 18 columns)."""

from collections.abc import Callable
from pathlib import Path

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import files_below, number, read_text, share, whole
from lightly_assets.labels.labelled import Label, LabelledImage, LabelledVideo, Labels, known
from lightly_assets.labels.reading import FORMATS, ReadOptions


class Kitti:
    """A folder with text files, ``label_2/000001.txt`` for images and ``label_02/0001.txt`` for videos."""

    first_frame = 0

    def recognises(self, path: Path) -> bool:
        files = [path] if path.is_file() else list(files_below(path, ".txt"))[:5]
        return any(_columns(file) in (15, 16, 17, 18) for file in files)

    def read(self, path: Path, options: ReadOptions) -> Labels:  # noqa: ARG002
        files = [path] if path.is_file() else list(files_below(path, ".txt"))
        root = path if path.is_dir() else path.parent
        labels = Labels(path.name)
        images: list[LabelledImage] = []
        videos: list[LabelledVideo] = []
        for file in files:
            stem = file.relative_to(root).as_posix()[: -len(".txt")]
            columns = _columns(file)
            if columns not in (0, 15, 16, 17, 18):
                labels.notes.append(
                    f"{stem}.txt has {columns} columns, so it is no file of KITTI; it is left out."
                )
                continue
            rows = _rows(file, stem, labels)
            if columns >= 17:
                singles: dict[int, list[Label]] = {}
                for frame, label in rows:
                    singles.setdefault(frame, []).extend([label] if label else [])
                videos.append(LabelledVideo((stem, file.stem), singles, image_of=_image_of(file.stem)))
            else:
                found = [label for _, label in rows if label is not None]
                images.append(LabelledImage(_names(stem), known(found), has_suffix=False, is_loose=True))
        if not images and not videos:
            raise LabelsError(f"{path} has no text files with 15 to 18 columns, as KITTI has them.")
        labels.images, labels.videos = images, videos
        return labels


FORMATS.add("kitti", Kitti())


def _names(stem: str) -> tuple[str, ...]:
    """Labels lie in ``label_2``, their images in ``image_2``."""
    swapped = f"/{stem}".replace("/label_", "/image_").lstrip("/")
    bare = stem.rpartition("/")[2]
    return tuple(dict.fromkeys((stem, swapped, bare)))


def _image_of(stem: str) -> Callable[[int], str]:
    return lambda number: f"{stem}/{number:06d}"


def _columns(file: Path) -> int:
    """How many columns the first line has; 0 of an empty file, which is an image without objects."""
    try:
        with file.open("rb") as opened:
            parts = opened.readline(1 << 12).split()
    except OSError:
        return -1
    if not parts:
        return 0
    try:
        offset = 2 if len(parts) in (17, 18) else 0
        [float(part) for part in parts[offset + 1 :]]
    except ValueError:
        return -1
    return len(parts)


def _rows(file: Path, stem: str, labels: Labels) -> list[tuple[int, Label | None]]:
    found: list[tuple[int, Label | None]] = []
    for index, line in enumerate(read_text(file).splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        where = f"line {index} of {stem}.txt"
        frame = 0
        if len(parts) in (17, 18):
            frame, parts = whole(parts[0], "the frame", where), parts[2:]
        if len(parts) not in (15, 16):
            raise LabelsError(f"{where} has {len(parts)} columns; it must have 15, or 16 with a score.")
        if parts[0] == "DontCare":
            labels.drop("that are DontCare", where)
            found.append((frame, None))
            continue
        x1, y1, x2, y2 = (number(part, "the box", where) for part in parts[4:8])
        score = _score(parts[15], where) if len(parts) == 16 else None
        found.append((frame, Label(parts[0], box=(x1, y1, x2, y2), score=score, where=where)))
    return found


def _score(text: str, where: str) -> float:
    try:
        return share(text, "the score", where)
    except LabelsError as error:
        raise LabelsError(
            f"{str(error).rstrip('.')}: KITTI allows any number, a prediction does not; bring scores into "
            "that range."
        ) from None
