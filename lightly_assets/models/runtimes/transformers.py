"""Folders as Hugging Face's transformers saves them: everything that a model needs is in there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, EncodeSettings, RawModel
from lightly_assets.models.files import file_hash, version_of
from lightly_assets.models.metadata.agree import check_meaning
from lightly_assets.models.metadata.sidecars import facts_beside
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Classification, Detections, Result, SemanticScores
from lightly_assets.models.runtimes.shared.turns import default_threads

CODE_VERSION = 1

_CLASSES = {
    TaskType.CLASSIFICATION: "AutoModelForImageClassification",
    TaskType.OBJECT_DETECTION: "AutoModelForObjectDetection",
    TaskType.INSTANCE_SEGMENTATION: "AutoModelForUniversalSegmentation",
    TaskType.SEMANTIC_SEGMENTATION: "AutoModelForSemanticSegmentation",
}
_UNIVERSAL = ("MaskFormer", "Mask2Former", "OneFormer", "Eomt")


@KINDS.register("transformers")
class TransformersModel(RawModel):
    """A folder that transformers has saved, with its own pixels and its own decoding."""

    needs = "`lightly-assets[transformers]`, 0.9 GB with torch"
    kind: Literal["transformers"]
    path: str
    """The folder, relative to ``lightly.yaml``."""
    device: str | None = None
    """``cpu``, ``cuda``, ``cuda:1``; the GPU where there is one."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("device")
        settings.pop("path")
        return settings

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:
        detects = task_type not in (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)
        return self._encode(by_position=True, score_threshold=0.25 if detects else 0.0)

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:
        return TransformersRuntime(self, task_type, categories, base_dir)


