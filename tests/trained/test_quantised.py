"""A trained model whose inputs and outputs are eight bits, against its file run by hand with LiteRT.

No package carries such a file, so that one is made of mediapipe's, with the tool of LiteRT's authors.
"""

from pathlib import Path
from typing import Any

import cv2
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from numpy.typing import NDArray

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import Source
from tests.trained.footage import folder, frames

SEGMENTER = folder("mediapipe") / "modules" / "selfie_segmentation" / "selfie_segmentation.tflite"
SIDE = 256


def small(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    resized = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized.astype(np.float32) / 255)[None]


def whole_numbers(path: Path) -> Path:
    """The segmenter with eight bits from its input to its output."""
    model = schema.ModelT.InitFromPackedBuf(SEGMENTER.read_bytes(), 0)
    _unpack(model)
    _sign(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    made = quantizer.Quantizer(str(path))
    made.load_quantization_recipe(recipe.static_wi8_ai8())
    seen = made.calibrate({"main": [{"pixels": small(image)} for _, image in frames()[:8]]})
    path.write_bytes(made.quantize(seen).quantized_model)
    return path


def _unpack(model: Any) -> None:
    """Weights of 16 bits as 32, which is where the tool starts from."""
    graph = model.subgraphs[0]
    kept = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        weights = model.buffers[graph.tensors[operator.inputs[0]].buffer].data
        if code != schema.BuiltinOperator.DEQUANTIZE or weights is None:
            kept.append(operator)
            continue
        halves = np.frombuffer(np.asarray(weights, dtype=np.uint8).tobytes(), dtype=np.float16)
        buffer = schema.BufferT()
        buffer.data = halves.astype(np.float32).view(np.uint8)
        model.buffers.append(buffer)
        graph.tensors[operator.outputs[0]].buffer = len(model.buffers) - 1
    graph.operators = kept


def _sign(model: Any) -> None:
    """Names for its input and its output, by which the tool feeds it."""
    graph, signature = model.subgraphs[0], schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "main", 0
    for name, places, target in (("pixels", graph.inputs, "inputs"), ("scores", graph.outputs, "outputs")):
        named = schema.TensorMapT()
        named.name, named.tensorIndex = name, int(places[0])
        setattr(signature, target, [named])
    model.signatureDefs = [signature]


def test_eight_bits_from_pixels_to_scores(tmp_path: Path) -> None:
    path = whole_numbers(tmp_path / "m.tflite")
    pixels = {"mean": 0, "std": 1, "interpolation": "linear"}
    settings = {"kind": "litert", "path": path.name, "layout": "probabilities", "classes_axis": "last"}
    model: Any = load_model(
        parse_model(settings | {"preprocess": pixels}),
        task_type="semantic-segmentation",
        categories=[Category(id=0, name="background"), Category(id=1, name="person")],
        base_dir=tmp_path,
    )
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert source["dtype"] == target["dtype"] == np.int8
    step, zero = source["quantization"]
    off, seen = [], 0
    for _, image in frames()[:6]:
        height, width = image.shape[:2]
        given = np.clip(np.round(small(image) / step) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], given)
        interpreter.invoke()
        scale, middle = target["quantization"]
        scores = (interpreter.get_tensor(target["index"])[0, ..., 0].astype(np.float32) - middle) * scale
        theirs = cv2.resize(scores, (width, height))
        found = model.predict(image[None], [Source("a.png", None, width, height)])[0].scores[1]
        off.append(np.abs(found - theirs).max())
        seen += int((theirs > 0.5).any())
    print(f"eight bits: scores max {max(off):.2g}")
    assert seen and max(off) < 2e-3
