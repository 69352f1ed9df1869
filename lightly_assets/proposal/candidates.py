"""Which layouts can read a model's outputs, for which tasks, the likeliest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import LAYOUTS, LayoutError, Output, ReadSettings, described
from lightly_assets.models.layouts.shared.values import YOLOX_PIXELS, grid_cells
from lightly_assets.models.metadata.agree import task_types
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.proposal.findings import Finding, Sureness

# More classes than any data set has: what is taken for them is something else, such as places in the image.
_MOST_CLASSES = 25_000
_MOST_OBJECTS = 2_000
# What has fewer rows or columns, and no whole numbers, is hardly a map of pixels.
_SMALLEST = 8
_OFTEN = (
    "detr_postprocessed",
    "yolo",
    "yolo_nms",
    "yolov5",
    "detr",
    "rtdetr",
    "rtdetr_topk",
    "logits",
    "probabilities",
    "label_map",
)
# Layouts that take the rows of one output for all there is to know of objects.
_OF_ROWS = ("yolo", "yolov5", "yolo_nms", "yolox", "obb", "rtdetr_topk")
BOXES_TASK = "objects"
"""What the task is called in whose boxes a model looks."""
_DETECTS = (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION, TaskType.KEYPOINT_DETECTION)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A layout and a task that fit the outputs as they are declared."""

    layout: str
    task_type: TaskType
    classes: int | None
    """How many, as far as the outputs tell."""
    options: dict[str, Any]
    """What the layout is told beside its name."""
    finding: Finding
    rank: tuple[int, ...]
    """The smallest first."""
    pixels: dict[str, Any] = field(default_factory=dict)
    """What is said under ``preprocess:`` because the outputs are those of a family that has its own."""


def candidates(facts: Facts, outputs: Sequence[Output], size: tuple[int, int] | None) -> list[Candidate]:
    """All that fit, the likeliest first; ``size`` is the height and width of the model's input."""
    found = sorted(_fitting(facts, outputs, size), key=lambda one: one.rank)
    return [either for one in found for either in _with_pixels(one, outputs, size)]


def _with_pixels(
    one: Candidate, outputs: Sequence[Output], size: tuple[int, int] | None
) -> Iterator[Candidate]:
    """The candidate, and the same with the pixels of YOLOX where a row stands for each cell of its grids."""
    yield one
    rows = [output.shape[1] for output in outputs if len(output.shape) == 3]
    if one.layout == "yolov5" and size is not None and grid_cells(*size) in rows:
        yield replace(one, pixels=dict(YOLOX_PIXELS))


def _fitting(facts: Facts, outputs: Sequence[Output], size: tuple[int, int] | None) -> Iterator[Candidate]:
    said = [name for name in facts.layouts if name in LAYOUTS]
    wanted = task_types(facts)
    for name in said or LAYOUTS.names:
        kind = LAYOUTS[name]
        by_input = size is not None and kind.recognises_input(outputs, *size)
        recognised = kind.recognises(outputs) or by_input
        if kind.in_boxes and not (said or recognised):
            # Such outputs could be of anything.
            continue
        of = size if by_input else None
        finding = Finding("layout", name, *_signal(name, facts, outputs, bool(said), recognised, of))
        first = said.index(name) if said else 0
        for place, task in enumerate(_ordered(LAYOUTS[name].tasks, outputs)):
            if wanted and task not in wanted:
                continue
            order = wanted.index(task) if wanted else place
            for variant, options in enumerate(_variants(name, task, outputs)):
                fits, classes = _tried(name, task, options, facts, outputs)
                if fits:
                    rank = (first, not recognised, variant, order, _usual(name))
                    yield Candidate(name, task, classes, options, finding, rank)


def _signal(
    name: str,
    facts: Facts,
    outputs: Sequence[Output],
    said: bool,
    recognised: bool,
    size: tuple[int, int] | None,
) -> tuple[str, Sureness]:
    if said:
        return facts.signals.get("layout", facts.family), "found"
    if name == "probabilities" and len(outputs) == 1 and outputs[0].last in ("Softmax", "Sigmoid"):
        return f"output {outputs[0]}, made by {outputs[0].last}", "found"
    shapes = described(outputs)
    if size is not None:
        return f"outputs {shapes} of an input of height {size[0]} and width {size[1]}", "found"
    return (f"outputs {shapes}", "found") if recognised else (f"outputs {shapes}", "guess")


def _usual(name: str) -> int:
    """What is met most, where nothing else decides."""
    return _OFTEN.index(name) if name in _OFTEN else len(_OFTEN)


