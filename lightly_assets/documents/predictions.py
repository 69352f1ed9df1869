"""Documents about predictions and videos."""

from typing import Literal

from pydantic import Field

from lightly_assets.documents.shared import Part, Share, TaskTypeName


class CheckFinding(Part):
    """What breaks a rule, or may."""

    severity: Literal["error", "warning"]
    rule: str
    """Its name in the table of rules."""
    file: str
    """Below ``.lightly/predictions/``; empty where an input is meant."""
    pointer: str
    """JSON pointer into the file, as RFC 6901 has them."""
    message: str
    count: int
    """How often it is so in the file."""


class Check(Part):
    """Whether a prediction folder is right."""

    ok: bool
    """Whether there is no error; warnings are fine."""
    files: int
    """Prediction files that were read."""
    findings: list[CheckFinding]
    """The first 100 of each rule and task, and one that counts the rest."""
    skipped: dict[str, int] = Field(default_factory=dict)
    """Files of the input that are no inputs: how many by suffix. Left out where there are none."""


class CategoryFigures(Part):
    """How good predictions of a category are."""

    name: str
    ap: float | None
    """Average precision, .50:.95."""
    ap50: float | None
    labels: int
    predictions: int
    precision: Share | None
    recall: Share | None
    iou: Share | None = None
    """Of semantic segmentation only."""


class VideoFigures(Part):
    """How good predictions of a video, or of a folder of images, are."""

    video: str
    images: int
    map: float | None = None
    map50: float | None = None
    miou: Share | None = None
    precision: Share | None
    recall: Share | None


class WorstFrame(Part):
    """A frame with many faults."""

    file_name: str
    found: int
    missed: int
    """Labels that no prediction fits."""
    wrong: int
    """Predictions that fit no label."""


class Evaluation(Part):
    """How good predictions are, by labels. What does not apply to a task's type is null."""

    ok: Literal[True]
    task: str
    task_type: TaskTypeName
    labels: str
    """Where the labels come from."""
    images: int
    map: float | None
    """Mean average precision .50:.95, as COCO has it."""
    map50: float | None
    map75: float | None
    map_small: float | None
    map_medium: float | None
    map_large: float | None
    ar: float | None
    ar1: float | None
    ar10: float | None
    miou: Share | None
    pixel_accuracy: Share | None
    accuracy: Share | None
    threshold: Share | None
    """The score from which predictions count for precision and recall."""
    precision: Share | None
    recall: Share | None
    per_category: list[CategoryFigures]
    per_video: list[VideoFigures]
    worst: list[WorstFrame]
    without_predictions: int
    """Labelled images without a prediction file."""
    without_labels: int
    """Prediction files of images that the labels do not list."""
    warnings: list[str]


class ReportPage(Part):
    """The page that was written."""

    ok: Literal[True]
    report: str
    """Its path."""
    bytes: int
    files: int
    """Prediction files that were read."""
    frames: int
    """Frames that it shows."""
    notes: list[str]


class Video(Part):
    """A video, by decoding all of it."""

    path: str
    frames: int | None
    """Null where nothing decodes."""
    container_frames: int | None
    """What the container claims."""
    width: int | None
    height: int | None
    rotation: int
    """Degrees, as the container says; frames are not turned."""
    codec: str | None
    errors: list[str]
    notes: list[str] = Field(default_factory=list)


class ExtractedVideo(Part):
    """Frames of a video as PNG files."""

    path: str
    frames: int | None
    """Null where it failed."""
    written: int
    found: int
    """Frames that were there already."""
    notes: list[str]
    errors: list[str]
