"""PyTorch programs: exported ones (``.pt2``) and TorchScript. Checkpoints are pickles and are refused."""

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.cores import usable_cores
from lightly_assets.format.arrays import as_numpy
from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, FileLayoutModel
from lightly_assets.models.files import (
    file_hash,
    is_exported_program,
    is_torch_program,
    model_file,
    refuse_pickle,
    version_of,
    zip_names,
)
from lightly_assets.models.layout_model import Reader, tried_outputs
from lightly_assets.models.layouts.base import Output
from lightly_assets.models.metadata.read import facts_for
from lightly_assets.models.pixels.fitting import Input, fitted_preprocess
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Result
from lightly_assets.models.runtimes.shared.torch_programs import (
    load_operators,
    strange_operators,
    takes_list,
    tensors,
)
from lightly_assets.models.runtimes.shared.turns import PORTION, calls_at_once

CODE_VERSION = 1
# Makes PyTorch load tensors and nothing else, wherever it would unpickle.
_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_WANTED = "TorchScript (torch.jit.save) or an exported program (torch.export.save)"


@KINDS.register("torch")
class TorchModel(FileLayoutModel):
    """A PyTorch program: exported (``.pt2``) or TorchScript (``.pt``, ``.pth``, ``.torchscript``)."""

    needs = "`torch`, 0.2 GB (CPU)"
    kind: Literal["torch"]
    device: str | None = None
    """``cpu``, ``cuda``, ``cuda:1``; the GPU where there is one."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("device")
        return settings

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:
        return TorchRuntime(self, task_type, categories, base_dir)


class TorchRuntime:
    """A PyTorch program with a declared layout.

    A program does not say what it returns, so it is run once on a black image when it is loaded.
    """

    def __init__(self, config: TorchModel, task_type: TaskType, categories: int, base_dir: Path) -> None:
        self.path = model_file(config.path, base_dir)
        refuse_pickle(self.path, _WANTED)
        if not is_torch_program(self.path):
            raise ModelError(f"The model file {self.path.name} is no PyTorch program; it must be {_WANTED}.")
        torch = _torch()
        self._torch = torch
        self._listed = False
        self._names: list[str] = []
        self.device = config.device or ("cuda" if torch.cuda.is_available() else "cpu")
        threads = config.threads or usable_cores()
        # Another device is given whole batches, the next of which is prepared meanwhile.
        calls = calls_at_once(threads, config.batch_size) if self.device == "cpu" else 1
        # Not more where there are more cores: PyTorch adds up in another order then.
        torch.set_num_threads(1)
        self._turns = threading.BoundedSemaphore(calls)
        self._program, image_input = self._load()
        facts = facts_for(config, self.path)
        defaults = facts.pixels.over(config.kind_of_layout.defaults)
        pixels = fitted_preprocess(config.preprocess, defaults, image_input, self.path.name)
        outputs = self._named(tried_outputs(pixels, image_input, (), self._run, self.path.name))
        self.reader = Reader(config, task_type, categories, image_input, outputs, self.path.name, facts)
        self.batch_size = self.reader.batch_size
        self.portion = min(PORTION, self.batch_size) if self.device == "cpu" else self.batch_size
        self.callers = calls + 1
        self.version = version_of(
            file_hash(self.path),
            self.reader.version_settings(task_type),
            CODE_VERSION,
        )

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """One result per image; see :class:`~lightly_assets.models.protocol.Model`."""
        return self.reader.predict(list(images), self._run, sources)

    def _run(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        with self._turns, self._torch.inference_mode():
            images = self._torch.from_numpy(np.ascontiguousarray(batch)).to(self.device)
            found = list(tensors(self._program([images] if self._listed else images)))
            self._names = [name for name, _ in found]
            return [as_numpy(one) for _, one in found]

    def _named(self, outputs: Sequence[Output]) -> list[Output]:
        """Tensors of a dict are called by their keys, where these differ."""
        said = [one for one in self._names if one]
        if len(set(said)) < len(said):
            return list(outputs)
        return [replace(one, name=name or one.name) for one, name in zip(outputs, self._names, strict=True)]

    def _load(self) -> tuple[Any, Input | None]:
        try:
            load_operators(self.path)
            if is_exported_program(self.path):
                program = _exported(self._torch, self.path)
                return program.module().to(self.device), _exported_input(program)
            script = self._torch.jit.load(str(self.path), map_location=self.device).eval()
            self._listed = takes_list(script)
            return script, Input("images", (3, None, None), "float32") if self._listed else None
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001 - PyTorch raises whatever its parts raise
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if strange := strange_operators(self.path):
                first = (
                    f"it uses operators of {strange}, which only run where that package is loaded: {first}"
                )
            raise ModelError(
                f"The model file {self.path.name} cannot be loaded: {first.rstrip('.!')}."
            ) from None


def _exported(torch: Any, path: Path) -> Any:
    """An exported program, whose tensors PyTorch would unpickle, and compiled parts run, if it was asked to.

    Raises:
        ModelError: it holds more than a program and tensors.
    """
    unsafe = [name for name in zip_names(path) if "opaque_obj" in name or "aotinductor" in name]
    if unsafe:
        raise ModelError(
            f"The model file {path.name} holds {unsafe[0]}, which can run any code when it is read, so it is "
            "refused; save the exported program alone (torch.export.save)."
        )
    before = os.environ.get(_WEIGHTS_ONLY)
    os.environ[_WEIGHTS_ONLY] = "1"
    try:
        return torch.export.load(str(path))
    finally:
        os.environ.pop(_WEIGHTS_ONLY)
        if before is not None:
            os.environ[_WEIGHTS_ONLY] = before


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ModelError("A model of kind torch needs PyTorch; install it with: pip install torch.") from None
    return torch


def _exported_input(program: Any) -> Input | None:
    """The input of images as an exported program declares it."""
    names = set(program.graph_signature.user_inputs)
    nodes = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(nodes) != 1:
        raise ModelError(f"The program takes {len(nodes)} inputs; it must take one, the images.")
    value = nodes[0].meta["val"]
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return Input(nodes[0].name, shape, str(value.dtype).removeprefix("torch."))
