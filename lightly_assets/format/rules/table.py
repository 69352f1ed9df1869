"""The table of rules: what each is called, how bad it is, and what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from lightly_assets.format.registry import Registry
from lightly_assets.format.rules.well_formed import WellFormed

Severity = Literal["error", "warning"]

Check = Callable[[WellFormed], Iterator[tuple[str, str]]]
"""Looks at one prediction; gives a JSON pointer into it and a sentence for each problem."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule's severity, and what it finds, in one sentence."""

    severity: Severity
    finds: str
    after: str | None = None
    """The rule that it follows in the documentation and in reports; None: those declared before."""
    check: Check | None = None
    """Finds it in a prediction, where the rule is not part of the format's own code."""
    in_fast_path: bool = False
    """Whether ``fast_path`` finds all files that break it by itself."""


RULES = Registry[Rule]("rule", "lightly_assets.format.rules.predictions")
"""All rules. A new one about predictions is a new module in ``rules/predictions``."""


def prediction_rule(
    name: str, severity: Severity, finds: str, *, after: str | None = None, in_fast_path: bool = False
) -> Callable[[Check], Check]:
    """Declares the function below as a rule about single predictions.

    Args:
        name: how scripts and people refer to it; it never changes.
        severity: "error" where the Worker would fail or the file lies, "warning" where it is legal.
        finds: what it finds, one sentence for the table.
        after: the rule that it follows in the table; at the end by default.
        in_fast_path: whether the arrays of ``fast_path`` find it, too; otherwise all is looked at.
    """

    def declare(check: Check) -> Check:
        RULES.add(name, Rule(severity, finds, after, check, in_fast_path))
        return check

    return declare


def ordered_rules() -> list[str]:
    """The names as the documentation and reports list them."""
    names = [name for name, rule in RULES.items() if rule.after is None]
    for name, rule in reversed(list(RULES.items())):
        if rule.after is not None:
            names.insert(names.index(rule.after) + 1 if rule.after in names else len(names), name)
    return names


def _error(finds: str) -> Rule:
    return Rule("error", finds)


def _warning(finds: str) -> Rule:
    return Rule("warning", finds)


# The names are stable: scripts and documentation refer to them.
_OF_THE_FORMAT: dict[str, Rule] = {
    # Any JSON file
    "json-invalid": _error("The file is not valid JSON."),
    "json-encoding": _error("The file is not UTF-8."),
    "json-bom": _error("The file starts with a byte order mark."),
    "json-duplicate-key": _error("An object has the same key twice."),
    "json-not-a-number": _error("The file contains NaN or Infinity, which JSON does not have."),
    "json-depth": _error("Arrays and objects nest absurdly deep."),
    "file-too-large": _error("The file is larger than 256 MiB."),
    "file-unreadable": _error("The file cannot be read."),
    "link-outside": _error(
        "A symbolic link leads out of the datasource, or into itself; it is not followed."
    ),
    # tasks.json
    "tasks-missing": _error("There is no tasks.json, so the Worker considers no task."),
    "tasks-invalid": _error("tasks.json is not a JSON array of names."),
    "tasks-duplicate": _error("tasks.json lists a task twice."),
    "task-name": _error("The platform does not take the task's name."),
    "task-name-selection": _warning("The platform takes the task's name, but no selection can refer to it."),
    "task-missing": _error("tasks.json lists a task that has no folder."),
    # schema.json
    "schema-missing": _error("A listed task has no schema.json."),
    "schema-invalid": _error("schema.json is not an object with task_type and categories."),
    "schema-task-type": _error("task_type is none of the five that the format knows."),
    "schema-categories": _error("categories is not a list of at least one object."),
    "category-id": _error("A category's id is not an integer from 0."),
    "category-name": _error("A category's name is not a text with at least one character."),
    "category-duplicate": _error("Two categories have the same id."),
    "category-name-duplicate": _warning("Two categories have the same name."),
    "category-gap": _warning(
        "The ids are not 0 to N - 1; the platform takes them, the page does not promise it."
    ),
    # Prediction files
    "file-invalid": _error("A prediction file is not an object."),
    "file-key-missing": _error("A prediction file has no file_name or no predictions."),
    "file-key-unknown": _warning("A prediction file has a key besides file_name and predictions."),
    "file-name": _error("file_name is not the image's path that belongs to the file's own path."),
    "frame-file-name": _warning("A file named like a frame's has a file_name that does not end in .png."),
    "predictions-invalid": _error("predictions is not a list."),
    # Singletons
    "singleton-invalid": _error("A prediction is not an object."),
    "key-missing": _error("A prediction lacks a key of its task type."),
    "key-unknown": _error("A prediction has a key that its task type does not have."),
    "category-id-type": _error("category_id is not an integer."),
    "category-unknown": _error("category_id is not in the schema."),
    "score-type": _error("score is not a number."),
    "score-range": _error("score is not in [0, 1]."),
    "probabilities-type": _error("probabilities is not a list of numbers."),
    "probabilities-length": _error("probabilities has not one number for each category."),
    "probabilities-range": _error("A probability is not in [0, 1]."),
    "probabilities-sum": _error("probabilities do not sum up to 1, within 0.001."),
    # Boxes
    "bbox-type": _error("bbox is not a list of numbers."),
    "bbox-length": _error("bbox has not four numbers."),
    "bbox-negative": _error("A box's x or y is negative."),
    "bbox-size": _error("A box's w or h is smaller than 1."),
    "bbox-outside": _error("A box leaves the image."),
    "bbox-xyxy": _error(
        "Many boxes leave their image and all fit when read as corners: [x1, y1, x2, y2] was written "
        "as [x, y, w, h]."
    ),
    "bbox-xyxy-suspect": _warning(
        "Every box looks like corners [x1, y1, x2, y2]; checking against the input would tell."
    ),
    # Keypoints
    "keypoints-type": _error("keypoints is not a list of numbers."),
    "keypoints-length": _error("keypoints is empty or not made of x, y, score triples."),
    "keypoints-negative": _error("A keypoint's x or y is negative."),
    "keypoints-score": _error("A keypoint's score is not in [0, 1]."),
    "keypoints-outside": _warning("A keypoint lies outside the image."),
    # Masks
    "segmentation-type": _error("segmentation is not a list of integers."),
    "segmentation-negative": _error("A run length is negative."),
    "segmentation-zero-run": _error("A run length other than the first is 0."),
    "segmentation-empty": _error("segmentation has no run length, or none of ones."),
    "segmentation-size": _error("The run lengths do not add up to the pixels of the image."),
    "segmentation-size-differs": _error("Masks of one image have different numbers of pixels."),
    # The folder against itself and against the input
    "file-foreign": _warning("A file in a task's folder is no prediction file."),
    "frame-padding": _error("A frame's number is not padded to the length of the number of frames."),
    "frame-padding-suspect": _warning(
        "The padding of a video's frames does not fit the number of its files."
    ),
    "frame-gap": _warning("Frames are missing between others of the same video."),
    "prediction-missing": _error("An image or a frame of the input has no prediction file."),
    "prediction-orphan": _warning("A prediction file belongs to no image and no frame of the input."),
    "input-collision": _error("Inputs would share one prediction file."),
    "input-unreadable": _error(
        "An input cannot be decoded, so its predictions cannot be checked against it."
    ),
    "input-key": _error("An input has a name that no prediction file can have."),
}
for _name, _rule in _OF_THE_FORMAT.items():
    RULES.add(_name, _rule)