class TransformersRuntime:
    """The folder's own image processor, model and post-processing."""

    def __init__(
        self, config: TransformersModel, task_type: TaskType, categories: int, base_dir: Path
    ) -> None:
        self.path = _folder(config.path, base_dir)
        if task_type not in _CLASSES:
            raise ModelError(
                f"Models of kind transformers cannot do {task_type}; they do {', '.join(_CLASSES)}."
            )
        torch, transformers = _packages()
        torch.set_num_threads(config.threads or default_threads())
        self._torch, self._config, self._task = torch, config, task_type
        self.device = config.device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._processor, self._model = self._load(transformers)
        self._check_classes(categories)
        names = self._model.config.id2label
        self.class_names = tuple(str(names[number]) for number in sorted(names))
        check_meaning(facts_beside(self.path / "model.safetensors"), self.path.name, task_type)
        self.batch_size = config.batch_size
        files = sorted(self.path.glob("*.json")) + sorted(self.path.glob("*.safetensors"))
        self.version = version_of(
            file_hash(*files), config.predict_settings() | {"task_type": task_type}, CODE_VERSION
        )

    def _load(self, transformers: Any) -> tuple[Any, Any]:
        kind = _CLASSES[self._task]
        if self._task is TaskType.SEMANTIC_SEGMENTATION and _is_universal(self.path):
            kind = _CLASSES[TaskType.INSTANCE_SEGMENTATION]
        try:
            # Nothing is fetched, no code of the folder is run, and nothing is unpickled.
            settings: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            processor = transformers.AutoImageProcessor.from_pretrained(str(self.path), **settings)
            model, loaded = getattr(transformers, kind).from_pretrained(
                str(self.path), use_safetensors=True, output_loading_info=True, **settings
            )
        except Exception as error:  # noqa: BLE001 - the package raises whatever its parts raise
            first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise ModelError(
                f"The folder {self.path.name} cannot be loaded for {self._task} by transformers: {first}."
            ) from None
        if missing := sorted(loaded["missing_keys"]):
            # The package fills them with random numbers, and says so in a warning only.
            raise ModelError(
                f"The folder {self.path.name} has no weights for {self._task}: {len(missing):,} are missing, "
                f"such as {missing[-1]}, so that it was saved from another model ({_saved_from(self.path)}); "
                "save the one that was trained for the task."
            )
        return processor, model.eval().to(self.device)

    def _check_classes(self, categories: int) -> None:
        classes = len(self._model.config.id2label)
        if self._config.category_map is None and classes != categories:
            raise ModelError(
                f"The model {self.path.name} has {classes} classes (config.json, id2label), but the task has "
                f"{categories} categories; list as many, or say with category_map which class is which "
                "category id (others are left out)."
            )

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """One result per image; see :class:`~lightly_assets.models.protocol.Model`."""
        torch = self._torch
        inputs = self._processor(images=list(images), return_tensors="pt").to(self.device)
        with torch.inference_mode():
            outputs = self._model(**inputs)
        sizes = [(one.height, one.width) for one in sources]
        if self._task is TaskType.CLASSIFICATION:
            return [Classification(probabilities=one) for one in outputs.logits.softmax(-1)]
        if self._task is TaskType.OBJECT_DETECTION:
            found = self._processor.post_process_object_detection(
                outputs, threshold=self._config.stored_floor, target_sizes=sizes
            )
            return [self._best(one) for one in found]
        if self._task is TaskType.SEMANTIC_SEGMENTATION:
            return [SemanticScores(one) for one in self._of_pixels(outputs, sizes)]
        found = self._processor.post_process_instance_segmentation(
            outputs,
            threshold=self._config.stored_floor,
            target_sizes=sizes,
            return_binary_maps=True,
        )
        return [self._masks(one, size) for one, size in zip(found, sizes, strict=True)]

    def _best(self, found: dict[str, Any]) -> Result:
        most = self._config.max_candidates
        order = found["scores"].argsort(descending=True, stable=True)[:most]
        return Detections(found["boxes"][order], found["scores"][order], found["labels"][order])

    def _of_pixels(self, outputs: Any, sizes: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        """The class of each pixel: the classes' shares, resized as the package resizes them."""
        torch = self._torch
        if hasattr(outputs, "logits"):
            logits = outputs.logits
        else:
            classes = outputs.class_queries_logits.softmax(dim=-1)[..., :-1]
            logits = torch.einsum("bqc,bqhw->bchw", classes, outputs.masks_queries_logits.sigmoid())
        found = []
        for one, size in zip(logits, sizes, strict=True):
            resized = torch.nn.functional.interpolate(
                one[None].float(), size=size, mode="bilinear", align_corners=False
            )[0]
            shares = resized.softmax(0) if hasattr(outputs, "logits") else resized.clamp(0, 1)
            found.append(shares.cpu().numpy())
        return found

    def _masks(self, found: dict[str, Any], size: tuple[int, int]) -> Result:
        infos = found["segments_info"]
        infos = sorted(infos, key=lambda one: -one["score"])[: self._config.max_masks]
        maps = found["segmentation"]
        masks = np.zeros((len(infos), *size), dtype=np.bool_)
        for place, one in enumerate(infos):
            masks[place] = maps[int(one["id"])].cpu().numpy() > 0
        filled = np.any(masks, axis=(1, 2))
        masks = masks[filled]
        kept = [one for one, full in zip(infos, np.asarray(filled).tolist(), strict=True) if full]
        return Detections(
            np.array([_box(mask) for mask in masks], dtype=np.float32).reshape(-1, 4),
            np.array([one["score"] for one in kept], dtype=np.float32),
            np.array([one["label_id"] for one in kept], dtype=np.int64),
            masks=masks,
        )


def _folder(path: str, base_dir: Path) -> Path:
    found = (base_dir / path).resolve()
    missing = [name for name in ("config.json", "preprocessor_config.json") if not (found / name).is_file()]
    if missing:
        raise ModelError(
            f"{path} has no {missing[0]}; path must name a folder that transformers has saved, with "
            f"config.json, preprocessor_config.json and .safetensors files ({found})."
        )
    return found


def _is_universal(folder: Path) -> bool:
    """Whether queries with masks do all kinds of segmentation."""
    return _saved_from(folder).startswith(_UNIVERSAL)


def _saved_from(folder: Path) -> str:
    """The class of the model that was saved; empty where the folder does not say it."""
    try:
        names = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or [""]
    except (ValueError, AttributeError):
        return ""
    return str(names[0])


def _packages() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError:
        raise ModelError(
            "A model of kind transformers needs its package and PyTorch; install them with: pip install "
            "'lightly-assets[transformers]'."
        ) from None
    return torch, transformers


def _box(mask: NDArray[np.bool_]) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
