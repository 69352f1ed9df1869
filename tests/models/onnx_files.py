"""Small ONNX files, written byte by byte: models whose answers are known exactly, without any package."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {
    np.dtype(np.float32): 1,
    np.dtype(np.uint8): 2,
    np.dtype(np.int32): 6,
    np.dtype(np.int64): 7,
    np.dtype(np.float16): 10,
}
Shape = list[int | str]


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, array: NDArray[Any], location: str | None = None) -> bytes:
    sizes = b"".join(_number(1, size) for size in array.shape)
    about = sizes + _number(2, _TYPES[array.dtype]) + _bytes(8, name)
    if location is None:
        return about + _bytes(9, array.tobytes())
    return about + _bytes(13, _bytes(1, "location") + _bytes(2, location)) + _number(14, 1)


def _value(name: str, dtype: Any, shape: Shape) -> bytes:
    sizes = b"".join(
        _bytes(1, _bytes(2, size) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    tensor = _number(1, _TYPES[np.dtype(dtype)]) + _bytes(2, sizes)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


def node(kind: str, inputs: list[str], outputs: list[str], **integers: int | list[int]) -> bytes:
    """A node; its attributes are integers or lists of them."""
    found = b"".join(_bytes(1, one) for one in inputs) + b"".join(_bytes(2, one) for one in outputs)
    found += _bytes(4, kind)
    for name, value in integers.items():
        if isinstance(value, int):
            found += _bytes(5, _bytes(1, name) + _number(3, value) + _number(20, 2))
        else:
            found += _bytes(5, _bytes(1, name) + b"".join(_number(8, one) for one in value) + _number(20, 7))
    return found


def write(
    path: Path,
    nodes: list[bytes],
    inputs: dict[str, tuple[Any, Shape]],
    outputs: dict[str, tuple[Any, Shape]],
    constants: dict[str, NDArray[Any]] | None = None,
    metadata: dict[str, str] | None = None,
    external: dict[str, str] | None = None,
) -> Path:
    """A model with these nodes, inputs, outputs and constants; ``external`` ones lie in files beside it."""
    graph = b"".join(_bytes(1, one) for one in nodes) + _bytes(2, "graph")
    for name, array in (constants or {}).items():
        location = (external or {}).get(name)
        if location is not None:
            (path.parent / location).write_bytes(array.tobytes())
        graph += _bytes(5, _tensor(name, array, location))
    graph += b"".join(_bytes(11, _value(name, *about)) for name, about in inputs.items())
    graph += b"".join(_bytes(12, _value(name, *about)) for name, about in outputs.items())
    said = b"".join(_bytes(14, _bytes(1, key) + _bytes(2, value)) for key, value in (metadata or {}).items())
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 17)) + said)
    return path


def constants_model(
    path: Path,
    outputs: dict[str, NDArray[Any]],
    size: Shape,
    batch: int | str = 1,
    metadata: dict[str, str] | None = None,
    extra_inputs: dict[str, tuple[Any, Shape]] | None = None,
    last: str = "Cast",
) -> Path:
    """Says the same of every image in several outputs of any dtype; its own batch is what the arrays have.

    Args:
        batch: what the file declares.
        last: the type of the node that makes each output, such as ``Softmax``.
    """
    first: Shape = [batch, 3, *size]
    nodes = [
        node("ReduceMean", ["images"], ["mean"], keepdims=0),
        node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    constants: dict[str, NDArray[Any]] = {"zero": np.zeros((), dtype=np.float32)}
    for name, array in outputs.items():
        constants[f"{name}_constant"] = array.astype(np.float32)
        nodes.append(node("Add", ["nothing", f"{name}_constant"], [f"{name}_sum"]))
        if last == "Cast":
            nodes.append(node("Cast", [f"{name}_sum"], [name], to=_TYPES[array.dtype]))
        else:
            nodes.append(node(last, [f"{name}_sum"], [name]))
    declared: dict[str, tuple[Any, Shape]] = {
        name: (array.dtype, list(array.shape)) for name, array in outputs.items()
    }
    return write(
        path, nodes, {"images": (np.float32, first), **(extra_inputs or {})}, declared, constants, metadata
    )


def constant_model(
    path: Path,
    output: NDArray[Any],
    size: Shape,
    batch: int | str = "n",
    metadata: dict[str, str] | None = None,
) -> Path:
    """Says the same of every image: ``output`` (1, …), repeated for the batch."""
    first: Shape = [batch, 3, *size]
    rank = output.ndim
    nodes = [
        # 0 times the mean of each image, shaped to be added to the constant.
        node("ReduceMean", ["images"], ["means"], axes=[1, 2, 3], keepdims=0),
        node("Mul", ["means", "zero"], ["nothing"]),
        node("Reshape", ["nothing", "shape"], ["column"]),
        node("Add", ["column", "constant"], ["output"]),
    ]
    constants = {
        "zero": np.zeros(1, dtype=np.float32),
        "shape": np.array([-1] + [1] * (rank - 1), dtype=np.int64),
        "constant": output.astype(np.float32),
    }
    inputs, outputs = {"images": (np.float32, first)}, {"output": (np.float32, [batch, *output.shape[1:]])}
    return write(path, nodes, inputs, outputs, constants, metadata)


def identity_model(path: Path, shape: Shape, dtype: Any = np.float32) -> Path:
    """Says its input: (B, 3, h, w) pixels as the scores of three classes."""
    return write(
        path,
        [node("Identity", ["images"], ["output"])],
        {"images": (dtype, shape)},
        {"output": (dtype, shape)},
    )
