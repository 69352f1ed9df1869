"""What stands under ``model:`` in ``lightly.yaml``.

Some settings decide what the model says (predict time: a change runs it again), others how that is written
(encode time: a change re-encodes what is stored). :func:`encode_settings` gives the latter; everything else
is part of the model's version.
"""

from difflib import get_close_matches
from pathlib import PurePath
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from lightly_assets.format.rules.messages import field_name, problem_sentence, shown
from lightly_assets.format.schema import TaskType
from lightly_assets.models.preprocess import Preprocess

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


class EncodeSettings(BaseModel):
    """How what a model said is written. A change of these never runs the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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


class _Model(BaseModel):
    """Settings that all kinds share; those of encode time."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    score_threshold: Share | None = None
    nms_iou: Share | None = None
    nms: Nms = "per-category"
    max_detections: Annotated[int, Field(ge=1)] | None = None
    category_map: dict[int, int] | None = None
    probabilities: bool = True
    reduce: Reduce = "median"

    def predict_settings(self) -> dict[str, Any]:
        """Everything that decides what the model says, as JSON values; the base of its version."""
        return self.model_dump(mode="json", exclude=set(ENCODE_FIELDS))

    def _encode(self, **defaults: Any) -> EncodeSettings:
        given = {name: getattr(self, name) for name in ENCODE_FIELDS}
        return EncodeSettings(
            **defaults | {name: value for name, value in given.items() if value is not None}
        )


class PythonModel(_Model):
    """A function or a class of the user's, ``module:name``; its results are stored whole."""

    kind: Literal["python"]
    call: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")]
    """``package.module:name``; modules beside ``lightly.yaml`` can be imported."""
    args: dict[str, Any] = Field(default_factory=dict)
    """A class is instantiated once with these."""
    batch_size: BatchSize = 8
    version: str | None = None
    """Replaces the hash of the module's source in the model's version."""

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:  # noqa: ARG002
        return self._encode()


class _Runtime(_Model):
    """A model in a file whose raw output we read: candidates above a floor are stored."""

    path: str
    """Relative to ``lightly.yaml``."""
    batch_size: BatchSize = 8
    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads of the model; one core less than there are, so that decoding keeps one."""
    floor: Share = FLOOR
    """Candidates below it are not stored; a score_threshold below it lowers it."""
    max_candidates: Annotated[int, Field(ge=1)] = MAX_CANDIDATES
    """The best so many of an image are stored."""
    max_masks: Annotated[int, Field(ge=1)] = MAX_MASKS
    """Of instance masks the best so many of an image, after NMS."""

    @field_validator("path")
    @classmethod
    def _not_empty(cls, value: str) -> str:
        if not PurePath(value).name:
            raise ValueError("path is empty; it must name the model's file")
        return value

    @property
    def stored_floor(self) -> float:
        """The score below which nothing is stored."""
        return self.floor if self.score_threshold is None else min(self.floor, self.score_threshold)

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        for name in ("path", "batch_size", "threads", "floor"):
            settings.pop(name)
        return settings | {"floor": self.stored_floor}


class LayoutModel(_Runtime):
    """A model whose output layout and pre-processing are declared."""

    layout: Literal[
        "yolo",
        "yolov5",
        "yolo_nms",
        "detr",
        "rtdetr",
        "rtdetr_topk",
        "torchvision",
        "logits",
        "probabilities",
        "label_map",
    ]
    preprocess: Preprocess = Preprocess()
    classes: Annotated[int, Field(ge=1)] | None = None
    """How many classes the model has, where its outputs do not tell and they are not the categories."""

    @property
    def nms_is_ours(self) -> bool:
        """Whether the model leaves non-maximum suppression to us."""
        return self.layout in ("yolo", "yolov5")

    def nms_when_predicting(self, task_type: TaskType) -> float | None:
        """The IoU of a suppression before masks are made; None where encoding suppresses."""
        if task_type is not TaskType.INSTANCE_SEGMENTATION or not self.nms_is_ours:
            return None
        return 0.7 if self.nms_iou is None else self.nms_iou

    def predict_settings_for(self, task_type: TaskType) -> dict[str, Any]:
        settings = self.predict_settings()
        iou = self.nms_when_predicting(task_type)
        return settings if iou is None else settings | {"nms_iou": iou, "nms": self.nms}

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:
        detects = task_type not in (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)
        defaults: dict[str, Any] = {"by_position": True, "score_threshold": 0.25 if detects else 0.0}
        if self.layout == "torchvision":
            # Label 0 is the background.
            defaults["first_class"] = 1
        if self.nms_is_ours and detects:
            defaults |= {"nms_iou": 0.7, "max_detections": 300}
        return self._encode(**defaults)


class OnnxModel(LayoutModel):
    """An ONNX file, run by ONNX Runtime."""

    kind: Literal["onnx"]
    providers: list[str] | None = None
    """ONNX Runtime's execution providers, first choice first; the best at hand where not given."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("providers")
        return settings


