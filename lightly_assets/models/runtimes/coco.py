"""``kind: coco``: labels or predictions in a COCO file as the model.

The specification says that labels can be treated as predictions; a label without a score gets 1. The file is
read as ``import-coco`` reads it.
"""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from lightly_assets.errors import BadValue
from lightly_assets.format.schema import Category, TaskType
from lightly_assets.labels.coco.document import read_coco
from lightly_assets.labels.coco.reader import CocoReader, task_categories
from lightly_assets.labels.coco.settings import BoxFormat, BoxOnly, CocoSettings, Ignored, Rotated
from lightly_assets.labels.coco.shapes import is_oversized
from lightly_assets.labels.errors import LabelsError
from lightly_assets.models.config import KINDS, Share
from lightly_assets.models.files import file_hash, model_file, version_of
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Ready, Result, ResultError
from lightly_assets.models.runtimes.shared.label_lookup import BATCH, LabelLookup, NamedLabelModel

CODE_VERSION = 3

log = logging.getLogger(__name__)


@KINDS.register("coco")
class CocoModel(NamedLabelModel):
    """Labels or predictions in a COCO file, as the model."""

    kind: Literal["coco"]
    path: str
    """Relative to ``lightly.yaml``: annotations, or a results list beside ``images``."""
    images: str | None = None
    """For a results list: the annotations file with the images (and categories)."""
    default_score: Share = 1.0
    """The score of a label that has none."""
    box_only: BoxOnly | None = None
    """Objects with a box only among masks or keypoints: ``fill`` makes the box the mask, ``drop`` leaves them
    out; without it such a file is refused."""
    rotated: Rotated = "refuse"
    """Turned rectangles: ``enclose`` writes the upright box around each."""
    ignored: Ignored = "drop"
    """Objects marked ``ignore`` or ``outside``."""
    box_format: BoxFormat = "xywh"
    """What the four numbers of ``bbox`` are; ``xyxy``: corners."""
    exif: Literal["refuse", "stored", "turn"] = "refuse"
    """Pictures that EXIF turns: ``turn`` where labels are of what is shown, ``stored`` where they are of the
    stored pixels; ``refuse`` refuses those whose size in the labels does not say."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        for name in ("path", "images"):
            settings.pop(name)
        return settings

    def load_for(self, task_type: TaskType, categories: Sequence[Category], base_dir: Path) -> Runtime:
        return CocoLabels(self, task_type, categories, base_dir)


class CocoLabels:
    """A COCO file: annotations, or a list of results and the file that lists their images."""

    def __init__(
        self, config: CocoModel, task_type: TaskType, categories: Sequence[Category], base_dir: Path
    ) -> None:
        self.task_type, self._config = task_type, config
        self.path = model_file(config.path, base_dir)
        listing = model_file(config.images, base_dir) if config.images is not None else None
        names = config.name_settings(base_dir)
        settings = CocoSettings(
            default_score=config.default_score,
            box_only=config.box_only,
            rotated=config.rotated,
            ignored=config.ignored,
            box_format=config.box_format,
            category_map=config.category_map,
            allow_partial=config.allow_partial,
            names=names,
        )
        try:
            document = read_coco(self.path, listing, settings)
            document.task_type(task_type, settings)
            known = task_categories(document, categories, settings)
        except LabelsError as error:
            raise ModelError(f"The labels cannot be used: {error}") from None
        self._reader = CocoReader(document, task_type, known, settings)
        self._lookup = LabelLookup(
            [image.names for image in document.images],
            names,
            file=self.path.name,
            missing=config.missing,
            allow_partial=config.allow_partial,
            frame_ids=[image.frame_id for image in document.images],
        )
        self.batch_size = BATCH
        paths = [self.path] if listing is None else [self.path, listing]
        self.version = version_of(
            file_hash(*paths),
            config.predict_settings()
            | {"task_type": task_type, "categories": [(one.id, one.name) for one in categories]}
            | {"renames": dict(names.renames)}
            # They were read as 1 before, and other files keep their version.
            | ({"scores": "elsewhere"} if document.survey.other_scores else {}),
            CODE_VERSION,
        )

    def meet(self, keys: Collection[str]) -> None:
        """Which inputs there are; see :class:`~lightly_assets.models.protocol.LooksUp`."""
        self._lookup.meet(keys)

    def check_end(self, key: str, frames: int) -> None:
        """How many frames a video had; see :class:`~lightly_assets.models.protocol.LooksUp`."""
        self._lookup.check_end(key, frames)

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:  # noqa: ARG002
        """The labels of each image; see :class:`~lightly_assets.models.protocol.Model`."""
        results: list[Result] = []
        for place, source in enumerate(sources):
            try:
                results.append(Ready(self._singletons(source)))
            except BadValue as error:
                text = str(error)
                raise ResultError(
                    text if text.startswith(self.path.name) else f"{self.path.name}: {text}", place
                ) from None
        return results

    def _place(self, source: Source) -> int | None:
        """Where the image stands in the labels; None for one that is to be empty."""
        return self._lookup.place(source.input, source.index)

    def _singletons(self, source: Source) -> list[dict[str, Any]]:
        place = self._place(source)
        if place is None:
            return []
        orientation = self._orientation(place, source)
        report = self._reader.document.report
        before = report.wrong
        found = self._reader.singletons(place, source.width, source.height, orientation)
        if wrong := report.wrong - before:
            problem = report.problems[-1]
            # As for a whole file: where more is wrong than right, it is something else than it seems.
            if wrong > len(found):
                raise ResultError(problem)
            log.warning("%s: %d objects left out; %s", self.path.name, wrong, problem)
        if large := sum(is_oversized(one.get("bbox"), source.width, source.height) for _, one in found):
            log.warning(
                "%s: %d boxes of %s are more than twice as wide or high as the image; are the labels of it?",
                self.path.name, large, source,
            )  # fmt: skip
        return self._reader.of_image([one for _, one in found], source.width, source.height)

    def _orientation(self, place: int, source: Source) -> int:
        """How the picture was turned when its labels were drawn; compares the sizes."""
        image = self._reader.document.images[place]
        said, stored = (image.width, image.height), (source.width, source.height)
        shown = stored[::-1] if source.orientation >= 5 else stored
        if 0 not in said and said not in (stored, shown):
            raise ResultError(
                f"it says that the image is {said[0]}×{said[1]} pixels, but it is {stored[0]}×{stored[1]}."
            )
        if source.orientation == 1 or not (0 in said or said == shown):
            return 1
        if self._config.exif == "turn":
            return source.orientation
        if said == shown != stored:
            raise ResultError(
                f"it says that the image is {said[0]}×{said[1]} pixels, as it is shown, but its stored "
                f"pixels are {stored[0]}×{stored[1]} (EXIF orientation {source.orientation}), so the labels "
                "were drawn on the turned view; 'exif: turn' turns them to the stored pixels."
            )
        if self._config.exif == "refuse":
            raise ResultError(
                f"it is shown turned or mirrored (EXIF orientation {source.orientation}), and its size in "
                "the labels does not say what they were drawn on; say 'exif: turn' for what is shown, or "
                "'exif: stored' for the stored pixels."
            )
        return 1
