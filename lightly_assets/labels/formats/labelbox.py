"""Labelbox's NDJSON export of images with boxes, parsed by labelformat (extra ``labels``).

labelformat knows boxes only and needs the names of all categories; what it would pass by in silence is
counted here, and images are known by the keys that people gave them.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import list_of, parse_json, read_text
from lightly_assets.labels.labelled import Label, LabelledImage, Labels, known
from lightly_assets.labels.reading import FORMATS, ReadOptions

_BOX = "ImageBoundingBox"


class Labelbox:
    """A file with a JSON object in each line, as the export of a project gives it."""

    first_frame = 1

    def recognises(self, path: Path) -> bool:
        if not path.is_file() or path.suffix.lower() not in (".ndjson", ".jsonl", ".json"):
            return False
        with path.open("rb") as file:
            start = file.read(1 << 16)
        return start.lstrip().startswith(b"{") and b'"data_row"' in start

    def read(self, path: Path, options: ReadOptions) -> Labels:  # noqa: ARG002
        try:
            from labelformat.formats.labelbox import FilenameKeyOption, LabelboxObjectDetectionInput
            from labelformat.types import ParseError
        except ModuleNotFoundError:
            raise LabelsError(
                "Labels of Labelbox need the package labelformat; install lightly-assets[labels]."
            ) from None
        labels = Labels(path.name)
        names: dict[str, tuple[str, ...]] = {}
        categories: Counter[str] = Counter()
        for where, row in _rows(path):
            names[str(row["data_row"]["id"])] = _names(row, where)
            for entry in _objects(row):
                categories[str(entry.get("name"))] += entry.get("annotation_kind") == _BOX
                if entry.get("annotation_kind") != _BOX:
                    labels.drop(f"that are {entry.get('annotation_kind')}, which is not read", where)
        if wrong := next((name for name in categories if "," in name), None):
            raise LabelsError(
                f"{path.name}: the category '{wrong}' has a comma, which labelformat cannot read."
            )
        given = ",".join(sorted(categories)) or "none"
        source = LabelboxObjectDetectionInput(path, given, FilenameKeyOption.ID)
        try:
            labels.images = [_image(found, names, path.name) for found in source.get_labels()]
        except (ParseError, KeyError, TypeError, ValueError, AttributeError) as error:
            said = " ".join(str(error.__cause__ or error).split()).rstrip(".")
            raise LabelsError(f"{path.name} cannot be read as Labelbox's export: {said[:300]}.") from None
        labels.names = dict(enumerate(sorted(name for name, boxes in categories.items() if boxes)))
        return labels


FORMATS.add("labelbox", Labelbox())


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, line in enumerate(read_text(path).splitlines(), 1):
        where = f"line {index} of {path.name}"
        row = parse_json(line, where)
        data = row.get("data_row") if isinstance(row, dict) else None
        if not isinstance(data, dict) or not data.get("id"):
            raise LabelsError(f"{where} has no data_row with an id.")
        yield where, row


def _names(row: dict[str, Any], where: str) -> tuple[str, ...]:
    data = row["data_row"]
    names = [data.get(key) for key in ("external_id", "global_key", "row_data")]
    found = tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))
    if not found:
        raise LabelsError(f"{where} has neither external_id nor global_key.")
    return found


def _objects(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    projects = row.get("projects")
    for project in projects.values() if isinstance(projects, dict) else ():
        for label in list_of(project.get("labels")) if isinstance(project, dict) else ():
            annotations = label.get("annotations") if isinstance(label, dict) else None
            objects = annotations.get("objects") if isinstance(annotations, dict) else None
            yield from (one for one in list_of(objects) if isinstance(one, dict))


def _image(found: Any, names: dict[str, tuple[str, ...]], file: str) -> LabelledImage:
    own = names[found.image.filename]
    labels = [
        Label(
            one.category.name,
            box=(one.box.xmin, one.box.ymin, one.box.xmax, one.box.ymax),
            where=f"'{own[0]}' of {file}",
        )
        for one in found.objects
    ]
    return LabelledImage(own, known(labels), (found.image.width, found.image.height))
