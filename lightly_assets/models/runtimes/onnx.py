"""ONNX files, run by ONNX Runtime."""

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from lightly_assets.cores import usable_cores
from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, FileLayoutModel
from lightly_assets.models.files import file_hash, model_file, refuse_pickle, version_of
from lightly_assets.models.layout_model import Reader, settled_outputs
from lightly_assets.models.layouts.base import Output
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.metadata.read import facts_for
from lightly_assets.models.pixels.fitting import Input
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Result
from lightly_assets.models.runtimes.shared.inputs import extra_feeds, split_inputs
from lightly_assets.models.runtimes.shared.onnx_graph import OnnxGraph, read_graph
from lightly_assets.models.runtimes.shared.onnx_refusal import onnx_refusal
from lightly_assets.models.runtimes.shared.turns import PORTION, calls_at_once

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
        calls, threads = _calls_and_threads(self.path, config)
        self.session = _session(self.path, config, threads)
        on_cpus = self.session.get_providers()[0] == _CPU
        # Other devices have threads enough, and get whole batches, the next of which is prepared meanwhile.
        self._turns = threading.BoundedSemaphore(calls if on_cpus else 1)
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
            reads_only=True,
        )
        self.batch_size = self.reader.batch_size
        self.portion = min(PORTION, self.batch_size) if on_cpus else self.batch_size
        # One more than run: while some wait for the model, another prepares its input, or reads its output.
        self.callers = calls + 1 if on_cpus else 2
        self.version = version_of(
            file_hash(self.path, *_external_data(self.path, self._graph)),
            self.reader.version_settings(task_type) | _provider(self.session),
            CODE_VERSION,
        )

    def _outputs(self, config: OnnxModel, image_input: Input, facts: Facts) -> list[Output]:
        declared = [
            Output(one.name, _shape(one.shape), _DTYPES.get(one.type, ""), self._graph.last.get(one.name, ""))
            for one in self.session.get_outputs()
        ]
        return settled_outputs(config, facts, image_input, declared, self._run, self.path.name)

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """One result per image; see :class:`~lightly_assets.models.protocol.Model`."""
        return self.reader.predict(list(images), self._run, sources)

    def _run(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        feeds = {self._feed.images: batch, **extra_feeds(self._feed.others, batch.shape)}
        with self._turns:
            outputs: list[NDArray[Any]] = self.session.run(None, feeds)
        return outputs


def _session(path: Path, config: OnnxModel, threads: int) -> Any:
    try:
        import onnxruntime as ort
    except ImportError:
        raise ModelError(
            "A model of kind onnx needs ONNX Runtime; install it with: pip install 'lightly-assets[onnx]'."
        ) from None
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
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
            f"The model file {path.name} is no ONNX model that can be run: {onnx_refusal(path, error)}."
        ) from None
    log.info("%s runs with %s", path.name, ", ".join(session.get_providers()))
    return session


def _calls_and_threads(path: Path, config: OnnxModel) -> tuple[int, int]:
    """How many calls may be at work at once, and how many threads they get.

    Each call has a thread of its own: that is the cheapest, and the same on every machine. Where there are
    more cores than calls may have images in memory, they share threads, if the numbers do not depend on it.
    """
    threads = config.threads or usable_cores()
    calls = calls_at_once(threads, config.batch_size)
    with suppress(ModelError, ValueError):  # what is no model at all is refused when it is loaded
        if threads > calls and not read_graph(path).adds_up_in_parts:
            return calls, threads - calls + 1
    return calls, 1


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
