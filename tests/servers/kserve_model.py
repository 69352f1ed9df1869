"""An ONNX file behind KServe's own server: ``python kserve_model.py MODEL.onnx --http_port PORT …``."""

import argparse
from typing import Any

import onnxruntime as ort
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.utils.utils import generate_uuid

TYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64", "tensor(uint8)": "UINT8"}


class OnnxModel(Model):
    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self.session = ort.InferenceSession(path)
        self.ready = True

    async def get_input_types(self) -> list[dict[str, Any]]:
        return [described(one) for one in self.session.get_inputs()]

    async def get_output_types(self) -> list[dict[str, Any]]:
        return [described(one) for one in self.session.get_outputs()]

    async def predict(self, payload: InferRequest, headers: Any = None, response_headers: Any = None) -> Any:
        feeds = {one.name: one.as_numpy() for one in payload.inputs}
        outputs = []
        for about, found in zip(self.session.get_outputs(), self.session.run(None, feeds), strict=True):
            one = InferOutput(about.name, list(found.shape), TYPES[about.type])
            one.set_data_from_numpy(found, binary_data=False)
            outputs.append(one)
        return InferResponse(payload.id or generate_uuid(), self.name, outputs)


def described(one: Any) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in one.shape]
    return {"name": one.name, "datatype": TYPES[one.type], "shape": shape}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("path")
    arguments = parser.parse_args()
    ModelServer().start([OnnxModel("people", arguments.path)])
