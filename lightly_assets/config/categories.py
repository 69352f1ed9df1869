"""Categories that ``lightly.yaml`` leaves out, from the model's file, and those that nobody has named."""

import re
from pathlib import Path
from typing import Any

from lightly_assets.errors import BadValue
from lightly_assets.models.config import FileModel, RawModel, parse_model
from lightly_assets.models.metadata.read import facts_of


def placeholder(number: int) -> str:
    """What ``init`` calls a class of a model whose file does not name it."""
    return f"class_{number}"


def is_placeholder(name: str) -> bool:
    """Whether a category is still called so."""
    return re.fullmatch(r"class_[0-9]+", name) is not None


def with_categories(data: dict[str, Any], base_dir: Path) -> dict[str, Any]:
    """What the project file says, and the classes of models' files as the categories of tasks that have none.

    Raises:
        BadValue: neither says what the categories are; the task is named.
        ModelError: a model's file is damaged.
    """
    tasks = data.get("tasks")
    if not isinstance(tasks, list):
        return data
    return data | {"tasks": [_filled(task, base_dir) for task in tasks]}


def _filled(task: Any, base_dir: Path) -> Any:
    if not isinstance(task, dict) or task.get("categories") is not None:
        return task
    try:
        model = parse_model(task.get("model"))
    except BadValue:
        # Said with the rest of the task.
        return task
    if not isinstance(model, FileModel) and not (isinstance(model, RawModel) and hasattr(model, "path")):
        return task
    where = f"task '{task.get('name')}'"
    path = base_dir / model.path
    if not path.exists():
        raise BadValue(
            f"{where}: categories are missing, and the model file {model.path}, which may name its classes, "
            "does not exist; list categories, or mend model.path."
        )
    names = facts_of(model.file(base_dir) if isinstance(model, FileModel) else path).names
    if not names:
        raise BadValue(
            f"{where}: categories are missing, and the model file {model.path} does not name its classes; "
            "list them in the order of the model, such as categories: [{id: 0, name: person}]."
        )
    return task | {"categories": [{"id": number, "name": name} for number, name in enumerate(names)]}
