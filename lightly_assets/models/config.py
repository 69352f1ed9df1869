"""What stands under ``model:`` in ``lightly.yaml``.

Some settings decide what the model says (predict time: a change runs it again), others how that is written
(encode time: a change re-encodes what is stored). :func:`encode_settings` gives the latter; everything else
is part of the model's version.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from lightly_assets.errors import BadValue
from lightly_assets.format.registry import Registry
from lightly_assets.format.rules.messages import field_name, problem_sentence, shown
from lightly_assets.format.schema import Category, TaskType
from lightly_assets.models.files import model_file
from lightly_assets.models.layouts.base import LAYOUTS, Layout, LayoutOptions
from lightly_assets.models.preprocess import OF_PARTS, Preprocess
from lightly_assets.models.protocol import ModelError, Runtime
from lightly_assets.settings import Settings

Share = Annotated[float, Field(ge=0, le=1)]
BatchSize = Annotated[int, Field(ge=1)]
Reduce = Literal["median", "mean"]
Nms = Literal["per-category", "all-categories"]
Missing = Literal["fail", "empty"]

# Candidates below this score, or beyond so many in an image, are not stored.
FLOOR = 0.05
MAX_CANDIDATES = 1000
# Masks are stored after NMS, so that their number and their cost stay bounded.
MAX_MASKS = 100

ENCODE_FIELDS = frozenset(
    {"score_threshold", "nms_iou", "nms", "max_detections", "category_map", "probabilities", "reduce"}
)


class EncodeSettings(Settings):
    """How what a model said is written. A change of these never runs the model."""

    score_threshold: Share = 0.0
    """Predictions below it are left out."""
    nms_iou: Share | None = None
    """Of two boxes that overlap more, only the one with the higher score is written; None: no suppression."""
    nms: Nms = "per-category"
    """Whether boxes of different categories suppress each other."""
    max_detections: Annotated[int, Field(ge=1)] | None = None
    """The best so many of an image are written; None: all."""
    category_map: dict[int, int] | None = None
    """Class of the model → category id of the schema; other classes are left out."""
    by_position: bool = False
    """Without a map: classes count the categories of the schema; otherwise they are the categories' ids."""
    first_class: int = 0
    """By position: the class that is the first category."""
    probabilities: bool = True
    """Whether per-class probabilities are written where the model gives them."""
    reduce: Reduce = "median"
    """How the scores of a class's pixels become the score of its mask."""


class ModelSettings(Settings):
    """Settings that all kinds share; those of encode time."""

    model_config = ConfigDict(protected_namespaces=())
    needs: ClassVar[str] = ""
    """For the documentation: what has to be installed."""

    score_threshold: Share | None = None
    nms_iou: Share | None = None
    nms: Nms = "per-category"
    max_detections: Annotated[int, Field(ge=1)] | None = None
    category_map: dict[int, int] | None = None
    probabilities: bool = True
    reduce: Reduce = "median"

    @property
    def boxes_task(self) -> str | None:
        """The task in whose boxes the model looks; None where it looks at whole images."""
        return None

    def predict_settings(self) -> dict[str, Any]:
        """Everything that decides what the model says, as JSON values; the base of its version."""
        return self.model_dump(mode="json", exclude=set(ENCODE_FIELDS))

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:
        """The settings of encode time, with the defaults of this kind."""
        raise NotImplementedError

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:
        """The model, ready to predict for a task with so many categories.

        Raises:
            ModelError: the file is missing, refused or broken, or does not fit the settings or the task.
        """
        raise NotImplementedError

    def load_for(self, task_type: TaskType, categories: Sequence[Category], base_dir: Path) -> Runtime:
        """As :meth:`load`, where the names of the categories matter, too."""
        _check_category_map(self.category_map, categories)
        return self.load(task_type, len(categories), base_dir)

    def _encode(self, **defaults: Any) -> EncodeSettings:
        return EncodeSettings(
            **defaults | {name: value for name, value in self._encode_fields().items() if value is not None}
        )

    def _encode_fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ENCODE_FIELDS}


def _check_category_map(given: dict[int, int] | None, categories: Sequence[Category]) -> None:
    known = [one.id for one in categories]
    for category in (given or {}).values():
        if category not in known:
            shown = ", ".join(map(str, known[:10])) + (", …" if len(known) > 10 else "")
            raise ModelError(f"category_map leads to the category id {category}; the task has {shown}.")


