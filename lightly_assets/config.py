"""The project file ``lightly.yaml``: read, checked and explained where it is wrong."""

import re
from collections.abc import Hashable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lightly_assets.errors import BadValue, LightlyAssetsError
from lightly_assets.format.rules.messages import (
    field_name,
    first_problem,
    known_keys,
    more_problems,
    problem_sentence,
    problems,
)
from lightly_assets.format.schema import Category, Schema, TaskType
from lightly_assets.format.tasks import validate_task_name
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.storage import StorageError
from lightly_assets.storage.open import check_slashes
from lightly_assets.storage.options import StorageOptions

FILE_NAME = "lightly.yaml"
# Fields of a project that its file does not hold.
_NO_KEYS = ("base_dir", "file_name")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class ConfigError(LightlyAssetsError):
    """The project file is wrong: one sentence with the file, the field, the value and what is allowed."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Datasource(_Section):
    """The three roots: folders (relative to ``lightly.yaml``) or URLs such as ``s3://bucket/prefix/``."""

    input: Annotated[str, Field(min_length=1)]
    """Videos and images; only read."""
    lightly: Annotated[str, Field(min_length=1)]
    """Where ``.lightly/predictions`` is published."""
    state: Annotated[str, Field(min_length=1)]
    """What is remembered between runs: stored predictions, manifests, the index."""

    @field_validator("input", "lightly", "state")
    @classmethod
    def _whole_url(cls, root: str, info: ValidationInfo) -> str:
        try:
            check_slashes(root)
        except StorageError as error:
            raise BadValue(f"datasource.{info.field_name}: {error}") from None
        return root


class Storage(StorageOptions):
    """Options of all three roots, and what differs for one of them."""

    input: StorageOptions | None = None
    lightly: StorageOptions | None = None
    state: StorageOptions | None = None

    def of(self, root: Literal["input", "lightly", "state"]) -> StorageOptions:
        """The options of one root."""
        common = self.model_dump(exclude={"input", "lightly", "state"}, exclude_unset=True)
        own: StorageOptions | None = getattr(self, root)
        return StorageOptions(**common | (own.model_dump(exclude_unset=True) if own else {}))


class Frames(_Section):
    """What happens to decoded frames beside going to the models."""

    export: Literal["none", "png"] = "none"
    """``png``: every frame is also written below the state, named as the specification says."""


class Sensor(_Section):
    """How the sensor ``new_input`` looks for work, and how much it asks for at once."""

    running: bool = False
    """Whether it runs without being switched on in the UI: its first tick asks for everything there is."""
    interval_seconds: Annotated[int, Field(ge=1)] = 30
    """The least time between two looks."""
    stable_seconds: Annotated[float, Field(ge=0)] = 60
    """A file this old is taken as complete at once; a younger one when two looks saw the same."""
    list_seconds: Annotated[float, Field(gt=0, le=40)] = 20
    """The longest that one look lists the input; the next one goes on from there."""
    partitions: Annotated[int, Field(ge=1)] = 500
    """The most partitions in a run."""
    inputs: Annotated[int, Field(ge=1)] = 5_000
    """The most inputs in a run."""
    bytes: Annotated[int, Field(ge=1)] = 64 << 30
    """A run gets no further input once it has this much."""
    runs: Annotated[int, Field(ge=1)] = 2
    """The most runs that are under way or waiting; more work is asked for when one of them ends."""


class Task(_Section):
    """A prediction task: its schema, and the model that fills it."""

    name: str
    task_type: TaskType
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]
    model: Any
    """Settings of a runtime, see :mod:`lightly_assets.models.config`."""

    @field_validator("name")
    @classmethod
    def _usable_name(cls, name: str) -> str:
        validate_task_name(name)
        return name

    @field_validator("model", mode="before")
    @classmethod
    def _known_model(cls, model: Any) -> Any:
        return parse_model(model)

    @model_validator(mode="after")
    def _valid_schema(self) -> Self:
        try:
            Schema(task_type=self.task_type, categories=self.categories)
        except ValidationError as error:
            raise BadValue(first_problem(error)) from None
        encode_settings(self.model, self.task_type)
        return self

    @cached_property
    def schema_(self) -> Schema:
        """The task's ``schema.json``, categories sorted by id."""
        return Schema(task_type=self.task_type, categories=self.categories)


