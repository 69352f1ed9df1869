"""``lightly.yaml``: read, checked and explained where it is wrong."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lightly_assets.config.categories import with_categories
from lightly_assets.config.project import FILE_NAME, Project
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.format.rules.messages import (
    field_name,
    known_keys,
    problem_sentence,
    problems,
)

# Fields of a project that its file does not hold.
_NO_KEYS = ("base_dir", "file_name", "inline")
# So many problems of a file are told.
_MOST = 8


class ConfigError(LightlyAssetsError):
    """The project file is wrong: one sentence with the file, the field, the value and what is allowed."""


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, which YAML would silently take the last of."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_project(path: Path | str) -> Project:
    """Reads ``lightly.yaml``, or the one in a folder.

    Raises:
        ConfigError: it is missing, no YAML, or says something that is not allowed.
    """
    path = Path(path)
    if path.is_dir():
        path /= FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist; 'lightly-assets init' writes one, and -c names another."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from None
    try:
        data = yaml.load(text, _StrictLoader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise ConfigError(f"{path}{where} cannot be read as YAML: {problem}.") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must be a mapping that starts with 'datasource:'.")
    return parse_project(data, path)


def project_of_sections(sections: dict[str, Any], path: Path) -> Project:
    """A project whose sections stand in another file, such as a component's. Raises ConfigError."""
    return parse_project(sections, path).model_copy(update={"inline": sections})


def load_again(path: Path | str, sections: str | None) -> Project:
    """A project as its file says now; ``sections`` are those of another file, as JSON. Raises ConfigError."""
    return project_of_sections(json.loads(sections), Path(path)) if sections else load_project(path)


def parse_project(data: dict[str, Any], path: Path) -> Project:
    """A project from what its file says. Raises ConfigError."""
    for name in _NO_KEYS:
        if name in data:
            raise ConfigError(f"{path}: {name} is not a known key.")
    where = {"base_dir": path.parent.absolute(), "file_name": path.name}
    try:
        data = with_categories(data, path.parent)
    except LightlyAssetsError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return Project.model_validate(data | where)
    except ValidationError as error:
        raise ConfigError(f"{path}{_all_problems(error, data)}") from None


def _all_problems(error: ValidationError, data: dict[str, Any]) -> str:
    """The problems as a sentence each: nobody should mend and try, mend and try."""
    details = problems(error)
    if len(details) == 1:
        return f": {_sentence(details[0], data)}"
    lines = [_sentence(one, data) for one in details[:_MOST]]
    if len(details) > _MOST:
        lines.append(f"… and {len(details) - _MOST:,} more.")
    return "\n  ".join([f" has {len(details):,} problems:", *lines])


def _sentence(problem: ErrorDetails, data: dict[str, Any]) -> str:
    """A problem as one sentence that names a task by its name, which is what people look for."""
    location = problem["loc"]
    name = _task_name(location, data)
    inside = location if name is None else location[2:]
    keys = [key for key in known_keys(Project, location[:-1]) if key not in _NO_KEYS]
    if problem["type"] == "value_error":
        # Validators name the fields themselves.
        sentence = str(problem["ctx"]["error"]).rstrip(".") + "."
    else:
        sentence = problem_sentence(problem, field_name(inside), keys)
    return sentence if name is None else f"task '{name}': {sentence}"


def _task_name(location: tuple[int | str, ...], data: dict[str, Any]) -> str | None:
    """The name of the task that a problem is inside of; None where it is about no task, or about its name."""
    match location:
        case ("tasks", int(index), *field) if field != ["name"] and isinstance(data["tasks"], list | tuple):
            task = data["tasks"][index]
            name = task.get("name") if isinstance(task, dict) else None
            return name if isinstance(name, str) else None
    return None
