"""What an ONNX file says of its own graph: where weights lie outside, and which node makes each output.

Read from the file's bytes, without its weights: a file of gigabytes takes milliseconds and no memory, and no
further package is needed. ONNX Runtime has accepted the file before.
"""

import mmap
from dataclasses import dataclass, field
from pathlib import Path

from lightly_assets.models.metadata.protobuf import fields, text
from lightly_assets.models.protocol import ModelError

# Nodes that only move numbers: what is before them made the output.
_MOVING = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"}
# The others were measured to differ in their last bits, as ReduceMean does with more than two threads.
_WITHOUT_SUMS = {"ReduceMax", "ReduceMin"}
# Numbers of fields in ONNX's protocol buffers.
_MODEL_GRAPH, _MODEL_FUNCTION = 7, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_OUTPUT, _GRAPH_SPARSE = 1, 5, 12, 15
_NODE_INPUT, _NODE_OUTPUT, _NODE_TYPE, _NODE_ATTRIBUTE = 1, 2, 4, 5
_FUNCTION_NODE = 7
_TENSOR_EXTERNAL = 13
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11


@dataclass
class OnnxGraph:
    """What is of use in the graph of an ONNX file."""

    external: set[str] = field(default_factory=set)
    """Files that hold weights, relative to the file's folder."""
    kinds: set[str] = field(default_factory=set)
    """Types of its nodes."""
    last: dict[str, str] = field(default_factory=dict)
    """Of each output the type of the node that makes its numbers, such as ``Softmax``."""

    @property
    def quantises_batches(self) -> bool:
        """Whether it scales numbers by the largest of a whole batch, so that neighbours change results."""
        return any(kind.startswith("DynamicQuantize") for kind in self.kinds)

    @property
    def adds_up_in_parts(self) -> bool:
        """Whether it adds up numbers in an order that depends on how many threads of ONNX Runtime do it."""
        return any(kind.startswith("Reduce") and kind not in _WITHOUT_SUMS for kind in self.kinds)


def read_graph(path: Path) -> OnnxGraph:
    """The graph of a file.

    Raises:
        ModelError: the file's bytes end too early.
    """
    found = OnnxGraph()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for number, start, stop in fields(data, 0, len(data)):
                if number == _MODEL_GRAPH:
                    _read_graph(data, start, stop, found, is_main=True)
                elif number == _MODEL_FUNCTION:
                    for inner, begin, end in fields(data, start, stop):
                        if inner == _FUNCTION_NODE:
                            _read_node(data, begin, end, found)
        except (IndexError, UnicodeDecodeError, RecursionError):
            raise ModelError(f"The model file {path.name} is cut off or damaged.") from None
    return found


def _read_graph(data: mmap.mmap, start: int, stop: int, found: OnnxGraph, is_main: bool) -> None:
    makers: dict[str, tuple[str, str]] = {}
    outputs = []
    for number, begin, end in fields(data, start, stop):
        if number == _GRAPH_NODE:
            kind, first, names = _read_node(data, begin, end, found)
            makers |= dict.fromkeys(names, (kind, first))
        elif number == _GRAPH_TENSOR:
            _read_tensor(data, begin, end, found)
        elif number == _GRAPH_SPARSE:
            for _, inner, last in fields(data, begin, end):
                _read_tensor(data, inner, last, found)
        elif number == _GRAPH_OUTPUT:
            outputs += [text(data, a, b) for one, a, b in fields(data, begin, end) if one == 1]
    if not is_main:
        return
    for name in outputs:
        kind, source = makers.get(name, ("", ""))
        for _ in range(len(makers)):
            if kind not in _MOVING:
                break
            kind, source = makers.get(source, ("", ""))
        found.last[name] = kind


def _read_node(data: mmap.mmap, start: int, stop: int, found: OnnxGraph) -> tuple[str, str, list[str]]:
    """A node's type, its first input, and its outputs."""
    kind, inputs, outputs = "", [], []
    for number, begin, end in fields(data, start, stop):
        if number == _NODE_INPUT:
            inputs.append(text(data, begin, end))
        elif number == _NODE_OUTPUT:
            outputs.append(text(data, begin, end))
        elif number == _NODE_TYPE:
            kind = text(data, begin, end)
        elif number == _NODE_ATTRIBUTE:
            for inner, first, last in fields(data, begin, end):
                if inner in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    _read_tensor(data, first, last, found)
                elif inner in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                    _read_graph(data, first, last, found, is_main=False)
    found.kinds.add(kind)
    return kind, inputs[0] if inputs else "", outputs


def _read_tensor(data: mmap.mmap, start: int, stop: int, found: OnnxGraph) -> None:
    for number, begin, end in fields(data, start, stop):
        if number == _TENSOR_EXTERNAL:
            entry = {one: text(data, first, last) for one, first, last in fields(data, begin, end)}
            if entry.get(1) == "location":
                found.external.add(entry.get(2, ""))
