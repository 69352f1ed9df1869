"""Networks that cost what detectors cost, with random weights and outputs of the layout ``yolo``.

They find nothing real. What they cost follows from their width: 26 is about a YOLO11n (6.5 billion
operations for an image of 640 × 640), 85 about a YOLO11m (68).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.models.onnx_files import node, write

NANO, MEDIUM = 26, 85
CLASSES = 80
# Sure of nothing: of an image hardly any box is kept.
_UNSURE = -5.0


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A convolution, and after it the larger of its numbers and 0."""

    source: str
    name: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: int


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers one after the other, and heads (1 × 1 convolutions) on three of them."""

    size: int
    layers: list[Layer]
    heads: list[Layer]
    scale: NDArray[np.float32]
    """(1, 4 + classes, 1): what the sigmoid of an output is multiplied by."""

    @property
    def operations(self) -> float:
        """Billions of multiplications and additions for an image."""
        sides: dict[str, int] = {"images": self.size}
        total = 0
        for layer in [*self.layers, *self.heads]:
            side = sides[layer.name] = -(-sides[layer.source] // layer.stride)
            total += 2 * layer.weights.size * side * side
        return total / 1e9


def network(width: int, size: int = 640) -> Network:
    """A network of this many channels after its first layer."""
    random = np.random.default_rng(0)

    def layer(source: str, name: str, inputs: int, outputs: int, kernel: int, stride: int) -> Layer:
        shape = (outputs, inputs, kernel, kernel)
        spread = np.sqrt(2 / (inputs * kernel * kernel))
        weights = (random.normal(size=shape) * spread).astype(np.float32)
        return Layer(source, name, weights, np.zeros(outputs, dtype=np.float32), stride)

    layers, heads = [layer("images", "stem", 3, width, 3, 2)], []
    channels = width
    for depth in range(1, 5):
        before = channels
        channels = width * 2 ** min(depth, 3)
        layers.append(layer(layers[-1].name, f"down{depth}", before, channels, 3, 2))
        layers.append(layer(layers[-1].name, f"same{depth}", channels, channels, 3, 1))
        if depth > 1:
            head = layer(layers[-1].name, f"head{depth}", channels, 4 + CLASSES, 1, 1)
            head.weights[:] /= 4
            head.bias[4:] = _UNSURE
            heads.append(head)
    scale = np.ones((1, 4 + CLASSES, 1), dtype=np.float32)
    scale[0, :4, 0] = size, size, size / 4, size / 4
    return Network(size, layers, heads, scale)


def write_onnx(path: Path, made: Network) -> Path:
    """As an ONNX file that takes batches of any size."""
    nodes, constants = [], {"scale": made.scale, "shape": np.array([0, 4 + CLASSES, -1], dtype=np.int64)}
    for one in [*made.layers, *made.heads]:
        constants |= {f"{one.name}_weights": one.weights, f"{one.name}_bias": one.bias}
        kernel = one.weights.shape[2]
        attributes = {"strides": [one.stride] * 2, "pads": [kernel // 2] * 4, "kernel_shape": [kernel] * 2}
        inputs = [one.source, f"{one.name}_weights", f"{one.name}_bias"]
        is_head = one in made.heads
        nodes.append(node("Conv", inputs, [f"{one.name}_sum"], **attributes))
        if is_head:
            nodes.append(node("Reshape", [f"{one.name}_sum", "shape"], [one.name]))
        else:
            nodes.append(node("Relu", [f"{one.name}_sum"], [one.name]))
    nodes.append(node("Concat", [one.name for one in made.heads], ["rows"], axis=2))
    nodes.append(node("Sigmoid", ["rows"], ["shares"]))
    nodes.append(node("Mul", ["shares", "scale"], ["output0"]))
    rows = sum((made.size // stride) ** 2 for stride in (8, 16, 32))
    return write(
        path,
        nodes,
        {"images": (np.float32, ["batch", 3, made.size, made.size])},
        {"output0": (np.float32, ["batch", 4 + CLASSES, rows])},
        constants,
    )


def torch_module(made: Network) -> Any:
    """The same for PyTorch."""
    import torch

    class Module(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleDict()
            for one in [*made.layers, *made.heads]:
                outputs, inputs, kernel, _ = one.weights.shape
                part = torch.nn.Conv2d(inputs, outputs, kernel, one.stride, kernel // 2)
                part.weight.data, part.bias.data = torch.from_numpy(one.weights), torch.from_numpy(one.bias)
                self.parts[one.name] = part
            self.register_buffer("scale", torch.from_numpy(made.scale))

        def forward(self, images: Any) -> Any:
            found = {"images": images}
            for one in made.layers:
                found[one.name] = self.parts[one.name](found[one.source]).relu()
            heads = [self.parts[one.name](found[one.source]).flatten(2) for one in made.heads]
            return torch.cat(heads, dim=2).sigmoid() * self.scale

    return Module().eval()