def _variants(name: str, task: TaskType, outputs: Sequence[Output]) -> Iterator[dict[str, Any]]:
    """What a layout may have to be told beside its name; nothing first."""
    if LAYOUTS[name].in_boxes:
        yield {"boxes": BOXES_TASK}
        return
    own = LAYOUTS[name].Options.model_fields
    if "classes_axis" in own and _classes_come_last(outputs):
        yield {"classes_axis": "last"}
    yield {}
    if "kpt_shape" in own and task is TaskType.KEYPOINT_DETECTION:
        columns = min((size for size in outputs[0].shape[1:] if size is not None), default=0)
        extra = columns - (6 if name == "yolo_nms" else 5)
        if extra > 0 and extra % 2 == 0:
            yield {"kpt_shape": [extra // 2, 2]}
    if "order" in own:
        yield {"order": "rows"}
    if "unit" in own:
        yield {"unit": "share"}


def _classes_come_last(outputs: Sequence[Output]) -> bool:
    """Of a (B, h, w, C) output, as TensorFlow writes it: fewer classes than rows and columns, mostly."""
    for output in outputs:
        if len(output.shape) == 4:
            _, first, second, last = output.shape
            if first is None or second is None or last is None or second == last:
                continue
            return first == second or last < min(first, second)
    return False


def _tried(
    name: str, task: TaskType, options: dict[str, Any], facts: Facts, outputs: Sequence[Output]
) -> tuple[bool, int | None]:
    """Whether a layout takes the outputs, and how many classes there are then."""
    if not _may_be(name, task, outputs, facts):
        return False, None
    found = [_classes(name, task, options, facts, outputs, given) for given in (len(facts.names) or 1, 2)]
    if found[0] is None:
        return False, None
    (classes,) = found[0]
    if facts.names:
        return classes in (None, len(facts.names)), classes
    if LAYOUTS[name].in_boxes:
        return True, 1
    # Where they are as many as one says, the outputs do not tell.
    if classes is None or (classes == 1 and found[1] == (2,)):
        return True, None
    return 0 < classes <= (_MOST_OBJECTS if task in _DETECTS else _MOST_CLASSES), classes


def _may_be(name: str, task: TaskType, outputs: Sequence[Output], facts: Facts) -> bool:
    """Whether names and shapes speak for it, where the file does not say: many shapes could be scores."""
    if name in ("logits", "probabilities"):
        if outputs and outputs[0].dtype.startswith(("int", "uint")):
            return False
        if not facts.layouts:
            ranks = (2, 4) if task is TaskType.CLASSIFICATION else (4,)
            some = [one for one in outputs if len(one.shape) in ranks and not _is_vector(one)]
            if task is TaskType.SEMANTIC_SEGMENTATION:
                # Rows of a few numbers, such as the objects of an SSD, are no scores of pixels.
                return any(_is_large(one) for one in some)
            return bool(some) or not any(len(one.shape) in ranks for one in outputs)
    if name in _OF_ROWS and not facts.layouts:
        return not _are_halves(outputs)
    if name == "db" and not facts.layouts:
        return any(len(one.shape) == 4 and _is_large(one) for one in outputs)
    if name == "label_map" and not facts.layouts:
        # A few rows of a few numbers are no picture.
        return any(_is_picture(one) for one in outputs)
    return True


def _is_vector(one: Output) -> bool:
    return any(word in one.name.lower() for word in ("embed", "feature"))


def _is_large(one: Output) -> bool:
    """Whether two of the sides of (B, C, h, w) or (B, h, w, C) may be those of a map of pixels."""
    return sum(size is None or size >= _SMALLEST for size in one.shape[1:]) >= 2 and (
        (one.shape[2] or _SMALLEST) >= _SMALLEST
    )


def _are_halves(outputs: Sequence[Output]) -> bool:
    """Whether two outputs are about the same rows: boxes and scores apart, each of which could be all."""
    rows = [one.shape[1:] for one in outputs if len(one.shape) == 3]
    return any(
        set(one) & set(other) - {None, 1} and one != other
        for place, one in enumerate(rows)
        for other in rows[place + 1 :]
    )


def _is_picture(one: Output) -> bool:
    sides = [size for size in one.shape[1:] if size not in (1, None)]
    whole = one.dtype.startswith(("int", "uint", "bool"))
    return len(one.shape) > 2 and (not sides or min(sides) >= (2 if whole else _SMALLEST))


def _classes(
    name: str, task: TaskType, options: dict[str, Any], facts: Facts, outputs: Sequence[Output], given: int
) -> tuple[int | None] | None:
    """How many classes a layout sees; None where it does not take the outputs."""
    kind = LAYOUTS[name]
    settings = ReadSettings(
        task_type=task,
        classes=given,
        floor=0.05,
        max_candidates=1000,
        max_masks=100,
        nms_iou=None,
        nms_per_class=True,
        options=kind.Options.model_validate(options),
        classes_are_known=bool(facts.names),
        metadata=facts.metadata,
    )
    try:
        return (kind(settings, outputs).classes,)
    except LayoutError:
        return None


def _ordered(tasks: Sequence[TaskType], outputs: Sequence[Output]) -> list[TaskType]:
    """Task types that a layout can fill, those first that the outputs speak for."""
    names = " ".join(output.name.lower() for output in outputs)
    first = []
    if "keypoint" in names:
        first.append(TaskType.KEYPOINT_DETECTION)
    if "mask" in names or any(len(output.shape) == 4 for output in outputs):
        first += [TaskType.INSTANCE_SEGMENTATION, TaskType.SEMANTIC_SEGMENTATION]
    first += [TaskType.CLASSIFICATION, TaskType.OBJECT_DETECTION, *TaskType]
    return [task for task in dict.fromkeys(first) if task in tasks]
