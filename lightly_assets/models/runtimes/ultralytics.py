"""Model files run by the ultralytics package, with its own pre- and post-processing."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, EncodeSettings, FileModel
from lightly_assets.models.files import file_hash, model_file, refuse_pickle, version_of
from lightly_assets.models.metadata.read import facts_for
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source

CODE_VERSION = 1

_SAFE_SUFFIXES = (".onnx", ".torchscript")
_WANTED = "ONNX (.onnx) or TorchScript (.torchscript), or say 'trusted: true' if you know who made it"
_THREADS = "OMP_NUM_THREADS"
_TASKS = {
    TaskType.CLASSIFICATION: "classify",
    TaskType.OBJECT_DETECTION: "detect",
    TaskType.KEYPOINT_DETECTION: "pose",
    TaskType.INSTANCE_SEGMENTATION: "segment",
    TaskType.SEMANTIC_SEGMENTATION: "semantic",
}


@KINDS.register("ultralytics")
class UltralyticsModel(FileModel):
    """A model file that the ultralytics package runs, with its own pre- and post-processing."""

    needs = "`ultralytics`, with torch"
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

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:
        return UltralyticsRuntime(self, task_type, categories, base_dir)


class UltralyticsRuntime:
    """``YOLO(path)``; its results are converted by :func:`~lightly_assets.models.conversions.as_result`."""

    def __init__(
        self, config: UltralyticsModel, task_type: TaskType, categories: int, base_dir: Path
    ) -> None:
        if task_type not in _TASKS:
            raise ModelError(f"ultralytics models cannot do {task_type}; its tasks are {', '.join(_TASKS)}.")
        self.path = model_file(config.path, base_dir)
        if not config.trusted:
            _refuse_untrusted(self.path)
        self._config, self._model = config, _load(self.path, _TASKS[task_type])
        self._check(task_type, categories)
        self._check_size()
        names = self._model.names
        given = names.items() if isinstance(names, dict) else enumerate(names)
        self.class_names = tuple(str(name) for _, name in sorted(given))
        self.batch_size = config.batch_size
        self.version = version_of(
            file_hash(self.path), config.predict_settings() | {"task_type": task_type}, CODE_VERSION
        )

    def _check(self, task_type: TaskType, categories: int) -> None:
        if self._model.task != _TASKS[task_type]:
            raise ModelError(
                f"The model {self.path.name} is for '{self._model.task}', but the task is {task_type}."
            )
        classes = len(self._model.names)
        if self._config.category_map is None and classes != categories:
            raise ModelError(
                f"The model {self.path.name} has {classes} classes, but the task has {categories} "
                "categories; list as many, or say with category_map which class is which category id."
            )

    def _check_size(self) -> None:
        """An export of one size is run at that size, whatever else is said."""
        facts = facts_for(self._config, self.path)
        said, wanted = self._config.imgsz, facts.pixels.size
        if said and wanted and facts.pixels.multiple is None and (said, said) != wanted:
            shown = wanted[0] if wanted[0] == wanted[1] else list(wanted)
            raise ModelError(
                f"imgsz is {said}, but the model {self.path.name} was exported with {shown} "
                f"({facts.signals['size']}), and is run at that; leave imgsz out."
            )

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Any]:  # noqa: ARG002
        """ultralytics ``Results``, one per image."""
        config = self._config
        import cv2  # of ultralytics

        # It takes arrays as OpenCV reads them, blue first; OpenCV turns them ten times faster than NumPy.
        batch = [cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR) for image in images]
        settings: dict[str, Any] = {"imgsz": config.imgsz} if config.imgsz else {}
        if config.device:
            settings["device"] = config.device
        results: Sequence[Any] = self._model.predict(
            batch,
            conf=max(config.stored_floor, 1e-3),
            iou=0.7 if config.nms_iou is None else config.nms_iou,
            agnostic_nms=config.nms == "all-categories",
            max_det=min(config.max_candidates, 300 if self._model.task != "segment" else config.max_masks),
            retina_masks=True,
            verbose=False,
            stream=False,
            save=False,
            **settings,
        )
        return results


def _refuse_untrusted(path: Path) -> None:
    """Raises ModelError for files that ultralytics would unpickle; it goes by their suffix."""
    refuse_pickle(path, _WANTED)
    if path.suffix not in _SAFE_SUFFIXES:
        raise ModelError(
            f"The model file {path.name} is refused: ultralytics may run code from files of this kind; "
            f"export the model to {_WANTED}."
        )


def _load(path: Path, task: str) -> Any:
    told = os.environ.get(_THREADS)
    try:
        from ultralytics import YOLO
    except ImportError:
        raise ModelError(
            "A model of kind ultralytics needs its package; install it with: pip install ultralytics."
        ) from None
    finally:
        # The package sets it to 1 for all that is loaded after it, models of other kinds among them.
        if told is None:
            os.environ.pop(_THREADS, None)
    try:
        return YOLO(str(path)) if path.suffix == ".pt" else YOLO(str(path), task=task)
    except Exception as error:  # noqa: BLE001 - the package raises whatever its parts raise
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"The model file {path.name} cannot be loaded: {first}.") from None
