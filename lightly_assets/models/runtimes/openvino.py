"""OpenVINO models (``.xml``), and the formats that it reads itself, such as ONNX and TensorFlow Lite."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.cores import usable_cores
from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, FileLayoutModel
from lightly_assets.models.files import file_hash, refuse_pickle, version_of
from lightly_assets.models.layout_model import Reader, settled_outputs
from lightly_assets.models.layouts.base import Output
from lightly_assets.models.metadata.read import facts_for
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Result
from lightly_assets.models.runtimes.shared.inputs import extra_feeds, split_inputs
from lightly_assets.models.runtimes.shared.onnx_graph import read_graph
from lightly_assets.models.runtimes.shared.turns import PORTION, Turns, calls_at_once

CODE_VERSION = 1


@KINDS.register("openvino")
class OpenVinoModel(FileLayoutModel):
    """An OpenVINO model: an ``.xml`` file, its folder, or a format that OpenVINO reads itself."""

    needs = "`lightly-assets[openvino]`, 60 MB"
    kind: Literal["openvino"]
    device: str = "CPU"
    """OpenVINO's name of the device."""
    precision: Literal["f32", "f16", "bf16"] = "f32"
    """Of the arithmetic. OpenVINO's own default is half of it on some CPUs, and boxes move by pixels."""

    def file(self, base_dir: Path) -> Path:
        folder = (base_dir / self.path).resolve()
        if not folder.is_dir():
            return super().file(base_dir)
        found = sorted(folder.glob("*.xml"))
        if len(found) != 1:
            raise ModelError(
                f"The folder {self.path} has {len(found)} .xml files; path must name an OpenVINO model, or a "
                "folder with one."
            )
        return found[0]

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:
        return OpenVinoRuntime(self, task_type, categories, base_dir)


class OpenVinoRuntime:
    """An OpenVINO model with a declared layout."""

    def __init__(self, config: OpenVinoModel, task_type: TaskType, categories: int, base_dir: Path) -> None:
        self.path = config.file(base_dir)
        refuse_pickle(self.path, "OpenVINO IR or ONNX")
        threads = config.threads or usable_cores()
        on_cpu = config.device == "CPU"
        # Another device is given whole batches, the next of which is prepared meanwhile.
        calls = calls_at_once(threads, config.batch_size) if on_cpu else 1
        self._compiled = _compiled(self.path, config, calls, threads)
        make = self._compiled.create_infer_request
        self._requests: Turns[Any] = Turns(make, calls, make())
        ports = self._compiled.inputs
        self._names = [_name(port, f"input{place}") for place, port in enumerate(ports)]
        image_input, self._others = split_inputs(
            [(name, _shape(port), _dtype(port)) for name, port in zip(self._names, ports, strict=True)],
            self.path.name,
        )
        self._images = image_input.name
        facts = facts_for(config, self.path)
        outputs = [
            Output(_name(port, f"output{place}"), _shape(port), _dtype(port))
            for place, port in enumerate(self._compiled.outputs)
        ]
        outputs = settled_outputs(config, facts, image_input, outputs, self._run, self.path.name)
        self.reader = Reader(
            config,
            task_type,
            categories,
            image_input,
            outputs,
            self.path.name,
            facts,
            alone=_alone(self.path),
            reads_only=True,
        )
        self.batch_size = self.reader.batch_size
        self.portion = min(PORTION, self.batch_size) if on_cpu else self.batch_size
        self.callers = calls + 1
        weights = self.path.with_suffix(".bin")
        files = [self.path, weights] if self.path.suffix == ".xml" and weights.is_file() else [self.path]
        self.version = version_of(file_hash(*files), self.reader.version_settings(task_type), CODE_VERSION)

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """One result per image; see :class:`~lightly_assets.models.protocol.Model`."""
        return self.reader.predict(list(images), self._run, sources)

    def _run(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        feeds = {self._images: batch, **extra_feeds(self._others, batch.shape)}
        with self._requests.take() as request:
            found = request.infer([np.ascontiguousarray(feeds[name]) for name in self._names])
            return [np.array(found[port]) for port in self._compiled.outputs]


def _compiled(path: Path, config: OpenVinoModel, calls: int, threads: int) -> Any:
    try:
        import openvino
    except ImportError:
        raise ModelError(
            "A model of kind openvino needs its package; install it with: pip install "
            "'lightly-assets[openvino]'."
        ) from None
    core = openvino.Core()
    if config.device.split(":")[0].split(".")[0] not in (*core.available_devices, "AUTO", "HETERO", "MULTI"):
        raise ModelError(
            f"device is {config.device}, which OpenVINO does not have here; it has "
            f"{', '.join(core.available_devices)}."
        )
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": config.precision,
    }
    if config.device == "CPU":
        settings |= {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": calls}
    try:
        return core.compile_model(core.read_model(str(path)), config.device, settings)
    except Exception as error:  # noqa: BLE001 - OpenVINO raises whatever its parts raise
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        raise ModelError(
            f"The model file {path.name} cannot be run by OpenVINO: {last.rstrip('.!')}."
        ) from None


def _alone(path: Path) -> bool:
    """Whether neighbours in a batch change results: dynamically quantised graphs run as they are."""
    return path.suffix == ".onnx" and read_graph(path).quantises_batches


def _name(port: Any, otherwise: str) -> str:
    """Of several names of a port the one that a person gave, which is the shortest."""
    names = sorted(port.get_names(), key=lambda one: (len(one), one))
    return names[0] if names else otherwise


def _shape(port: Any) -> tuple[int | None, ...]:
    return tuple(size.get_length() if size.is_static else None for size in port.get_partial_shape())


def _dtype(port: Any) -> str:
    return str(np.dtype(port.get_element_type().to_dtype()))
