"""YouTube-VIS: a JSON file with videos, and for each object a mask and a box in every frame."""

import re
from pathlib import Path
from typing import Any

from lightly_assets.format import rle
from lightly_assets.format.coco.masks import from_coco
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import number, read_json, share, starts_like_json, whole
from lightly_assets.labels.labelled import Label, LabelledImage, Labels, Mask, Size, known
from lightly_assets.labels.reading import FORMATS, ReadOptions

_NUMBER = re.compile(r"(?P<video>.+)/[^/]*?(?P<number>[0-9]+)")


class YouTubeVis:
    """A JSON file with videos, annotations and categories."""

    first_frame = 0

    def recognises(self, path: Path) -> bool:
        if not path.is_file() or path.suffix.lower() != ".json" or not starts_like_json(path).startswith("{"):
            return False
        with path.open("rb") as file:
            start = file.read(1 << 20)
        # COCO files of videos list these, too; their images have names of their own.
        return b'"file_names"' in start or (b'"videos"' in start and b'"file_name"' not in start)

    def read(self, path: Path, options: ReadOptions) -> Labels:  # noqa: ARG002
        data = read_json(path)
        labels = Labels(path.name)
        for entry in _list(data, "categories", path.name):
            where = f"a category of {path.name}"
            if not isinstance(entry.get("name"), str) or not entry["name"]:
                raise LabelsError(f"{where} has the name {entry.get('name')!r}; it must be a text.")
            number = whole(entry.get("id"), "id", where)
            if number in labels.names:
                raise LabelsError(
                    f"{path.name}: the categories '{labels.names[number]}' and '{entry['name']}' have the id "
                    f"{number}; each needs its own."
                )
            labels.names[number] = entry["name"]
        videos: dict[int | str, dict[str, Any]] = {}
        for entry in _list(data, "videos", path.name):
            key = _id(entry, "id", path.name)
            if key in videos:
                raise LabelsError(f"{path.name}: two videos have the id {key!r}; each needs its own.")
            videos[key] = entry
        found: dict[Any, list[list[Label]]] = {
            key: [[] for _ in _files(one, path.name)] for key, one in videos.items()
        }
        for index, annotation in enumerate(_list(data, "annotations", path.name)):
            where = f"annotations[{index}] of {path.name}"
            video = _id(annotation, "video_id", where)
            if video not in videos:
                raise LabelsError(f"{where}: no video has the id {video!r}.")
            _add(annotation, videos[video], found[video], where)
        labels.images = [
            _frame(name, frame, video)
            for key, video in videos.items()
            for name, frame in zip(_files(video, path.name), found[key], strict=True)
        ]
        return labels


FORMATS.add("youtube-vis", YouTubeVis())


def _list(data: Any, key: str, file: str) -> list[dict[str, Any]]:
    values = data.get(key) if isinstance(data, dict) else None
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise LabelsError(f"{file} has no list '{key}' of objects, which YouTube-VIS has.")
    return values


def _id(entry: dict[str, Any], key: str, where: str) -> int | str:
    value = entry.get(key)
    if not isinstance(value, int | str):
        raise LabelsError(f"{where}: {key} is {value!r}; it must be a number or a text.")
    return value


def _files(video: dict[str, Any], file: str) -> list[str]:
    names = video.get("file_names")
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise LabelsError(
            f"{file}: the video {video.get('id')!r} has no list of file_names, which YouTube-VIS has; if its "
            "images have file names of their own it is COCO: say --format coco (format: coco)."
        )
    return names


def _size(video: dict[str, Any]) -> Size | None:
    width, height = video.get("width"), video.get("height")
    if type(width) is int and type(height) is int and width > 0 and height > 0:
        return width, height
    return None


def _frame(name: str, labels: list[Label], video: dict[str, Any]) -> LabelledImage:
    match = _NUMBER.fullmatch(name.rpartition(".")[0])
    frame = (match["video"], int(match["number"])) if match else None
    return LabelledImage((name,), known(labels), _size(video), frame=frame)


def _add(annotation: dict[str, Any], video: dict[str, Any], frames: list[list[Label]], where: str) -> None:
    """One object in every frame where it has a mask or a box."""
    category = whole(annotation.get("category_id"), "category_id", where)
    boxes, masks = (annotation.get(key) or [None] * len(frames) for key in ("bboxes", "segmentations"))
    for what, values in (("bboxes", boxes), ("segmentations", masks)):
        if not isinstance(values, list) or len(values) != len(frames):
            raise LabelsError(
                f"{where}: there are {len(frames)} frames, so {what} must be a list of as many."
            )
    scores = annotation.get("scores") or [annotation.get("score")] * len(frames)
    if not isinstance(scores, list) or len(scores) != len(frames):
        raise LabelsError(f"{where}: there are {len(frames)} frames, so scores must be a list of as many.")
    for place, (box, mask) in enumerate(zip(boxes, masks, strict=True)):
        if _is_absent(box, mask):
            continue
        here = f"frame {place} of {where}"
        score = None if scores[place] is None else share(scores[place], "score", here)
        polygons, pixels = _shape(mask, video, here)
        corners = _box(box, here)
        frames[place].append(
            Label(category, corners, polygons=polygons, mask=pixels, score=score, where=here)
        )


def _is_absent(box: Any, mask: Any) -> bool:
    """Whether an object is not in a frame: null, or an empty outline and a box of no size."""
    no_mask = mask is None or (isinstance(mask, list) and not any(mask))
    return no_mask and (box is None or box == [] or (isinstance(box, list) and box[2:] == [0, 0]))


def _box(box: Any, where: str) -> tuple[float, float, float, float] | None:
    if box is None:
        return None
    if not isinstance(box, list) or len(box) != 4:
        raise LabelsError(f"{where}: bbox is {box!r}; it must be [x, y, width, height].")
    x, y, width, height = (number(value, "bbox", where) for value in box)
    return x, y, x + width, y + height


def _shape(mask: Any, video: dict[str, Any], where: str) -> tuple[tuple[tuple[float, ...], ...], Mask | None]:
    """Polygons, or the pixels of run lengths."""
    if mask is None:
        return (), None
    if isinstance(mask, list):
        if not all(isinstance(part, list) for part in mask):
            raise LabelsError(f"{where}: a segmentation must be polygons or run lengths.")
        return tuple(tuple(number(value, "a coordinate", where) for value in part) for part in mask), None
    size = _size(video)
    if size is None:
        raise LabelsError(f"{where}: the video has no width and height, which masks need.")
    try:
        counts = from_coco(mask, size[1], size[0])
    except ValueError as error:
        raise LabelsError(f"{where}: {error}") from None
    return (), Mask(rle.decode(counts, size[1], size[0]).astype(bool), size=size)
