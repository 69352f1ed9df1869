"""Settings against what the model's file says: what contradicts it is an error with the line to write."""

import logging
from collections.abc import Sequence
from typing import Any

from lightly_assets.format.schema import Category, TaskType
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.pixels.preprocessor import WHOLE_NUMBERS
from lightly_assets.models.preprocess import Preprocess
from lightly_assets.models.protocol import ModelError

# What a file calls its task, and the task types that can be read from it.
_TASKS: dict[str, tuple[TaskType, ...]] = {
    "detect": (TaskType.OBJECT_DETECTION,),
    "segment": (TaskType.INSTANCE_SEGMENTATION, TaskType.OBJECT_DETECTION),
    "pose": (TaskType.KEYPOINT_DETECTION, TaskType.OBJECT_DETECTION),
    "obb": (TaskType.OBJECT_DETECTION,),
    "classify": (TaskType.CLASSIFICATION,),
    "semantic": (TaskType.SEMANTIC_SEGMENTATION,),
    "object-detection": (TaskType.OBJECT_DETECTION,),
    "image-classification": (TaskType.CLASSIFICATION,),
    "semantic-segmentation": (TaskType.SEMANTIC_SEGMENTATION,),
    "Detector": (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION),
    "RotatedDetector": (TaskType.OBJECT_DETECTION,),
    "Classifier": (TaskType.CLASSIFICATION,),
    "Segmentor": (TaskType.SEMANTIC_SEGMENTATION,),
    "PoseDetector": (TaskType.KEYPOINT_DETECTION,),
}
log = logging.getLogger(__name__)

_WAY_OUT = "or 'metadata: ignore' beside path, if that is wrong"
_NO_CLASSES = (
    "and the format has one class for each image; make a task for each class, or choose in a function of "
    "your own (kind: python)."
)


def task_types(facts: Facts) -> tuple[TaskType, ...]:
    """The task types that a model can fill, as far as its file says; the likeliest first."""
    return _TASKS.get(facts.task, ())


def check_facts(
    facts: Facts, name: str, task_type: TaskType, categories: Sequence[Category], mapped: bool
) -> None:
    """Task and classes of the settings against the file's.

    Args:
        facts: of the file.
        name: of the file, for messages.
        task_type: of the task.
        categories: of the schema, ascending by id.
        mapped: whether a category map says which class is which category.

    Raises:
        ModelError: they contradict each other.
    """
    possible = task_types(facts)
    if possible and task_type not in possible:
        raise ModelError(
            f"task_type is {task_type}, but the model {name} is for '{facts.task}' "
            f"({facts.signals['task']}); write 'task_type: {possible[0]}', {_WAY_OUT}."
        )
    check_meaning(facts, name, task_type)
    # A list that merely lies there is only a proposal.
    if not mapped and facts.names and not facts.signals["names"].endswith(".txt"):
        check_names(facts.names, facts.signals["names"], name, categories, f", {_WAY_OUT}")


def check_names(
    names: Sequence[str], said: str, model: str, categories: Sequence[Category], way_out: str = ""
) -> None:
    """Class i is the i-th category, so a name that the model has for another class is in the wrong place.

    Args:
        names: of the model's classes, class 0 first.
        said: where they stand.
        model: its name, for messages.
        categories: of the schema, ascending by id, without a category map.
        way_out: what else to do, as the end of a sentence.

    Raises:
        ModelError: there are others, or in another order.
    """
    if len(categories) != len(names):
        raise ModelError(
            f"The model {model} has {len(names)} classes ({said}), but the task has "
            f"{len(categories)} categories; leave categories out to get them all, or say with category_map "
            f"which class is which category id (others are left out){way_out}."
        )
    places = {_plain(one): number for number, one in enumerate(names)}
    for number, category in enumerate(one.name for one in categories):
        place = places.get(_plain(category), number)
        if place != number and _plain(names[number]) != _plain(category):
            raise ModelError(
                f"The category '{category}' stands for class {number} of the model {model}, but is its "
                f"class {place} ({said}); list the categories in the file's order, leave them out, or say "
                f"'category_map: {{{place}: …}}'{way_out}."
            )


