"""From the trained network to one ONNX file for each task."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from training.network import Exported, StreetNet

OUTPUTS = {
    "objects": ["output0"],
    "instances": ["output0", "output1"],
    "people": ["output0"],
    "semantic": ["logits"],
    "weather": ["logits"],
}
"""Files, and their outputs."""


def export(net: StreetNet, folder: Path, size: tuple[int, int]) -> list[Path]:
    """Write ``<task>.onnx`` into a folder: input ``images`` (N, 3, height, width), RGB from 0 to 1."""
    folder.mkdir(parents=True, exist_ok=True)
    net.eval()
    example = torch.rand(2, 3, *size)
    paths = []
    for task, outputs in OUTPUTS.items():
        path = folder / f"{task}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Exported(net, task).eval(),
                (example,),
                str(path),
                dynamo=False,
                opset_version=17,
                input_names=["images"],
                output_names=outputs,
                dynamic_axes={name: {0: "batch"} for name in ["images", *outputs]},
            )
        _halve(path)
        paths.append(path)
    return paths


def _halve(path: Path) -> None:
    """Store large weights as float16; the runtime makes them float32 again when it loads the file."""
    model = onnx.load(path)
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < 256:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.producer_name = "lightly-assets"
    onnx.checker.check_model(model)
    onnx.save(model, path)
