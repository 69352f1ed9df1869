"""COCO: recognised here, and read by the reader that ``import-coco`` and ``kind: coco`` share."""

from pathlib import Path

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.foreign import foreign_tool
from lightly_assets.labels.files.text import starts_like_json
from lightly_assets.labels.labelled import Labels
from lightly_assets.labels.reading import FORMATS, ReadOptions


class Coco:
    """A JSON file with images, annotations and categories."""

    first_frame = 0

    def recognises(self, path: Path) -> bool:
        if not path.is_file() or not path.name.lower().endswith((".json", ".json.gz")):
            return False
        start = starts_like_json(path)
        if not start.startswith("{") or '"file_names"' in start:
            return False
        if '"images"' not in start and foreign_tool(start) is not None:
            return False
        if '"videos"' in start and '"file_name"' not in start:
            return False
        return any(f'"{key}"' in start for key in ("images", "annotations", "categories"))

    def read(self, path: Path, options: ReadOptions) -> Labels:  # noqa: ARG002
        raise LabelsError(f"{path.name} is a COCO file; 'import-coco' and 'kind: coco' read these.")


FORMATS.add("coco", Coco())