class RawModel(ModelSettings):
    """A model whose raw output we read: candidates above a floor are stored."""

    batch_size: BatchSize = 8
    threads: Annotated[int, Field(ge=1)] | None = None
    """Cores that the model may use; ONNX files all of them, others one less, so that decoding keeps one."""
    floor: Share = FLOOR
    """Candidates below it are not stored; a score_threshold below it lowers it."""
    max_candidates: Annotated[int, Field(ge=1)] = MAX_CANDIDATES
    """The best so many of an image are stored."""
    max_masks: Annotated[int, Field(ge=1)] = MAX_MASKS
    """Of instance masks the best so many of an image, after NMS."""

    @property
    def stored_floor(self) -> float:
        """The score below which nothing is stored."""
        return self.floor if self.score_threshold is None else min(self.floor, self.score_threshold)

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        for name in ("batch_size", "threads", "floor"):
            settings.pop(name)
        return settings | {"floor": self.stored_floor}


class FileModel(RawModel):
    """A model in a file."""

    path: str
    """Relative to ``lightly.yaml``."""
    metadata: Literal["check", "ignore"] = "check"
    """What the file, or one beside it, says is used and must not be contradicted; or is ignored."""

    @field_validator("path")
    @classmethod
    def _not_empty(cls, value: str) -> str:
        if not PurePath(value).name:
            raise BadValue("path is empty; it must name the model's file")
        return value

    def file(self, base_dir: Path) -> Path:
        """The file that is meant; of a folder that an exporter writes, the model in it.

        Raises:
            ModelError: there is none.
        """
        return model_file(self.path, base_dir)

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("path")
        # What it decides is part of the pixels.
        settings.pop("metadata")
        return settings


class LayoutModel(RawModel):
    """A model whose output layout and pre-processing are declared."""

    layout: str
    """The name of one of :data:`~lightly_assets.models.layouts.base.LAYOUTS`."""
    preprocess: Preprocess = Preprocess()
    classes: Annotated[int, Field(ge=1)] | None = None
    """How many classes the model has, where its outputs do not tell and they are not the categories."""
    options: LayoutOptions = LayoutOptions()
    """What the layout can be told; in YAML its keys stand beside ``layout``."""

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, data: Any) -> Any:
        """The layout's own keys stand beside the others."""
        layout = _layout(data) if isinstance(data, dict) else None
        if layout is None or "options" in data:
            return data
        own = layout.Options.model_fields
        given = {name: value for name, value in data.items() if name in own}
        rest = {name: value for name, value in data.items() if name not in own}
        return rest | {"options": layout.Options.model_validate(given)}

    @field_validator("layout")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in LAYOUTS:
            raise BadValue(LAYOUTS.refusal("layout", value))
        return value

    @model_validator(mode="after")
    def _parts_are_cut_out(self) -> Self:
        if not self.kind_of_layout.in_boxes:
            return self
        useless = [name for name in self.preprocess.given() if name not in OF_PARTS]
        if useless:
            raise BadValue(
                f"preprocess.{useless[0]} has no use with layout {self.layout}: what lies around a box is "
                f"cut out in the size of the model's input; leave it out ({', '.join(OF_PARTS)} can be said)"
            )
        for name in ("category_map", "classes"):
            if getattr(self, name) is not None:
                raise BadValue(
                    f"{name} has no use with layout {self.layout}: objects have the categories of their "
                    "boxes; box_categories says which boxes"
                )
        return self

    @property
    def boxes_task(self) -> str | None:
        return getattr(self.options, "boxes", None)

    @property
    def kind_of_layout(self) -> type[Layout]:
        """The class that reads the outputs."""
        return LAYOUTS[self.layout]

    @property
    def nms_is_ours(self) -> bool:
        """Whether the model leaves non-maximum suppression to us."""
        return self.kind_of_layout.suppression == "ours"

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("options")
        # Only what is said: options that come later change no version of today.
        return settings | self.options.model_dump(mode="json", exclude_defaults=True)

    def nms_when_predicting(self, task_type: TaskType) -> float | None:
        """The IoU of a suppression before masks are made; None where encoding suppresses."""
        first = task_type is TaskType.INSTANCE_SEGMENTATION or self.kind_of_layout.suppresses_when_predicting
        if not first or not self.nms_is_ours:
            return None
        return 0.7 if self.nms_iou is None else self.nms_iou

    def predict_settings_for(self, task_type: TaskType) -> dict[str, Any]:
        settings = self.predict_settings()
        iou = self.nms_when_predicting(task_type)
        return settings if iou is None else settings | {"nms_iou": iou, "nms": self.nms}

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:
        detects = task_type not in (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)
        defaults: dict[str, Any] = {"by_position": True, "score_threshold": 0.25 if detects else 0.0}
        if first := self.options.first_class_of(self.kind_of_layout):
            defaults["first_class"] = first
        if self.nms_is_ours and detects:
            defaults |= {"nms_iou": 0.7, "max_detections": 300}
        if self.kind_of_layout.in_boxes:
            # The task of the boxes has left out what is not sure enough.
            defaults["score_threshold"] = 0.0
        settings = self._encode(**defaults)
        if self.kind_of_layout.suppresses_when_predicting:
            settings = settings.model_copy(update={"nms_iou": None})
        return settings


