"""What labels as the model share: their settings, and which image of theirs an input or a frame is."""

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from lightly_assets.errors import BadValue
from lightly_assets.format.names.suffixes import input_kind
from lightly_assets.format.schema import Category, TaskType
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import FrameNumbers, counting_problem, frames_problem, offset_hint
from lightly_assets.labels.names import Frame, NameRule, Names, NameSettings, advice, match_all, parse_renames
from lightly_assets.labels.report import counted, some
from lightly_assets.models.config import EncodeSettings, Missing, ModelSettings
from lightly_assets.models.files import model_file
from lightly_assets.models.protocol import ModelError, Runtime
from lightly_assets.models.results import ResultError

# Looking up is so cheap that the size hardly matters; it bounds how many frames wait.
BATCH = 16

log = logging.getLogger(__name__)


class LabelModel(ModelSettings):
    """Settings of all labels as the model. Categories are matched by name when the labels are read."""

    missing: Missing = "fail"
    """What happens to an image, a video or a frame that the labels do not list."""
    category_map: dict[int | str, int | str] | None = None  # type: ignore[assignment]
    """Category of the labels → category of the task, each by id or name; others are left out."""

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:  # noqa: ARG002
        given = self._encode_fields()
        given.pop("category_map")  # applied when the labels are read
        return EncodeSettings(**{name: value for name, value in given.items() if value is not None})

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        if self.category_map is not None:
            settings["category_map"] = {str(key): value for key, value in self.category_map.items()}
        return settings

    def load_for(self, task_type: TaskType, categories: Sequence[Category], base_dir: Path) -> Runtime:
        raise NotImplementedError


class NamedLabelModel(LabelModel):
    """Settings of label files, whose names of images are other tools'."""

    names: NameRule = "exact"
    """How names are led to the input: the path itself, one the end of the other, or without suffixes."""
    strip: str = ""
    """A prefix that is taken off the labels' names."""
    renames: dict[str, str] | str = Field(default_factory=dict)
    """From names in the labels to keys of the input, or a CSV file of these two columns."""
    video: str | None = None
    """The video whose frames have no name but their number."""
    first_frame: Annotated[int, Field(ge=0)] = 0
    """The number that the labels give to their first frame."""
    frame_step: Annotated[int, Field(ge=1)] = 1
    """Frames of the video from one number to the next."""
    start_frame: Annotated[int, Field(ge=0)] = 0
    """The index of the labels' first frame in the video."""
    name_pattern: str | None = None
    """Where the frame's number stands in a name: the first group of a regular expression."""
    allow_partial: bool = False
    """Whether labels may be used that match less than half of both sides."""

    @field_validator("name_pattern")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise BadValue(f"name_pattern is '{value}', which is no regular expression: {error}") from None
        return value

    def name_settings(self, base_dir: Path) -> NameSettings:
        """
        Raises:
            ModelError: the file of renames is missing or wrong.
        """
        renames = self.renames
        if isinstance(renames, str):
            path = model_file(renames, base_dir)
            try:
                renames = parse_renames(path.read_text("utf-8"), path.name)
            except (LabelsError, UnicodeDecodeError) as error:
                raise ModelError(f"The renames are wrong: {error}") from None
        pattern = re.compile(self.name_pattern) if self.name_pattern else None
        first = self.first_frame if "first_frame" in self.model_fields_set else None
        numbers = FrameNumbers.given(first, self.frame_step, self.start_frame)
        return NameSettings(self.names, self.strip, renames, self.video, numbers, pattern)


