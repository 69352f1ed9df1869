"""The project: all that ``lightly.yaml`` says."""

import re
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lightly_assets.config.datasource import DatasourceSettings
from lightly_assets.config.engine import EngineSettings
from lightly_assets.config.frames import FrameSettings, ImageSettings
from lightly_assets.config.graph import GraphSettings
from lightly_assets.config.section import Section
from lightly_assets.config.sections.boxes import WITHOUT_BOXES, check_boxes
from lightly_assets.config.sections.embeddings import EmbeddingSettings
from lightly_assets.config.sensor import SensorSettings
from lightly_assets.config.storage import RootsSettings
from lightly_assets.config.task import Task
from lightly_assets.errors import BadValue
from lightly_assets.models.runtimes.shared.label_lookup import LabelModel
from lightly_assets.storage.settings import StorageSettings

FILE_NAME = "lightly.yaml"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Project(Section):
    """Everything that ``lightly.yaml`` says."""

    datasource: DatasourceSettings
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
    frames: FrameSettings = FrameSettings()
    images: ImageSettings = ImageSettings()
    pictures: bool = True
    """Whether Dagster's UI gets small pictures of frames with their predictions; without, none are made."""
    orphans: Literal["keep", "delete"] = "keep"
    """Published files of inputs that are gone: reported and left to ``gc``, or deleted by the next run."""
    sensor: SensorSettings = SensorSettings()
    engine: EngineSettings = EngineSettings()
    tasks: tuple[Task, ...] = ()
    embeddings: EmbeddingSettings | None = None
    """Vectors of frames and objects, for `select`; none where the section is missing."""
    storage: RootsSettings = RootsSettings()
    dagster: GraphSettings = GraphSettings()
    worker_run: dict[str, Any] | None = None
    """Settings of the Lightly Worker run that may follow."""

    base_dir: Path = Path()
    """The folder of the file; not a key of it."""
    file_name: str = FILE_NAME
    """The name of the file; not a key of it."""
    inline: dict[str, Any] | None = None
    """What the project was made from, where that was no ``lightly.yaml``; not a key of it."""

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
    def _embedded_objects_have_boxes(self) -> Self:
        types = {task.name: task.task_type for task in self.tasks}
        for name in self.embeddings.objects if self.embeddings else ():
            if name not in types:
                known = ", ".join(types) or "none"
                raise BadValue(f"embeddings.objects names '{name}', which is no task; there are {known}")
            if types[name] in WITHOUT_BOXES:
                raise BadValue(
                    f"embeddings.objects names '{name}', a task of {types[name]}, which has no boxes to cut "
                    "objects out"
                )
        return self

    @model_validator(mode="after")
    def _boxes_come_from_a_task(self) -> Self:
        check_boxes(self.tasks)
        return self

    @model_validator(mode="after")
    def _frames_are_no_input(self) -> Self:
        same = self.root("state").rstrip("/") == self.root("input").rstrip("/")
        if same and self.frames.export == "png":
            raise BadValue(
                "frames.export is 'png' and datasource.state is datasource.input, so exported frames would "
                "be taken for input; give the state a folder of its own"
            )
        return self

    @model_validator(mode="after")
    def _frames_come_in_one_way(self) -> Self:
        """A video is decoded once for all tasks: to small frames, or to whole ones."""
        small = [task.name for task in self.tasks if _source(task.model) == "yuv"]
        whole = [task.name for task in self.tasks if _source(task.model) == "rgb"]
        if small and whole:
            raise BadValue(
                f"task '{small[0]}' has preprocess.source: yuv, and task '{whole[0]}' needs whole frames of "
                "the same videos; leave it out, or give the tasks projects of their own"
            )
        if self.embeddings is not None and (small or _source(self.embeddings.model) == "yuv"):
            raise BadValue(
                "embeddings need whole frames, and preprocess.source is yuv; leave one of them out, or give "
                "them a project of their own"
            )
        if small and self.frames.export == "png":
            raise BadValue(
                f"task '{small[0]}' has preprocess.source: yuv, and frames.export is png, which needs whole "
                "frames; leave one of them out"
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

    def storage_of(self, name: Literal["input", "lightly", "state"]) -> StorageSettings:
        """The settings of a root, with paths relative to the project file made absolute."""
        options = self.storage.of(name)
        if options.ca_file is None:
            return options
        return options.model_copy(update={"ca_file": self.base_dir / options.ca_file.expanduser()})

    @property
    def embedding_names(self) -> list[str]:
        """What records call the embeddings; nothing where there are none."""
        return [] if self.embeddings is None else self.embeddings.names

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
        ours = self.base_dir.resolve() / ".lightly_assets"
        # Several components may stand in one folder; a lightly.yaml has one to itself.
        return ours if self.inline is None else ours / sha256(root.encode()).hexdigest()[:12]

    def task(self, name: str) -> Task:
        """The task of a name. Raises KeyError."""
        return next(task for task in self.tasks if task.name == name)


def _source(model: object) -> str | None:
    """What a model wants frames to be made of; None for labels, which do not look at them."""
    if isinstance(model, LabelModel):
        return None
    preprocess = getattr(model, "preprocess", None)
    return (preprocess and preprocess.source) or "rgb"
