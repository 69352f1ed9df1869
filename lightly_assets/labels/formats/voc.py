"""Pascal VOC: an XML file for each image, with boxes."""

from pathlib import Path
from xml.etree.ElementTree import Element

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import files_below, number, share, whole
from lightly_assets.labels.files.xml import elements, root_tag, text_of
from lightly_assets.labels.labelled import Label, LabelledImage, Labels, Size, known
from lightly_assets.labels.reading import FORMATS, ReadOptions

_POLYGONS = "Objects have polygons, which are not read: the boxes around them are."
# Of other tools that write files like these.
_OTHER_SHAPES = ("robndbox", "polygon")


class Voc:
    """A file, or a folder with such files anywhere below it (``Annotations/*.xml``)."""

    first_frame = 0

    def recognises(self, path: Path) -> bool:
        if path.is_file():
            return root_tag(path) == "annotation"
        found = next(files_below(path, ".xml"), None)
        return found is not None and root_tag(found) == "annotation"

    def read(self, path: Path, options: ReadOptions) -> Labels:
        files = [path] if path.is_file() else list(files_below(path, ".xml"))
        labels = Labels(path.name)
        root = path if path.is_dir() else path.parent
        found = [
            image for file in files if (image := _image(file, root, options.pixel_origin, labels)) is not None
        ]
        if not found:
            raise LabelsError(f"{path} has no XML files of annotations as Pascal VOC has them.")
        labels.images = found
        return labels


FORMATS.add("voc", Voc())


def _image(file: Path, root: Path, origin: int | None, labels: Labels) -> LabelledImage | None:
    if root_tag(file) != "annotation":
        labels.notes.append(f"{file.name} is no file of Pascal VOC and is left out.")
        return None
    parts = list(elements(file))
    by_tag = {part.tag: part for part in parts}
    name = _text(by_tag.get("filename"))
    stem = file.relative_to(root).as_posix()[: -len(".xml")]
    stem = stem.removeprefix("Annotations/").replace("/Annotations/", "/")
    source = by_tag.get("source")
    counts_from_one = source is not None and "VOC20" in text_of(source, "database") + text_of(
        source, "annotation"
    )
    first = (1 if counts_from_one else 0) if origin is None else origin
    found = [_label(part, first, f"{part.tag} of {file.name}") for part in parts if part.tag == "object"]
    if _POLYGONS not in labels.notes and any(part.find("polygon") is not None for part in parts):
        labels.notes.append(_POLYGONS)
    for part in parts:
        if part.tag == "object" and (inner := part.findall("part")):
            # Head, hands and feet in VOC's layout, each with a box of its own.
            labels.drop("that are parts of others", f"{text_of(part, 'name')} of {file.name}", len(inner))
    names = [name] if name else []
    folder = stem.rpartition("/")[0]
    if name and folder and "/" not in name:
        # Tools write base names; the folder of the XML file is the only other hint.
        names.insert(0, f"{folder}/{name}")
    return LabelledImage(
        tuple(names) or (stem,),
        known(found),
        _size(by_tag.get("size"), file.name),
        has_suffix=bool(name),
        file_stem=stem,
    )


def _text(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _size(element: Element | None, file: str) -> Size | None:
    if element is None:
        return None
    width, height = text_of(element, "width"), text_of(element, "height")
    if not width or not height:
        return None
    size = whole(width, "width", file), whole(height, "height", file)
    return size if min(size) > 0 else None


def _label(element: Element, first: int, where: str) -> Label:
    name = text_of(element, "name")
    boxes = element.findall("bndbox")
    if len(boxes) > 1:
        raise LabelsError(f"{where} has {len(boxes)} bndbox; each object has one: write an object for each.")
    box = boxes[0] if boxes else None
    if not name or box is None:
        other = next((part.tag for part in element if part.tag in _OTHER_SHAPES), None)
        hint = f"; its {other} is not read: write the upright box around it" if other and name else ""
        raise LabelsError(f"{where} needs a name and a bndbox{hint}.")
    where = f"{where} ('{name}')"
    x1, y1, x2, y2 = (
        number(text_of(box, corner), corner, where) for corner in ("xmin", "ymin", "xmax", "ymax")
    )
    score = text_of(element, "score") or text_of(element, "confidence")
    return Label(
        name,
        # Counted from 1, the last pixel belongs to the box: 1 to 64 is 64 pixels wide.
        box=(x1 - first, y1 - first, x2, y2),
        score=share(score, "score", where) if score else None,
        where=where,
    )
