"""A server process that speaks the Open Inference Protocol over HTTP, for one ONNX file.

    python -m tests.models.v2_server MODEL.onnx --binary yes

It prints its port, and ends with its standard input. It is written from the protocol, not from our client.
"""

import argparse
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import onnxruntime as ort

_KINDS = {
    "tensor(float)": ("FP32", np.float32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(uint8)": ("UINT8", np.uint8),
    "tensor(float16)": ("FP16", np.float16),
}
_TYPES = dict(_KINDS.values())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    session: Any
    arguments: Any
    asked = 0

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        if not self._allowed():
            return
        if self.path == "/v2":
            extensions = ["binary_tensor_data"] if self.arguments.binary == "yes" else []
            self._json(200, {"name": "test", "version": "1", "extensions": extensions})
        elif self.path in ("/v2/models/people", "/v2/models/people/versions/3"):
            self._json(200, self._about())
        else:
            self._json(404, {"error": f"no such model: {self.path}"})

    def _about(self) -> dict[str, Any]:
        def described(one: Any) -> dict[str, Any]:
            shape = [size if isinstance(size, int) else -1 for size in one.shape]
            return {"name": one.name, "datatype": _KINDS[one.type][0], "shape": shape}

        return {
            "name": "people",
            "versions": ["3"],
            "platform": "onnx",
            "inputs": [described(one) for one in self.session.get_inputs()],
            "outputs": [described(one) for one in self.session.get_outputs()],
        }

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._allowed():
            return
        Handler.asked += 1
        if Handler.asked <= self.arguments.busy:
            self._json(503, {"error": "busy"})
            return
        length = self.headers.get("Inference-Header-Content-Length")
        head = json.loads(body[: int(length)] if length else body)
        start = int(length or 0)
        feeds = {}
        for one in head["inputs"]:
            dtype = _TYPES[one["datatype"]]
            size = one.get("parameters", {}).get("binary_data_size")
            if size is None:
                flat = np.array(one["data"], dtype=dtype)
            else:
                flat = np.frombuffer(body[start : start + size], dtype=dtype)
                start += size
            feeds[one["name"]] = flat.reshape(one["shape"])
        outputs = self.session.run(None, feeds)
        self._answer([one.name for one in self.session.get_outputs()], outputs)

    def _answer(self, names: list[str], outputs: list[Any]) -> None:
        kinds = {np.dtype(dtype): name for name, dtype in _TYPES.items()}
        found, tail = [], b""
        for name, one in zip(names, outputs, strict=True):
            about = {"name": name, "datatype": kinds[one.dtype], "shape": list(one.shape)}
            if self.arguments.binary == "yes":
                about["parameters"] = {"binary_data_size": one.nbytes}
                tail += one.tobytes()
            else:
                about["data"] = one.ravel().tolist()
            found.append(about)
        head = json.dumps({"model_name": "people", "outputs": found}).encode()
        extra = {"Inference-Header-Content-Length": str(len(head))} if tail else {}
        self._send(200, head + tail, extra)

    def _allowed(self) -> bool:
        if self.arguments.token and self.headers.get("Authorization") != self.arguments.token:
            self._json(401, {"error": "who are you?"})
            return False
        return True

    def _json(self, status: int, content: dict[str, Any]) -> None:
        self._send(status, json.dumps(content).encode(), {})

    def _send(self, status: int, body: bytes, extra: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **extra}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--binary", default="yes")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--token", default="")
    Handler.arguments = parser.parse_args()
    Handler.session = ort.InferenceSession(Handler.arguments.model)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
