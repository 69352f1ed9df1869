"""The images of a COCO file, and which of them an annotation or a result is about."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightly_assets.errors import BadValue
from lightly_assets.format.names.suffixes import split_suffix
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.names import cleaned, original_name, without_secrets

UNKNOWN = -1
_AMBIGUOUS = -2


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An entry of ``images``."""

    id: int | float | str
    names: tuple[str, ...]
    """What the file calls it: ``file_name``, then others."""
    width: int
    """Pixels as the file says; 0 where it does not."""
    height: int
    frame_id: int | None = None
    """The number of the frame in its video, from 0, as CocoVID has it beside the name."""


def is_image_id(value: Any) -> bool:
    """Whether an image can have this ``id``: a number, or the text that some tools write."""
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def parse_image(entry: Any, place: str) -> CocoImage:
    """An entry of ``images``.

    Raises:
        LabelsError: it has no id or no name, or a size that is none.
    """
    names = _names(entry) if isinstance(entry, dict) else ()
    where = f"{place} ({names[0]!r})" if names else place
    if not names or "id" not in entry:
        raise LabelsError(f"{where}: it needs an id and a file_name.")
    if not is_image_id(entry["id"]):
        raise LabelsError(f"{where}: its id is {shown(entry['id'])}; it must be a number or a text.")
    try:
        width, height = _pixels(entry.get("width")), _pixels(entry.get("height"))
    except BadValue:
        given = f"{shown(entry.get('width'))} and {shown(entry.get('height'))}"
        raise LabelsError(
            f"{where}: width and height are {given}; they must be the image's pixels."
        ) from None
    # CocoVID's and TAO's word for the same.
    ids = [entry.get(key) for key in ("frame_id", "frame_index")]
    frame_id = next((one for one in ids if type(one) is int), None)
    return CocoImage(entry["id"], names, width, height, frame_id)


def _names(entry: dict[str, Any]) -> tuple[str, ...]:
    """``file_name``; Roboflow's name of before its export; LVIS has URLs only."""
    extra = entry.get("extra")
    found = [entry.get("file_name"), extra.get("name") if isinstance(extra, dict) else None]
    if isinstance(found[0], str) and (original := original_name(found[0])):
        found.append(original)
    names = tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name))
    names = tuple(without_secrets(name) for name in names)
    urls = (entry.get("coco_url"), entry.get("flickr_url"), entry.get("url"))
    return names or tuple(without_secrets(url) for url in urls[:1] + urls[2:] if isinstance(url, str) and url)


def _pixels(value: Any) -> int:
    """A width or height as tools write it: a number, also as text or with a fraction of zero; 0 for none."""
    if value is None or (type(value) in (int, float) and value == 0):
        return 0
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value < 0:
        raise BadValue(str(value))
    return value


class ImageRefs:
    """Leads ``image_id`` and ``file_name`` of annotations and results to images."""

    def __init__(self, images: Iterable[CocoImage]) -> None:
        self.images = list(images)
        self.by_id: dict[Any, int] = {}
        for place, image in enumerate(self.images):
            if (other := self.by_id.setdefault(image.id, place)) != place:
                raise LabelsError(
                    f"images[{place}] ({image.names[0]!r}) has the id {shown(image.id)}, which "
                    f"{self.images[other].names[0]!r} has already."
                )
        self.sizes = np.array(
            [(image.width, image.height) for image in self.images] + [(0, 0)], dtype=np.float64
        )
        """(N + 1, 2) widths and heights, NaN where the file says none; the last is that of unknown images."""
        self.sizes[self.sizes == 0] = np.nan
        self._names: dict[str, int] | None = None
        self._texts: dict[str, int] = {}
        self._numbers: dict[int, int] = {}
        self.renamed = 0
        """Results whose name said another image than their id: the name decides."""

    def find(self, row: dict[str, Any], *, by_name: bool) -> int:
        """The place of an object's image, or :data:`UNKNOWN`.

        Args:
            row: an annotation or a result.
            by_name: whether its own ``file_name`` goes before its ``image_id``, as for results: tools
                number images themselves.

        Raises:
            LabelsError: it could be several images.
        """
        image_id, name = row.get("image_id"), row.get("file_name")
        known = self.by_id.get(image_id, UNKNOWN) if is_image_id(image_id) else UNKNOWN
        if isinstance(name, str) and (by_name or known == UNKNOWN):
            found = self._of_name(name)
            if found >= 0:
                self.renamed += known >= 0 and known != found
                return found
        if known >= 0 or not is_image_id(image_id):
            return known
        found = self._of_id(image_id)
        if found == _AMBIGUOUS:
            raise LabelsError(
                f"The image_id {shown(image_id)} is no id of an image and could be several of them by name; "
                "write the images' ids."
            )
        return found

    def _of_id(self, image_id: Any) -> int:
        """An id that no image has: another type of the same number, or the stem of a name."""
        if self._names is None:
            self._fill()
        is_text = isinstance(image_id, str)
        named = self._of_name(image_id) if is_text else self._numbers.get(image_id, UNKNOWN)
        found = {self._texts.get(str(image_id), UNKNOWN), named} - {UNKNOWN}
        return found.pop() if len(found) == 1 else (_AMBIGUOUS if found else UNKNOWN)

    def _of_name(self, name: str) -> int:
        if self._names is None:
            self._fill()
        assert self._names is not None
        path = cleaned(name)
        # The whole path, then without its suffix, then without its folder.
        for form in (path, split_suffix(path)[0], path.rpartition("/")[2]):
            if (place := self._names.get(form, UNKNOWN)) != UNKNOWN:
                return place
        return UNKNOWN

    def _fill(self) -> None:
        names: dict[str, int] = {}
        ranks: dict[str, int] = {}
        for place, image in enumerate(self.images):
            self._texts[str(image.id)] = place
            path = cleaned(image.names[0])
            base = path.rpartition("/")[2]
            stem = split_suffix(base)[0]
            # A path goes before a stem of the same letters.
            for rank, form in enumerate((path, split_suffix(path)[0], base, stem)):
                if form not in names or rank < ranks[form]:
                    names[form], ranks[form] = place, rank
                elif names[form] != place and rank == ranks[form]:
                    names[form] = _AMBIGUOUS
            if stem.isdigit():
                number = int(stem)
                self._numbers[number] = place if self._numbers.get(number, place) == place else _AMBIGUOUS
        self._names = names


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    import orjson

    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= 80 else f"{text[:80]}…"