class LabelLookup:
    """Which image of the labels an input or a frame is."""

    def __init__(
        self,
        images: Sequence[Sequence[str]],
        settings: NameSettings,
        *,
        file: str,
        missing: Missing,
        allow_partial: bool = True,
        frame_ids: Sequence[int | None] = (),
    ) -> None:
        """
        Args:
            images: the names of each image of the labels.
            settings: how they are led to the input.
            file: the labels' name, for messages.
            missing: what happens to what is not listed.
            allow_partial: whether less than half may match.
            frame_ids: of each image, where the labels have such numbers.
        """
        self._images = images
        self._settings = settings
        self._file = file
        self._missing = missing
        self._allow_partial = allow_partial
        self._frame_ids = frame_ids
        self._places: dict[Frame, int] = {}
        self._frames: defaultdict[str, set[int]] = defaultdict(set)
        self._known: set[str] = set()
        self._told = True

    def meet(self, keys: Collection[str]) -> None:
        """Lead all names to the inputs' keys.

        Raises:
            ModelError: a name is ambiguous, or hardly anything matches.
        """
        wanted = {key for key in keys if input_kind(key) is not None}
        if wanted <= self._known:
            return
        wanted |= self._known
        try:
            matching = match_all(self._images, Names(wanted, self._settings))
        except LabelsError as error:
            raise ModelError(f"{self._file}: {error}") from None
        self._places = {frame: place for place, frame in enumerate(matching.frames) if frame is not None}
        self._frames.clear()
        for key, index in self._places:
            if index is not None:
                self._frames[key].add(index)
        for key, frames in self._frames.items() if self._frame_ids else ():
            ids = {index: self._frame_ids[self._places[key, index]] for index in frames}
            if problem := counting_problem(ids, self._settings.numbers, key, file=self._file):
                raise ModelError(problem)
        unknown = [self._images[place] for place in matching.unknown]
        if not self._allow_partial and self._missing == "empty":
            self._check_share(unknown, wanted)
        if unknown and self._told:
            log.warning(
                "%s lists %d images or frames that are no input, such as %s.",
                self._file, len(unknown), some(names[0] for names in unknown),
            )  # fmt: skip
        # Last: what could not be used is tried again.
        self._known = wanted

    def _check_share(self, unknown: list[Sequence[str]], known: Collection[str]) -> None:
        listed = {key for key, _ in self._places}
        if 2 * len(self._places) >= len(self._images) or 2 * len(listed) >= len(known):
            return
        raise ModelError(
            f"{self._file} lists {counted(len(listed), 'input')} of {len(known):,}, and "
            f"{len(unknown):,} of its {counted(len(self._images), 'image')} are no input, such as "
            f"{some(names[0] for names in unknown)}; {advice(unknown, known, self._settings)}; "
            "'allow_partial: true' takes what matches."
        )

    def place(self, key: str, index: int | None) -> int | None:
        """The place of an image or a frame in the labels; None for one that is to be empty.

        Raises:
            ResultError: the labels do not list it, and should.
        """
        if key not in self._known:  # nobody has told about the inputs
            self._meet_one(key)
        place = self._places.get((key, index))
        if place is None and self._missing == "fail":
            raise ResultError(self._not_listed(key, index))
        return place

    def _meet_one(self, key: str) -> None:
        partial, self._allow_partial, self._told = self._allow_partial, True, False
        try:
            self.meet({*self._known, key})
        except ModelError as error:
            raise ResultError(str(error)) from None
        finally:
            self._allow_partial, self._told = partial, True

    def _not_listed(self, key: str, index: int | None) -> str:
        listed = self._frames.get(key)
        if index is not None and listed:
            return (
                f"{self._file}: it does not list this frame, but {counted(len(listed), 'frame')} of the "
                f"video, {min(listed)} to {max(listed)}{offset_hint(listed)}; 'missing: empty' writes no "
                "predictions."
            )
        names = some((names[0] for names in self._images), 1) or "no image"
        return (
            f"{self._file}: it does not list this input (it lists {names}); file_name must be the path from "
            "the input root, of a frame name-index-suffix.png, else 'names: suffix', 'strip:', 'renames:' or "
            "'video:' say which is which; 'missing: empty' writes no predictions."
        )

    def check_end(self, key: str, frames: int) -> None:
        """After the last frame of a video: what is listed beyond it, and what is not listed.

        Raises:
            ModelError: the labels list frames that the video does not have.
        """
        listed = self._frames.get(key)
        if not listed:
            return
        shift = self._settings.numbers.first
        if problem := frames_problem(listed, frames, key, file=self._file, shift=shift):
            raise ModelError(problem)
        if unlisted := frames - len(listed):
            log.warning(
                "%s: %d of %d frames of '%s' are not listed; they get no predictions%s.",
                self._file, unlisted, frames, key, offset_hint(listed, frames),
            )  # fmt: skip
