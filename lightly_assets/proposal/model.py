"""What a model's file is, and the settings that follow from it, each with its signal."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lightly_assets.config.categories import placeholder
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, FileLayoutModel
from lightly_assets.models.files import is_torch_program, refuse_pickle
from lightly_assets.models.layout_model import Reader
from lightly_assets.models.layouts.base import LAYOUTS
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.metadata.read import facts_of
from lightly_assets.models.preprocess import OF_PARTS
from lightly_assets.models.protocol import ModelError, Source
from lightly_assets.pipeline.inputs.pixels import Pixels
from lightly_assets.proposal.candidates import BOXES_TASK, Candidate, candidates
from lightly_assets.proposal.findings import Finding
from lightly_assets.proposal.found import ModelFound
from lightly_assets.proposal.looking import look_inside
from lightly_assets.proposal.trial import Trial, try_model

_SUFFIXES = {".onnx": "onnx", ".xml": "openvino", ".tflite": "litert"}
# Without a name for its classes, the first of them stand for all.
_MOST_NAMES = 6
# So many layouts are tried, each with the model loaded anew.
_MOST_TRIES = 12
# Where the file does not say how many classes there are, the frame is read with this many.
_ENOUGH = 1001


def look_at_model(path: Path, frames: Sequence[Pixels]) -> ModelFound:
    """Finds out what a model's file needs to be run.

    Args:
        path: of the file.
        frames: what it is tried on, until something is found, because the numbers of its outputs tell more
            than their shapes; without one it is tried on noise.

    Raises:
        ModelError: it is missing, no model, or nothing here can run it.
    """
    found = ModelFound(path, _kind(path))
    found.findings.append(Finding("kind", found.kind, f"the file {path.name}"))
    found.facts = facts_of(path)
    reader = look_inside(path, found.kind, found.facts)
    found.findings += _about_file(reader, found.facts)
    refused: list[str] = []
    doubtful: ModelFound | None = None
    for candidate in candidates(found.facts, reader.outputs, reader.preprocess.size)[:_MOST_TRIES]:
        tried = replace(found, findings=list(found.findings))
        try:
            trial = _try(tried, reader, candidate, frames or [_noise()])
        except LightlyAssetsError as error:
            refused.append(f"not {candidate.layout} for {candidate.task_type}: {_short(error)}")
            continue
        tried.findings.append(candidate.finding)
        tried.frame = trial.frame if frames else None
        # What the file says of itself is not doubted for what one frame shows.
        if found.facts.layouts or not (trial.doubts and frames):
            return _settled(tried, refused)
        doubtful = doubtful or tried
    if doubtful is not None:
        return _settled(doubtful, refused)
    why = "; ".join(refused) or "their names, shapes and types are of no layout"
    found.findings.append(Finding("layout", "is not settled", why, "open"))
    return found


def _try(found: ModelFound, reader: Reader, candidate: Candidate, frames: Sequence[Pixels]) -> Trial:
    """Loads the model as a candidate says and runs it. Raises ModelError where that does not fit."""
    found.layout, found.task_type, found.options = candidate.layout, candidate.task_type, candidate.options
    size = _size(found, reader)
    found.pixels = ({} if size is None else {"size": size}) | candidate.pixels
    found.guessed = frozenset(found.pixels)
    if found.facts.names:
        found.names, found.named_by = found.facts.names, "file"
    else:
        found.names = _placeholders(candidate.classes or _ENOUGH)
    found.load()
    trial = _first_found(found, frames)
    if not found.facts.names and candidate.classes is None:
        found.names = _placeholders(1 + max((one["category_id"] for one in trial.singletons), default=0))
        found.load()
        trial = try_model(found, trial.frame)
    return trial


def _first_found(found: ModelFound, frames: Sequence[Pixels]) -> Trial:
    """What is found in the first of these frames in which anything is."""
    trial = try_model(found, frames[0])
    for frame in frames[1:]:
        if trial.singletons:
            break
        trial = try_model(found, frame)
    return trial


def _size(found: ModelFound, reader: Reader) -> list[int] | None:
    """A usual size for a file that takes any, where neither it nor the layout says one."""
    fixed = reader.image_input is not None and None not in reader.image_input.shape[-3:]
    defaults = LAYOUTS[found.layout].defaults
    if fixed or found.facts.pixels.size or defaults.size or defaults.resize in ("none", "shortest"):
        return None
    return [224, 224] if found.task_type is TaskType.CLASSIFICATION else [512, 512]


def _placeholders(count: int) -> tuple[str, ...]:
    return tuple(placeholder(number) for number in range(count))


def _noise() -> Pixels:
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    return Pixels(Source("noise", None, 640, 480), pixels)


def _short(error: LightlyAssetsError) -> str:
    return str(error).rstrip(".").partition("; ")[0]


def _settled(found: ModelFound, refused: list[str]) -> ModelFound:
    found.findings += [Finding("tried", "other layouts", reason) for reason in refused]
    found.findings += _about_settings(found)
    return found


def _kind(path: Path) -> str:
    if not path.exists():
        raise ModelError(f"The model file {path} does not exist.")
    if path.is_dir():
        kind = "transformers" if (path / "config.json").is_file() else "openvino"
    else:
        kind = _SUFFIXES.get(path.suffix.lower(), "")
        if not kind and is_torch_program(path):
            kind = "torch"
    if kind in KINDS and issubclass(KINDS[kind], FileLayoutModel):
        return kind
    refuse_pickle(path, "ONNX, or say 'kind: ultralytics' with 'trusted: true' if it is one of its files")
    if path.suffix.lower() in (".engine", ".plan", ".trt"):
        raise ModelError(
            f"{path.name} is an engine of TensorRT, which is bound to one GPU and its version; export the "
            "model to ONNX, which runs anywhere."
        )
    known = ", ".join(sorted(name for name in KINDS if issubclass(KINDS[name], FileLayoutModel)))
    raise ModelError(f"{path.name} is no file of a kind that is looked into: {known}; see docs/models.md.")


def _about_file(reader: Reader, facts: Facts) -> Iterator[Finding]:
    if reader.image_input is not None:
        yield Finding("input", str(reader.image_input), "the file")
    for output in reader.outputs:
        last = f", made by {output.last}" if output.last else ""
        yield Finding("output", str(output), f"the file{last}")
    if facts.family:
        yield Finding("written by", facts.family, next(iter(facts.signals.values())))


def _about_settings(found: ModelFound) -> Iterator[Finding]:
    facts, signals = found.facts, found.facts.signals
    reason = signals.get("task") or f"layout {found.layout} and its outputs"
    yield Finding("task", str(found.task_type), reason)
    shown = ", ".join(found.names[:_MOST_NAMES]) + (", …" if len(found.names) > _MOST_NAMES else "")
    if found.named_by == "file":
        yield Finding("classes", f"{len(found.names)}: {shown}", signals.get("names", ""))
    else:
        what = "write their names, in the model's order"
        yield Finding("classes", f"{len(found.names)}, without names", what, "open")
    model: Any = found.model
    if found.in_boxes:
        what = "the task in whose boxes the model looks; write its model"
        yield Finding("boxes", BOXES_TASK, what, "open")
    used = model.runtime.reader.preprocess
    fixed = model.runtime.reader.image_input
    for name, value in used.given().items():
        if (name not in _SHOWN and name not in found.pixels) or (found.in_boxes and name not in OF_PARTS):
            continue
        if name in found.guessed:
            any_size = "the file takes any size; this is a usual one"
            why = any_size if name == "size" else "rows as YOLOX writes them, and its pixels"
            yield Finding(name, _shown(value), why, "guess")
        elif name in signals and getattr(facts.pixels, name) == value:
            yield Finding(name, _shown(value), signals[name])
        elif (name == "size" and fixed is not None and None not in fixed.shape[-3:]) or (
            name in ("axes", "dtype") and fixed is not None
        ):
            yield Finding(name, _shown(value), f"input {fixed}")
        else:
            yield Finding(name, _shown(value), f"what layout {found.layout} usually has", "guess")


_SHOWN = ("size", "resize", "multiple", "interpolation", "mean", "std", "scale", "channels", "axes", "dtype")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "×".join(map(str, value)) if all(isinstance(one, int) for one in value) else str(list(value))
    return f"1/{1 / value:.0f}" if isinstance(value, float) and 0 < value < 1 else str(value)
