"""The project's tasks as the pipeline needs them: schema, settings, and a model, loaded when needed."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from lightly_assets.config import Project, Task
from lightly_assets.config.sections.boxes import box_classes, boxes_task, in_order
from lightly_assets.encoding.encode import TaskSettings
from lightly_assets.errors import BadValue
from lightly_assets.format.names.suffixes import InputKind
from lightly_assets.format.schema import Schema
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings
from lightly_assets.models.preprocess import Shrinking
from lightly_assets.models.protocol import LooksUp, Model, ModelError
from lightly_assets.pipeline.state.records import version

# Raise it when the same file gives other frames, or other pixels.
DECODE_CODE_VERSION = 1
# Part of the version of tasks that look into boxes: raise it when other pixels are cut out for the same box.
_CROP_VERSION = 1


@dataclass(frozen=True)
class TaskSetup:
    """A task of the project."""

    config: Task
    project: Project
    of: "TaskSetup | None" = None
    """The task in whose boxes the model looks; None where it looks at whole images."""

    @property
    def name(self) -> str:
        return self.config.name

    @cached_property
    def schema(self) -> Schema:
        return self.config.schema_

    @cached_property
    def settings(self) -> TaskSettings:
        """Everything that decides how results are written."""
        return TaskSettings(
            self.schema,
            encode_settings(self.config.model, self.config.task_type),
            self.project.boxes,
            self.project.probability_tolerance,
        )

    @cached_property
    def settings_hash(self) -> str:
        return self.settings.hash()[:24]

    @cached_property
    def model(self) -> Model:
        """The model, loaded once.

        Raises:
            ModelError: it cannot be loaded; the message names the task.
        """
        try:
            return load_model(
                self.config.model,
                task_type=self.config.task_type,
                categories=self.schema.categories,
                base_dir=self.project.base_dir,
            )
        except ModelError as error:
            raise ModelError(f"Task '{self.name}': {error}") from error.__cause__

    def meet(self, keys: Collection[str]) -> None:
        """Tell the model which inputs there are.

        Raises:
            ModelError: it cannot be loaded, or is labels that do not fit them.
        """
        try:
            if "looks_up" not in self.__dict__ or self.looks_up:
                self.model.meet(keys)
        except ModelError as error:
            text = str(error)
            raise ModelError(text if text.startswith("Task '") else f"Task '{self.name}': {text}") from None

    @cached_property
    def model_version(self) -> str:
        """Where the model looks into boxes, all that decides which boxes there are is part of it."""
        own = self.model.version[:24]
        if self.of is None:
            return own
        decides = self.of.model_version, self.of.settings_hash, sorted(self.box_classes.items())
        return version(own, _CROP_VERSION, *decides)

    @cached_property
    def box_classes(self) -> dict[int, int]:
        """Category id of the boxes that are looked into → class of this task."""
        return {} if self.of is None else box_classes(self.config, self.of.config)

    @cached_property
    def looks_up(self) -> bool:
        """Whether the model is labels, which have to meet the inputs."""
        return isinstance(getattr(self.model, "runtime", self.model), LooksUp)

    @cached_property
    def shrinking(self) -> Shrinking | None:
        """The size that the model wants frames in that are resized before they are RGB; None: as they are."""
        return getattr(self.model, "shrinking", None)

    def let_go(self) -> None:
        """Free the memory of a model that others run; what it is remains known."""
        if self.model_version and not self.looks_up:
            self.__dict__.pop("model", None)


def task_setups(project: Project, names: tuple[str, ...] | None = None) -> dict[str, TaskSetup]:
    """The project's tasks by name, behind those in whose boxes they look; only some where names are given.

    Raises:
        BadValue: a name is no task of the project.
    """
    known: dict[str, TaskSetup] = {}
    for task in in_order(project.tasks):
        known[task.name] = TaskSetup(task, project, known.get(boxes_task(task) or ""))
    for name in names or ():
        if name not in known:
            raise BadValue(
                f"There is no task '{name}'; {project.path} has {', '.join(known) or 'no task at all'}."
            )
    return known if names is None else {name: known[name] for name in known if name in names}


def decode_version(project: Project, kind: InputKind) -> str:
    """Hash of what decides which frames an input has, beside its content."""
    if kind == "video":
        return version(kind, DECODE_CODE_VERSION, project.on_damage)
    # The default says nothing, so that images that were predicted before there was another stay up to date.
    sixteen_bit = project.images.sixteen_bit
    return version(kind, DECODE_CODE_VERSION, "" if sixteen_bit == "high-byte" else sixteen_bit)


def frames_version(project: Project, kind: InputKind) -> str:
    """Like :func:`decode_version`, and whether a video's frames are exported."""
    decode = decode_version(project, kind)
    return version(decode, "png") if kind == "video" and project.frames.export == "png" else decode
