"""Tasks whose models look into the boxes of another task, as ``model.boxes`` names it."""

from collections.abc import Sequence

from lightly_assets.config.task import Task
from lightly_assets.errors import BadValue
from lightly_assets.format.schema import TaskType

WITHOUT_BOXES = (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)


def boxes_task(task: Task) -> str | None:
    """The task in whose boxes a task's model looks; None where it looks at whole images."""
    name: str | None = task.model.boxes_task
    return name


def check_boxes(tasks: Sequence[Task]) -> None:
    """Raises BadValue where the boxes of a task cannot be those of the task that it names."""
    by_name = {task.name: task for task in tasks}
    for task in tasks:
        name = boxes_task(task)
        if name is None:
            continue
        says = f"task '{task.name}': model.boxes names '{name}'"
        if name not in by_name:
            others = ", ".join(one for one in by_name if one != task.name) or "no other"
            raise BadValue(f"{says}, which is no task; there are {others}")
        if by_name[name].task_type in WITHOUT_BOXES:
            raise BadValue(f"{says}, a task of {by_name[name].task_type}, which has no boxes to look into")
        round_trip = [task.name]
        while (following := boxes_task(by_name[round_trip[-1]])) is not None and following in by_name:
            round_trip.append(following)
            if following == task.name:
                way = " → ".join(round_trip)
                raise BadValue(
                    f"{says}, whose boxes come from itself ({way}); one of them must look at whole images"
                )
            if len(round_trip) > len(tasks):
                break  # The circle is one of others, who say so.
        box_classes(task, by_name[name])


def box_classes(task: Task, of: Task) -> dict[int, int]:
    """Category id of the boxes' task → class of the task that looks into them, for those that are wanted.

    Raises:
        BadValue: nothing tells which, or of what class they would be.
    """
    own = {one.name: place for place, one in enumerate(task.schema_.categories)}
    theirs = {one.name: one.id for one in of.schema_.categories}
    given: tuple[str, ...] | None = task.model.options.box_categories
    unknown = [name for name in given or () if name not in theirs]
    if unknown:
        raise BadValue(
            f"task '{task.name}': model.box_categories names '{unknown[0]}'; the categories of "
            f"'{of.name}' are {', '.join(theirs)}"
        )
    wanted = list(theirs if given is None else dict.fromkeys(given))
    if given is None and not (len(own) == len(theirs) == 1):
        wanted = [name for name in theirs if name in own]
    if not wanted:
        raise BadValue(
            f"task '{task.name}': no category of '{of.name}', in whose boxes it looks, has the name of one "
            f"of its own ({', '.join(own)}); say box_categories beside layout, some of {', '.join(theirs)}"
        )
    strange = [name for name in wanted if name not in own]
    if len(own) > 1 and strange:
        raise BadValue(
            f"task '{task.name}': a box of '{strange[0]}' would have none of its categories "
            f"({', '.join(own)}); give them the same names, or one category for all"
        )
    return {theirs[name]: own.get(name, 0) for name in wanted}


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """Tasks, those behind others in whose boxes they look; else as given."""
    by_name = {task.name: task for task in tasks}
    found: dict[str, Task] = {}

    def add(task: Task) -> None:
        name = boxes_task(task)
        if name is not None and name not in found:
            add(by_name[name])
        found[task.name] = task

    for task in tasks:
        if task.name not in found:
            add(task)
    return list(found.values())
