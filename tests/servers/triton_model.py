"""An ONNX file behind Triton: the ``model.py`` of a folder that its Python backend serves."""

from pathlib import Path
from typing import Any

import onnxruntime as ort
import triton_python_backend_utils as triton


class TritonPythonModel:
    """The class that the backend looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        folder = Path(args["model_repository"], args["model_version"])
        self.session = ort.InferenceSession(folder / "model.onnx")
        self.names = [one.name for one in self.session.get_outputs()]

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        feeds = {one.name(): one.as_numpy() for one in request.inputs()}
        found = self.session.run(self.names, feeds)
        outputs = [triton.Tensor(name, one) for name, one in zip(self.names, found, strict=True)]
        return triton.InferenceResponse(outputs)