class FileLayoutModel(LayoutModel, FileModel):
    """A file whose output layout and pre-processing are declared."""


def _layout(data: dict[str, Any]) -> type[Layout] | None:
    name = data.get("layout")
    return LAYOUTS.get(name) if isinstance(name, str) else None


KINDS: Registry[type[ModelSettings]] = Registry("kind of model", "lightly_assets.models.runtimes")
"""Settings by the kind of the model; each is declared in the file of its runtime."""


def parse_model(data: Any) -> Any:
    """A model's settings from what ``lightly.yaml`` says.

    Raises:
        BadValue: one sentence with the field, the value and what is allowed.
    """
    if not isinstance(data, dict):
        raise BadValue(f"model is {shown(data)}; it must have a kind and what that kind needs.")
    kind = data.get("kind")
    if kind is None:
        raise BadValue(f"model has no kind; allowed are {', '.join(KINDS.names)}.")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadValue(KINDS.refusal("model.kind", kind))
    try:
        return KINDS[kind].model_validate(data)
    except ValidationError as error:
        raise BadValue(_problem(error, data)) from None


def _problem(error: ValidationError, data: Any) -> str:
    """The first problem as one sentence about what stands under ``model:``."""
    first = error.errors(include_url=False)[0]
    field = field_name(tuple(part for part in first["loc"] if part != "options"))
    if first["type"] == "extra_forbidden":
        return _unknown_key(field, data)
    last = first["loc"][-1] if first["loc"] else ""
    if last == "[key]":
        return (
            f"model.category_map has the key {shown(first['input'])}; it maps numbers of the model's classes "
            "to category ids, such as {0: 1}."
        )
    if first["type"] == "missing" and field == "layout":
        known = ", ".join(LAYOUTS.names)
        return f"model.layout is missing; it says how the outputs are to be read: {known}."
    if first["type"] == "missing":
        return f"model.{field} is missing; a model of kind {data['kind']} needs it."
    if last == "call":
        return f"model.call is {shown(first['input'])}; it must be package.module:name."
    if first["type"] == "value_error":
        # Validators name their fields themselves.
        owner, dot, _ = field.rpartition(".")
        return f"model.{owner}{dot}{str(first['ctx']['error']).rstrip('.')}."
    return problem_sentence(first, f"model.{field}")


def _unknown_key(field: str, data: dict[str, Any]) -> str:
    kind, layout = data["kind"], _layout(data)
    own = {} if layout is None else layout.Options.model_fields
    fields = [name for name in KINDS[kind].model_fields if name != "options"] + list(own)
    owner, _, name = field.rpartition(".")
    if owner == "preprocess":
        fields = list(Preprocess.model_fields)
    close = get_close_matches(name, fields, n=1)
    if close:
        return f"model.{field} is not a known key (did you mean {close[0]}?)."
    where = "preprocess" if owner else f"a model of kind {kind}"
    return f"model.{field} is not a known key; {where} has {', '.join(fields)}."


def encode_settings(config: Any, task_type: TaskType) -> EncodeSettings:
    """The encode-time settings of a model, defaults of its kind included."""
    settings: EncodeSettings = config.encode_settings(task_type)
    return settings
