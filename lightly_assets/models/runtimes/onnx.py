"""ONNX files, run by ONNX Runtime."""

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, FileLayoutModel
from lightly_assets.models.files import file_hash, model_file, refuse_pickle, version_of
from lightly_assets.models.layout_model import Reader, tried_outputs
from lightly_assets.models.layouts.base import Output
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.metadata.read import facts_for
from lightly_assets.models.pixels.fitting import Input, fitted_preprocess
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Result
from lightly_assets.models.runtimes.shared.inputs import extra_feeds, split_inputs
from lightly_assets.models.runtimes.shared.onnx_graph import OnnxGraph, read_graph

# Part of the version: raise it when this file or a layout changes what a model says.
CODE_VERSION = 1

_DTYPES = {f"tensor({name})": name for name in ("float16", "uint8", "int8", "int32", "int64", "bool")}
_DTYPES |= {"tensor(float)": "float32", "tensor(double)": "float64"}
_CPU = "CPUExecutionProvider"
# The best first. TensorRT is left out: it compiles for minutes before the first image.
_PROVIDERS = (
    "CUDAExecutionProvider",
    "ROCMExecutionProvider",
    "MIGraphXExecutionProvider",
    "OpenVINOExecutionProvider",
    "CoreMLExecutionProvider",
    "DmlExecutionProvider",
    _CPU,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Feed:
    """The inputs of a model: the images, and what some models want besides."""

    images: str
    others: dict[str, str]
    """Name and dtype of the inputs beside the images."""


@KINDS.register("onnx")
class OnnxModel(FileLayoutModel):
    """An ONNX file, run by ONNX Runtime."""

    needs = "`lightly-assets[onnx]`, 65 MB"
    kind: Literal["onnx"]
    providers: list[str] | None = None
    """ONNX Runtime's execution providers, first choice first; the best at hand where not given."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("providers")
        return settings

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:
        return OnnxRuntime(self, task_type, categories, base_dir)


class OnnxRuntime:
    """An ONNX model with a declared layout."""

    def __init__(self, config: OnnxModel, task_type: TaskType, categories: int, base_dir: Path) -> None:
        self.path = model_file(config.path, base_dir)
        refuse_pickle(self.path, "ONNX")
        self.session = _session(self.path, config)
        self._graph = read_graph(self.path)
        image_input, self._feed = _inputs(self.session, self.path)
        facts = facts_for(config, self.path)
        outputs = self._outputs(config, image_input, facts)
        self.reader = Reader(
            config,
            task_type,
            categories,
            image_input,
            outputs,
            self.path.name,
            facts,
            alone=self._graph.quantises_batches,
        )
        self.batch_size = self.reader.batch_size
        self.version = version_of(
            file_hash(self.path, *_external_data(self.path, self._graph)),
            self.reader.version_settings(task_type) | _provider(self.session),
            CODE_VERSION,
        )

    def _outputs(self, config: OnnxModel, image_input: Input, facts: Facts) -> list[Output]:
        outputs = [
            Output(one.name, _shape(one.shape), _DTYPES.get(one.type, ""), self._graph.last.get(one.name, ""))
            for one in self.session.get_outputs()
        ]
        declared = not any(None in one.shape[1:] for one in outputs)
        # How many objects torchvision's detectors return depends on the image, and a black one has none.
        if declared or config.kind_of_layout.outputs_vary:
            return outputs
        defaults = facts.pixels.over(config.kind_of_layout.defaults)
        pixels = fitted_preprocess(config.preprocess, defaults, image_input, self.path.name)
        if pixels.size is None and pixels.shortest is None:
            return outputs
        return tried_outputs(pixels, image_input, outputs, self._run, self.path.name)

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:  # noqa: ARG002
        """One result per image; see :class:`~lightly_assets.models.protocol.Model`."""
        return self.reader.predict(list(images), self._run)

    def _run(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        feeds = {self._feed.images: batch, **extra_feeds(self._feed.others, batch.shape)}
        outputs: list[NDArray[Any]] = self.session.run(None, feeds)
        return outputs


def _session(path: Path, config: OnnxModel) -> Any:
    try:
        import onnxruntime as ort
    except ImportError:
        raise ModelError(
            "A model of kind onnx needs ONNX Runtime; install it with: pip install 'lightly-assets[onnx]'."
        ) from None
    options = ort.SessionOptions()
    options.intra_op_num_threads = config.threads or default_threads()
    options.inter_op_num_threads = 1
    # Threads that wait must not spin: decoding and encoding need the cores meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Its errors are exceptions as well.
    options.log_severity_level = 4
    available = ort.get_available_providers()
    providers = config.providers or [name for name in _PROVIDERS if name in available]
    if missing := [name for name in providers if name not in available]:
        raise ModelError(
            f"The ONNX Runtime provider {missing[0]} is not at hand; there are {', '.join(available)}."
        )
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises types of its own for whatever is wrong
        raise ModelError(
            f"The model file {path.name} is no ONNX model that can be run: {_first(error)}."
        ) from None
    log.info("%s runs with %s", path.name, ", ".join(session.get_providers()))
    return session


def default_threads() -> int:
    """One less than the cores that this process may use, so that decoding keeps one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", lines[0]).rstrip(".")


def _shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in shape)


def _inputs(session: Any, path: Path) -> tuple[Input, _Feed]:
    given = [(one.name, _shape(one.shape), _DTYPES.get(one.type, one.type)) for one in session.get_inputs()]
    image_input, others = split_inputs(given, path.name)
    return image_input, _Feed(image_input.name, others)


def _external_data(path: Path, graph: OnnxGraph) -> list[Path]:
    """Files that hold the model's weights: as exporters name them, and whatever the graph names."""
    beside = [path.with_name(path.name + suffix) for suffix in (".data", "_data")]
    found = [file for file in beside if file.is_file()]
    named = sorted(path.parent / name for name in graph.external)
    return found + [file for file in named if file not in beside and file.is_file()]


def _provider(session: Any) -> dict[str, str]:
    """What runs the model is part of its version, as results differ; not on CPUs, the one of always."""
    first = session.get_providers()[0]
    return {} if first == _CPU else {"provider": first}