class Project(_Section):
    """Everything that ``lightly.yaml`` says."""

    datasource: Datasource
    include: Annotated[tuple[str, ...], Field(min_length=1)] = ("**",)
    """Globs on input keys: ``*`` stays in a folder, ``**`` does not."""
    exclude: tuple[str, ...] = ()
    boxes: Literal["clip", "strict"] = "clip"
    """Boxes that leave their image are cut, or are errors."""
    partitions: Literal["video", "day"] = "video"
    day_pattern: str = r"(?<!\d)(?P<year>\d{4})[-_/]?(?P<month>\d{2})[-_/]?(?P<day>\d{2})"
    """With ``partitions: day``: where a key holds its date."""
    on_damage: Literal["fail", "keep"] = "fail"
    """What happens to a video that does not decode to its end."""
    probability_tolerance: Annotated[float, Field(ge=0, le=0.5)] = 1e-3
    """How far from 1 the sum of a prediction's probabilities may be."""
    frames: Frames = Frames()
    orphans: Literal["keep", "delete"] = "keep"
    """Published files of inputs that are gone: reported and left to ``gc``, or deleted by the next run."""
    sensor: Sensor = Sensor()
    tasks: tuple[Task, ...] = ()
    storage: Storage = Storage()
    worker_run: dict[str, Any] | None = None
    """Settings of the Lightly Worker run that may follow."""

    base_dir: Path = Path()
    """The folder of the file; not a key of it."""
    file_name: str = FILE_NAME
    """The name of the file; not a key of it."""

    @field_validator("tasks")
    @classmethod
    def _unique_names(cls, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
        names = [task.name.lower() for task in tasks]
        for name in names:
            if names.count(name) > 1:
                raise BadValue(
                    f"tasks has '{name}' twice; names must differ in more than upper and lower case"
                )
        return tasks

    @field_validator("day_pattern")
    @classmethod
    def _date_groups(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise BadValue(f"day_pattern {pattern!r} is no regular expression ({error})") from None
        if {"year", "month", "day"} - set(groups):
            raise BadValue(f"day_pattern {pattern!r} must have the named groups year, month and day")
        return pattern

    @model_validator(mode="after")
    def _frames_are_no_input(self) -> Self:
        same = self.root("state").rstrip("/") == self.root("input").rstrip("/")
        if same and self.frames.export == "png":
            raise BadValue(
                "frames.export is 'png' and datasource.state is datasource.input, so exported frames would "
                "be taken for input; give the state a folder of its own"
            )
        return self

    @cached_property
    def own_folders(self) -> tuple[str, ...]:
        """Folders of the input root that hold what is ours, as key prefixes: never taken for input."""
        inside = self.root("input").rstrip("/") + "/"
        ours = [f"{str(place).rstrip('/')}/" for place in (self.root("state"), self.local_state)]
        below = {place.removeprefix(inside) for place in ours if place.startswith(inside) and place != inside}
        return (".lightly/", *sorted(below))

    def root(self, name: Literal["input", "lightly", "state"]) -> str:
        """A root as an absolute path or URL."""
        value: str = getattr(self.datasource, name)
        if _URL.match(value):
            return value
        return str((self.base_dir / Path(value).expanduser()).resolve())

    def storage_of(self, name: Literal["input", "lightly", "state"]) -> StorageOptions:
        """The options of a root, with paths relative to the project file made absolute."""
        options = self.storage.of(name)
        if options.ca_file is None:
            return options
        return options.model_copy(update={"ca_file": self.base_dir / options.ca_file.expanduser()})

    @property
    def path(self) -> Path:
        """The project file."""
        return self.base_dir / self.file_name

    @property
    def local_state(self) -> Path:
        """A folder on this machine for what cannot lie in object storage: the index, Dagster's instance."""
        root = self.root("state")
        if not _URL.match(root):
            return Path(root)
        return self.base_dir.resolve() / ".lightly_assets"

    def task(self, name: str) -> Task:
        """The task of a name. Raises KeyError."""
        return next(task for task in self.tasks if task.name == name)


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


def parse_project(data: dict[str, Any], path: Path) -> Project:
    """A project from what its file says. Raises ConfigError."""
    for name in _NO_KEYS:
        if name in data:
            raise ConfigError(f"{path}: {name} is not a known key.")
    where = {"base_dir": path.parent.absolute(), "file_name": path.name}
    try:
        return Project.model_validate(data | where)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error, data)}") from None


def _first_problem(error: ValidationError, data: dict[str, Any]) -> str:
    """The first problem as one sentence that names a task by its name, which is what people look for."""
    details = problems(error)
    problem, location = details[0], details[0]["loc"]
    name = _task_name(location, data)
    inside = location if name is None else location[2:]
    keys = [key for key in known_keys(Project, location[:-1]) if key not in _NO_KEYS]
    if problem["type"] == "value_error":
        # Validators name the fields themselves.
        sentence = str(problem["ctx"]["error"]).rstrip(".") + "."
    else:
        sentence = problem_sentence(problem, field_name(inside), keys)
    where = "" if name is None else f"task '{name}': "
    return where + sentence.rstrip(".") + more_problems(len(details) - 1) + "."


def _task_name(location: tuple[int | str, ...], data: dict[str, Any]) -> str | None:
    """The name of the task that a problem is inside of; None where it is about no task, or about its name."""
    match location:
        case ("tasks", int(index), *field) if field != ["name"] and isinstance(data["tasks"], list | tuple):
            task = data["tasks"][index]
            name = task.get("name") if isinstance(task, dict) else None
            return name if isinstance(name, str) else None
    return None
