"""LiteRT models (``.tflite``), which were TensorFlow Lite: channels last, often quantised."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.cores import usable_cores
from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, FileLayoutModel
from lightly_assets.models.files import file_hash, version_of
from lightly_assets.models.layout_model import Reader
from lightly_assets.models.layouts.base import Output
from lightly_assets.models.metadata.read import facts_for
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Result
from lightly_assets.models.runtimes.shared.inputs import extra_feeds, split_inputs
from lightly_assets.models.runtimes.shared.turns import PORTION, Turns, calls_at_once

CODE_VERSION = 1


@KINDS.register("litert")
class LiteRtModel(FileLayoutModel):
    """A LiteRT (TensorFlow Lite) file; quantised inputs and outputs are converted."""

    needs = "`lightly-assets[litert]`, 25 MB"
    kind: Literal["litert"]

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:
        return LiteRtRuntime(self, task_type, categories, base_dir)


class LiteRtRuntime:
    """A LiteRT model with a declared layout. Its batch is the file's, which is one image mostly."""

    def __init__(self, config: LiteRtModel, task_type: TaskType, categories: int, base_dir: Path) -> None:
        self.path = config.file(base_dir)
        threads = config.threads or usable_cores()
        calls = calls_at_once(threads, config.batch_size)
        make = partial(_interpreter, self.path, threads // calls)
        first = make()
        # An interpreter does one call at a time; the file's weights are in memory once.
        self._interpreters: Turns[Any] = Turns(make, calls, first)
        inputs = first.get_input_details()
        self._outputs = first.get_output_details()
        # A quantised input stands for numbers, which pre-processing makes.
        image_input, self._others = split_inputs(
            [(one["name"], _shape(one), _dtype(one, is_input=True)) for one in inputs], self.path.name
        )
        self._images = image_input.name
        self._inputs = {one["name"]: one for one in inputs}
        facts = facts_for(config, self.path)
        outputs = [Output(one["name"], _shape(one), _dtype(one)) for one in self._outputs]
        self.reader = Reader(
            config, task_type, categories, image_input, outputs, self.path.name, facts, reads_only=True
        )
        self.batch_size = self.reader.batch_size
        self.portion = min(PORTION, self.batch_size)
        self.callers = calls + 1
        self.version = version_of(file_hash(self.path), self.reader.version_settings(task_type), CODE_VERSION)

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """One result per image; see :class:`~lightly_assets.models.protocol.Model`."""
        return self.reader.predict(list(images), self._run, sources)

    def _run(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        feeds = {self._images: batch, **extra_feeds(self._others, batch.shape)}
        with self._interpreters.take() as interpreter:
            for name, values in feeds.items():
                about = self._inputs[name]
                interpreter.set_tensor(about["index"], _quantised(values, about))
            interpreter.invoke()
            return [_numbers(interpreter.get_tensor(one["index"]), one) for one in self._outputs]


def _interpreter(path: Path, threads: int) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise ModelError(
            "A model of kind litert needs its package; install it with: pip install 'lightly-assets[litert]'."
        ) from None
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except Exception as error:  # noqa: BLE001 - LiteRT raises whatever its parts raise
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ModelError(
            f"The model file {path.name} is no LiteRT model that can be run: {last.rstrip('.!')}."
        ) from None
    return interpreter


def _shape(about: dict[str, Any]) -> tuple[int | None, ...]:
    signature = about.get("shape_signature", about["shape"])
    sizes = [int(size) if size > 0 else None for size in signature]
    # What may vary was allocated with one image.
    return tuple(int(one) if size is None else size for size, one in zip(sizes, about["shape"], strict=True))


def _scale(about: dict[str, Any]) -> tuple[float, int]:
    """0 where numbers are what they are."""
    scale, zero = about["quantization"]
    return float(scale), int(zero)


def _dtype(about: dict[str, Any], is_input: bool = False) -> str:
    dtype = str(np.dtype(about["dtype"]))
    scale, zero = _scale(about)
    # Pixels as they are, 0 to 255, are the common quantisation of an input: no detour over numbers.
    if is_input and dtype == "uint8" and zero == 0 and abs(scale * 255 - 1) < 0.01:
        return "uint8"
    return "float32" if scale else dtype


def _quantised(values: NDArray[Any], about: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(about["dtype"])
    scale, zero = _scale(about)
    if not scale or values.dtype == dtype:
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    found = np.clip(np.round(values / np.float32(scale)) + zero, limits.min, limits.max)
    return np.asarray(found, dtype=dtype)


def _numbers(values: NDArray[Any], about: dict[str, Any]) -> NDArray[Any]:
    scale, zero = _scale(about)
    if not scale or values.dtype.kind not in "iu":
        return np.array(values)
    return np.asarray((values.astype(np.float32) - zero) * np.float32(scale))
