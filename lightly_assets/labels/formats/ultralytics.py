"""The ``predictions.json`` that ultralytics writes when it validates: a list of results without images.

An image is known by its file's stem, which becomes a number where it looks like one ("0001.jpg" is 1). Class
ids count from 1, also of data sets that are not COCO.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lightly_assets.format import rle
from lightly_assets.format.coco.masks import from_coco
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import number, read_json, share, starts_like_json, whole
from lightly_assets.labels.labelled import Label, LabelledImage, Labels, Mask
from lightly_assets.labels.reading import FORMATS, ReadOptions

# Of COCO's 80 classes in their order; up to 11 they are what numbering on from 1 gives.
_SAME_IDS = 11
_COCO_IDS = [number for number in range(1, 91) if number not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]


class Ultralytics:
    """A JSON file with a list of results."""

    first_frame = 1

    def recognises(self, path: Path) -> bool:
        if not path.is_file() or path.suffix.lower() != ".json":
            return False
        start = starts_like_json(path)
        return start.startswith("[") and '"image_id"' in start and '"category_id"' in start

    def read(self, path: Path, options: ReadOptions) -> Labels:
        data = read_json(path)
        if not isinstance(data, list):
            raise LabelsError(f"{path.name} is no list of results.")
        images: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for index, entry in enumerate(data):
            images.setdefault(_image_of(entry, f"entry {index} of {path.name}"), []).append((index, entry))
        used = {
            whole(entry["category_id"], "category_id", f"entry {index} of {path.name}")
            for rows in images.values()
            for index, entry in rows
        }
        names = _from_one(options.names, used, path.name)
        labels = Labels(path.name, names)
        if names:
            labels.notes.append(
                "Ids of categories are taken to count from 1, as ultralytics writes them: "
                + ", ".join(f"{one} is '{names[one]}'" for one in sorted(used)[:3])
                + "."
            )
        labels.images = [_image(name, rows, path.name) for name, rows in images.items()]
        return labels


FORMATS.add("ultralytics", Ultralytics())


def _image_of(entry: Any, where: str) -> str:
    if not isinstance(entry, dict) or "category_id" not in entry:
        raise LabelsError(f"{where} is no result with image_id, category_id and score.")
    image_id = entry.get("image_id")
    if isinstance(entry.get("file_name"), str) and entry["file_name"]:
        return str(entry["file_name"])
    if isinstance(image_id, str) and image_id:
        return image_id
    raise LabelsError(
        f"{where} has the image_id {image_id!r} and no file_name, so its image is not known; newer versions "
        "of "
        "ultralytics write file_name."
    )


def _from_one(names: dict[int, str] | None, used: set[int], file: str) -> dict[int, str]:
    """The names by the ids of the file, which count from 1."""
    if names is None:
        return {}
    if 0 in used:
        raise LabelsError(
            f"{file} has the category_id 0; ultralytics counts from 1, so it was made otherwise."
        )
    _check_coco(names, used, file)
    moved = {number + 1: name for number, name in names.items()}
    if unknown := sorted(one for one in used if one not in moved):
        raise LabelsError(
            f"{file} has the category_id {unknown[0]}, but there are {len(names)} names, which are the ids "
            f"{min(moved)} to {max(moved)}; of COCO's 80 classes the ids go to 90, in a file for import-coco."
        )
    return moved


def _check_coco(names: dict[int, str], used: set[int], file: str) -> None:
    """On COCO itself the ids are COCO's own, with gaps; on other data its 80 classes are numbered on.

    Raises:
        LabelsError: the ids in the file may be either.
    """
    is_coco = len(names) == len(_COCO_IDS) and (names.get(0), names.get(79)) == ("person", "toothbrush")
    most = max(used, default=0)
    may_be = used <= set(_COCO_IDS) and used <= set(range(1, 81))
    if is_coco and may_be and most > _SAME_IDS:
        raise LabelsError(
            f"{file} has the category_id {most}, which is '{names[most - 1]}' where ids go from 1 to 80, and "
            f"'{names[_COCO_IDS.index(most)]}' where they are COCO's own, up to 90, and nothing says which; "
            "read COCO's own with import-coco --images, else name with --categories only the categories that "
            "results have: a YAML file of numbers from 0."
        )


def _image(name: str, rows: Sequence[tuple[int, dict[str, Any]]], file: str) -> LabelledImage:
    def read() -> Sequence[Label]:
        return [_label(entry, f"entry {index} of {file}") for index, entry in rows]

    return LabelledImage((name,), read, has_suffix="." in name)


def _label(entry: dict[str, Any], where: str) -> Label:
    category = whole(entry["category_id"], "category_id", where)
    score = share(entry.get("score", 1.0), "score", where)
    corners = keypoints = mask = box = None
    if "poly" in entry:
        corners = _numbers(entry["poly"], 8, "poly", where)
    elif "rbox" in entry:
        raise LabelsError(f"{where} has rbox but no poly, its corners.")
    if "bbox" in entry:
        x, y, width, height = _numbers(entry["bbox"], 4, "bbox", where)
        box = (x, y, x + width, y + height)
    if entry.get("keypoints") is not None:
        keypoints = _numbers(entry["keypoints"], None, "keypoints", where)
        if len(keypoints) % 3:
            raise LabelsError(f"{where}: keypoints are {len(keypoints)} numbers; they must be x, y, score.")
    if entry.get("segmentation") is not None:
        mask = _mask(entry["segmentation"], where)
    polygons = () if corners is None else (corners,)
    return Label(
        category,
        box,
        corners=corners,
        polygons=polygons,
        mask=mask,
        keypoints=keypoints,
        score=score,
        where=where,
    )


def _numbers(values: Any, count: int | None, what: str, where: str) -> Any:
    if not isinstance(values, list) or (count is not None and len(values) != count):
        raise LabelsError(
            f"{where}: {what} is {values!r}; it must be a list of {count or 'x, y, score'} numbers."
        )
    return tuple(number(value, what, where) for value in values)


def _mask(value: Any, where: str) -> Mask:
    size = value.get("size") if isinstance(value, dict) else None
    if not isinstance(size, list) or len(size) != 2:
        raise LabelsError(f"{where}: segmentation must be a mask with size and counts.")
    height, width = whole(size[0], "size", where), whole(size[1], "size", where)
    try:
        counts = from_coco(value, height, width)
    except ValueError as error:
        raise LabelsError(f"{where}: {error}") from None
    return Mask(rle.decode(counts, height, width).astype(np.bool_), size=(width, height))
