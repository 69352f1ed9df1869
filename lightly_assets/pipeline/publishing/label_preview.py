"""The first image with labels, drawn: whether they are where they should be is seen at once."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.report import LabelReport
from lightly_assets.media import MediaError, open_video, read_image
from lightly_assets.pictures.draw import draw
from lightly_assets.pipeline.publishing.label_import import Prepared
from lightly_assets.pipeline.publishing.label_input import LabelInput
from lightly_assets.pipeline.publishing.label_writing import Converter, Imported

# Images without a label that are passed by until one is found.
_MOST_LOOKED_AT = 500


def draw_preview(prepared: Prepared, picture: Path) -> str | None:
    """Draws the first image or frame with labels; its name, or None where none of the first has any.

    Raises:
        LabelsError: the labels cannot be written, or the picture cannot.
        MediaError, StorageError: the input cannot be read.
    """
    from PIL import Image

    settings = TaskSettings(prepared.schema, boxes=prepared.settings.boxes)
    write = Converter(prepared.reader, settings, Imported(prepared.schema.task_type, LabelReport()))
    listed = (target for target in prepared.targets if target.place is not None)
    for target in islice(listed, _MOST_LOOKED_AT):
        predictions = json.loads(write.file(target))["predictions"]
        if not predictions:
            continue
        pixels = _pixels(prepared.found, target.file_name)
        drawn = draw(pixels, predictions, prepared.schema.task_type, prepared.schema.names)
        try:
            Image.fromarray(drawn).save(picture)
        except (OSError, ValueError) as error:
            raise LabelsError(f"The picture {picture} cannot be written: {error}.") from None
        return target.file_name
    return None


def _pixels(found: LabelInput, file_name: str) -> NDArray[np.uint8]:
    if file_name in found.entries:
        with found.store.local_file(found.entries[file_name]) as path:
            return read_image(path).image
    frame = parse_frame_name(file_name)
    assert frame is not None, file_name
    with found.store.local_file(found.entries[frame.video]) as path, open_video(path) as stream:
        for one in stream:
            if one.index == frame.index:
                return one.image
    raise MediaError(f"'{frame.video}': has no frame {frame.index} any more.")