def check_meaning(facts: Facts, name: str, task_type: TaskType) -> None:
    """Raises ModelError where numbers are no scores of classes of which one holds."""
    if task_type is TaskType.CLASSIFICATION and facts.meaning:
        raise ModelError(f"The model {name} {facts.meaning} ({facts.signals['meaning']}), {_NO_CLASSES}")


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def check_layout(facts: Facts, name: str, layout: str, known: Sequence[str]) -> None:
    """The layout of the settings against the file's. Raises ModelError."""
    fits = [one for one in facts.layouts if one in known]
    if fits and layout not in fits:
        raise ModelError(
            f"layout is {layout}, but the model {name} is made for {fits[0]} ({facts.signals['layout']}); "
            f"write 'layout: {fits[0]}', {_WAY_OUT}."
        )


def check_pixels(facts: Facts, name: str, given: Preprocess) -> None:
    """Pre-processing of the settings against what is said outright. Raises ModelError."""
    for field, value in given.given().items():
        if field not in facts.said:
            continue
        wanted = getattr(facts.pixels, field)
        if not _same(value, wanted):
            raise ModelError(
                f"preprocess.{field} is {_shown(value)}, but the model {name} was made with {_shown(wanted)} "
                f"({facts.signals[field]}); write '{field}: {_shown(wanted)}', {_WAY_OUT}."
            )


def check_crop(given: Preprocess, facts: Facts, settled: Preprocess, name: str) -> None:
    """What is cut out of a side that is said in pixels is of the size that it is said for.

    Raises:
        ModelError: the file takes another size, and nobody says what that is cut from.
    """
    size, said = settled.size, facts.pixels
    if (
        given.resize_to
        or given.resize
        or not said.resize_to
        or None in (size, said.size)
        or size == said.size
    ):
        return
    raise ModelError(
        f"The model {name} takes images of {_shown(size)}, but {facts.signals['size']} says "
        f"{_shown(said.size)}, cut from {_shown(said.resize_to)}; say under preprocess what its own size is "
        f"cut from, such as 'resize: crop' and 'resize_to: …', {_WAY_OUT}."
    )


def warn_of_assumed(known: Preprocess, settled: Preprocess, name: str) -> None:
    """Says which pre-processing nobody has said: neither the settings nor the model's file.

    Args:
        known: what they say.
        settled: with defaults where they say nothing.
        name: of the file.
    """
    fields = ["resize", "interpolation"] if settled.size else []
    if settled.dtype not in WHOLE_NUMBERS:
        fields += ["scale", "mean", "std"]
    said = known.given()
    if "scale" in said or "mean" in said or "std" in said:
        # Whoever says one of them means all.
        fields = [one for one in fields if one in ("resize", "interpolation")]
    open_ones = [one for one in fields if one not in said]
    if open_ones:
        values = ", ".join(f"{one}: {_shown(getattr(settled, one))}" for one in open_ones)
        log.warning(
            "Neither lightly.yaml nor the file of the model %s says how its pixels are made; assumed: %s. "
            "Such models differ: write them under preprocess as in its training.",
            name,
            values,
        )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple) and one and other:
        length = max(len(one), len(other))
        pairs = zip(_stretched(one, length), _stretched(other, length), strict=False)
        return len(one) in (1, length) and len(other) in (1, length) and all(_close(*pair) for pair in pairs)
    if isinstance(one, float | int) and isinstance(other, float | int):
        return _close(one, other)
    return bool(one == other)


def _close(one: float, other: float) -> bool:
    # Configurations round: 0.229 for 0.2290.
    return abs(one - other) <= 1e-3 * max(1.0, abs(other)) if other >= 0.1 else abs(one - other) <= 1e-6


def _stretched(values: tuple[float, ...], length: int) -> tuple[float, ...]:
    return values * length if len(values) == 1 else values


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(f'{one:g}' if isinstance(one, float) else str(one) for one in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
