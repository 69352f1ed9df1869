"""Models behind a server: a process of its own that speaks the protocol, against the same file run here."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constant_model, identity_model

ROOT = Path(__file__).parents[2]
ROWS = np.zeros((1, 6, 5), dtype=np.float32)
ROWS[0, :, 0] = [32, 32, 20, 10, 0.9, 0.1]
ROWS[0, :, 1] = [10, 24, 8, 8, 0.1, 0.3]


@contextmanager
def server(model: Path, *arguments: str) -> Iterator[str]:
    """The URL of a server of a file."""
    command = [sys.executable, "-m", "tests.models.v2_server", str(model), *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(20)


def load(folder: Path, count: int = 2, task_type: str = "object-detection", **settings: Any) -> Any:
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    return load_model(parse_model(settings), task_type=task_type, categories=categories, base_dir=folder)


def images(count: int, height: int = 48, width: int = 64) -> tuple[Any, list[Source]]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return pixels, [Source("a.mp4", index, width, height) for index in range(count)]


@pytest.mark.parametrize("binary", ["yes", "no"])
def test_a_server_says_what_the_file_says(binary: str, tmp_path: Path) -> None:
    path = identity_model(tmp_path / "m.onnx", ["n", 3, 24, 32])
    common = {"layout": "probabilities", "verified": True, "preprocess": {"mean": 0, "std": 1}}
    here = load(tmp_path, 3, "semantic-segmentation", kind="onnx", path=path.name, **common)
    with server(path, "--binary", binary) as url:
        there = load(tmp_path, 3, "semantic-segmentation", kind="http", url=url, model="people", **common)
        for one, other in zip(here.predict(*images(3)), there.predict(*images(3)), strict=True):
            np.testing.assert_array_equal(one.scores, other.scores)


def test_boxes_versions_and_a_server_that_is_busy_at_first(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    with server(path, "--busy", "2") as url:
        settings = {"kind": "http", "url": url, "model": "people", "layout": "yolo"}
        model = load(tmp_path, **settings)
        found = model.predict(*images(2, 64, 64))
        np.testing.assert_allclose(found[1].boxes, [[22, 27, 42, 37], [6, 20, 14, 28]])
        assert load(tmp_path, **settings).version == model.version
        assert load(tmp_path, **settings | {"timeout_seconds": 5}).version == model.version
        others = [{"version": "2"}, {"model_version": "3"}, {"preprocess": {"pad": 0}}]
        assert len({load(tmp_path, **settings | one).version for one in others} | {model.version}) == 4


def test_a_token_comes_from_the_environment_and_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    with server(path, "--token", "Bearer secret") as url:
        settings = {"kind": "http", "url": url, "model": "people", "layout": "yolo"}
        with pytest.raises(ModelError, match=r"status 401: .*who are you"):
            load(tmp_path, **settings)
        settings["headers"] = {"Authorization": "MODEL_TOKEN"}
        with pytest.raises(ModelError, match="environment variable MODEL_TOKEN, which is not set"):
            load(tmp_path, **settings)
        monkeypatch.setenv("MODEL_TOKEN", "Bearer wrong")
        with pytest.raises(ModelError, match="status 401") as caught:
            load(tmp_path, **settings)
        assert "Bearer" not in str(caught.value)
        monkeypatch.setenv("MODEL_TOKEN", "Bearer secret")
        assert len(load(tmp_path, **settings).predict(*images(1))[0]) == 2


def test_what_is_wrong_with_a_server_is_said(tmp_path: Path) -> None:
    settings = {"kind": "http", "model": "people", "layout": "yolo"}
    with pytest.raises(ModelError, match=r"http://127.0.0.1:9 cannot be asked: .*is it running\?"):
        load(tmp_path, url="http://127.0.0.1:9", **settings)
    with pytest.raises(ValueError, match="url is 'localhost:8000'; it must be http:// or https://"):
        load(tmp_path, url="localhost:8000", **settings)
    with pytest.raises(ValueError, match="url holds a password; say headers"):
        load(tmp_path, url="http://me:word@localhost:8000", **settings)
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    with server(path) as url:
        with pytest.raises(ModelError, match=r"status 404: .*no such model"):
            load(tmp_path, url=url, **settings | {"model": "animals"})
        with pytest.raises(ModelError, match=r"has 2 classes .* 3 categories"):
            load(tmp_path, 3, url=url, **settings)


@contextmanager
def answers(sizes: list[Any], answer: dict[str, Any]) -> Iterator[str]:
    """A server that says the same whatever it is asked."""
    output = {"name": "output", "datatype": "FP32", "shape": sizes}
    image = {"name": "images", "datatype": "FP32", "shape": [str(size) for size in (-1, 3, 64, 64)]}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Says nothing."""

        def say(self, found: Any) -> None:
            data = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            for name, value in answer.get("headers", {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.say({"name": "people", "inputs": [image], "outputs": [output]})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.say(answer.get("body", {"outputs": [output | answer.get("output", {})]}))

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{found.server_address[1]}"
        finally:
            found.shutdown()
            thread.join()


FOUND = np.zeros((1, 6, 5), dtype=np.float32)
FOUND[0, :, 0] = [32, 32, 20, 20, 0.9, 0]
GOOD = {"shape": [1, 6, 5], "data": FOUND.ravel().tolist()}


def test_numbers_of_a_shape_may_be_text(tmp_path: Path) -> None:
    with answers(["-1", "6", "5"], {"output": GOOD}) as url:
        model = load(tmp_path, kind="http", url=url, model="people", layout="yolo", batch_size=1)
        np.testing.assert_allclose(model.predict(*images(1, 64, 64))[0].boxes, [[22, 22, 42, 42]])


ODD: list[tuple[dict[str, Any], str]] = [
    (
        {"output": GOOD | {"datatype": "INT64", "data": [int(one) for one in GOOD["data"]]}},
        r"answers output of the model people with int64 \(1, 6, 5\), but its metadata say float32",
    ),
    ({"output": GOOD | {"shape": [1, 5, 6]}}, r"with float32 \(1, 5, 6\), but its metadata say"),
    ({"body": {"error": "out of coffee"}}, "with an error: out of coffee"),
    (
        {"output": GOOD, "headers": {"Inference-Header-Content-Length": "many"}},
        "is not of the protocol: ValueError: invalid literal",
    ),
]


@pytest.mark.parametrize(("answer", "message"), ODD, ids=["dtype", "shape", "error", "length"])
def test_answers_that_are_something_else(answer: dict[str, Any], message: str, tmp_path: Path) -> None:
    with answers([-1, 6, 5], answer) as url:
        model = load(tmp_path, kind="http", url=url, model="people", layout="yolo", batch_size=1)
        with pytest.raises(ModelError, match=message):
            model.predict(*images(1, 64, 64))