class TorchModel(LayoutModel):
    """A PyTorch program: exported (``.pt2``) or TorchScript (``.pt``, ``.pth``, ``.torchscript``)."""

    kind: Literal["torch"]
    device: str | None = None
    """``cpu``, ``cuda``, ``cuda:1``; the GPU where there is one."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("device")
        return settings


class UltralyticsModel(_Runtime):
    """A model file that the ultralytics package runs, with its own pre- and post-processing."""

    kind: Literal["ultralytics"]
    imgsz: int | None = None
    device: str | None = None
    trusted: bool = False
    """Its ``.pt`` files are pickles, which can run any code: say true only for files that you trust."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("device")
        settings.pop("trusted")
        return settings | {"nms_iou": 0.7 if self.nms_iou is None else self.nms_iou, "nms": self.nms}

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:
        detects = task_type not in (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)
        # ultralytics has suppressed boxes already, when it predicted.
        settings = self._encode(by_position=True, score_threshold=0.25 if detects else 0.0)
        return settings.model_copy(update={"nms_iou": None})


class CocoModel(_Model):
    """Labels or predictions in a COCO file, as the model."""

    kind: Literal["coco"]
    path: str
    """Relative to ``lightly.yaml``: annotations, or a results list beside ``images``."""
    images: str | None = None
    """For a results list: the annotations file with the images (and categories)."""
    default_score: Share = 1.0
    """The score of a label that has none."""
    missing: Missing = "fail"
    """What happens to an image or video that the file does not list."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        for name in ("path", "images"):
            settings.pop(name)
        return settings

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:  # noqa: ARG002
        return self._encode()


class LightlyModel(_Model):
    """A task folder in the prediction format, as the model."""

    kind: Literal["lightly"]
    path: str
    """Relative to ``lightly.yaml``: the task's folder, such as ``old/.lightly/predictions/people``."""
    missing: Missing = "fail"
    """What happens to an image or frame that has no file."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("path")
        return settings

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:  # noqa: ARG002
        return self._encode()


ModelConfig = Annotated[
    PythonModel | OnnxModel | TorchModel | UltralyticsModel | CocoModel | LightlyModel,
    Field(discriminator="kind"),
]
_KINDS: dict[str, type[_Model]] = {
    "python": PythonModel,
    "onnx": OnnxModel,
    "torch": TorchModel,
    "ultralytics": UltralyticsModel,
    "coco": CocoModel,
    "lightly": LightlyModel,
}
_ADAPTER: TypeAdapter[Any] = TypeAdapter(ModelConfig)


def parse_model(data: Any) -> Any:
    """A model's settings from what ``lightly.yaml`` says.

    Raises:
        ValueError: one sentence with the field, the value and what is allowed.
    """
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        raise ValueError(_problem(error, data)) from None


def _problem(error: ValidationError, data: Any) -> str:
    """The first problem as one sentence about what stands under ``model:``."""
    first = error.errors(include_url=False)[0]
    if not isinstance(data, dict):
        return f"model is {shown(data)}; it must have a kind and what that kind needs."
    kinds = ", ".join(_KINDS)
    if first["type"] == "union_tag_not_found":
        return f"model has no kind; allowed are {kinds}."
    if first["type"] == "union_tag_invalid":
        return f"model.kind is {shown(data.get('kind'))}; allowed are {kinds}."
    field = field_name(first["loc"][1:])
    if first["type"] == "extra_forbidden":
        return _unknown_key(field, data["kind"])
    if first["loc"][-1] == "[key]":
        return (
            f"model.category_map has the key {shown(first['input'])}; it maps numbers of the model's classes "
            "to category ids, such as {0: 1}."
        )
    if first["type"] == "missing" and field == "layout":
        known = ", ".join(get_args(LayoutModel.model_fields["layout"].annotation))
        return f"model.layout is missing; it says how the outputs are to be read: {known}."
    if first["type"] == "missing":
        return f"model.{field} is missing; a model of kind {data['kind']} needs it."
    if first["loc"][-1] == "call":
        return f"model.call is {shown(first['input'])}; it must be package.module:name."
    if first["type"] == "value_error":
        # Validators name their fields themselves.
        owner, dot, _ = field.rpartition(".")
        return f"model.{owner}{dot}{first['ctx']['error']}."
    return problem_sentence(first, f"model.{field}")


def _unknown_key(field: str, kind: str) -> str:
    fields: dict[str, Any] = dict(_KINDS[kind].model_fields)
    owner, _, name = field.rpartition(".")
    if owner == "preprocess":
        fields = dict(Preprocess.model_fields)
    close = get_close_matches(name, fields, n=1)
    if close:
        return f"model.{field} is not a known key (did you mean {close[0]}?)."
    where = "preprocess" if owner else f"a model of kind {kind}"
    return f"model.{field} is not a known key; {where} has {', '.join(fields)}."


def encode_settings(config: Any, task_type: TaskType) -> EncodeSettings:
    """The encode-time settings of a model, defaults of its kind included."""
    settings: EncodeSettings = config.encode_settings(task_type)
    return settings
