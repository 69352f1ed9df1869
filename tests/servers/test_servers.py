"""``kind: http`` against servers that people run: the same results as the same file has here.

``MLSERVER_PYTHON``, ``KSERVE_PYTHON`` and ``TRITON_PYTHON`` are interpreters that have them; see
``make test-servers``.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constant_model, identity_model

HERE = Path(__file__).parent
ROWS = np.zeros((1, 6, 5), dtype=np.float32)
ROWS[0, :, 0] = [32, 32, 20, 10, 0.9, 0.1]
ROWS[0, :, 1] = [10, 24, 8, 8, 0.1, 0.3]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(command: list[str], folder: Path, port: int, **environment: str) -> Iterator[str]:
    """The URL of a server, as soon as its model is ready."""
    url, variables = f"http://127.0.0.1:{port}", os.environ | environment
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=variables)
        try:
            for _ in range(600):
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                try:
                    answer = urllib3.request("GET", f"{url}/v2/models/people/ready", retries=False, timeout=5)
                    if answer.status == 200:
                        break
                except urllib3.exceptions.HTTPError:
                    pass
                time.sleep(0.2)
            else:
                raise AssertionError((folder / "log").read_text()[-2000:])
            yield url
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def mlserver(model: Path, described: dict[str, Any]) -> Iterator[str]:
    folder, port = model.parent, free_port()
    (folder / "mlserver_model.py").write_bytes((HERE / "mlserver_model.py").read_bytes())
    about = {"name": "people", "implementation": "mlserver_model.OnnxModel"}
    about |= {"parameters": {"uri": str(model)}, **described}
    (folder / "model-settings.json").write_text(json.dumps(about))
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    settings = {"host": "127.0.0.1", "parallel_workers": 0, "kafka_enabled": False, **ports}
    (folder / "settings.json").write_text(json.dumps(settings))
    program = Path(os.environ["MLSERVER_PYTHON"]).with_name("mlserver")
    with running([str(program), "start", "."], folder, port) as url:
        yield url


@contextmanager
def kserve(model: Path, described: dict[str, Any]) -> Iterator[str]:
    port = free_port()
    command = [
        os.environ["KSERVE_PYTHON"],
        str(HERE / "kserve_model.py"),
        str(model),
        "--enable_grpc",
        "false",
    ]
    with running([*command, "--http_port", str(port)], model.parent, port) as url:
        yield url


@contextmanager
def triton(model: Path, described: dict[str, Any]) -> Iterator[str]:
    """Triton's own program, as NVIDIA's package carries it, without a GPU; it batches and names no batch."""
    folder, port, python = model.parent, free_port(), Path(os.environ["TRITON_PYTHON"])
    (packages,) = (python.parents[1] / "lib").glob("python3*/site-packages")
    server, version = packages / "pytriton" / "tritonserver", packages.parent.name.removeprefix("python")
    backend = shutil.copytree(server / "backends" / "python", folder / "backends" / "python")
    stub = "triton_python_backend_stub"
    shutil.copy(server / "python_backend_stubs" / version / stub, backend / stub).chmod(0o755)
    served = folder / "served" / "people" / "1"
    served.mkdir(parents=True)
    shutil.copy(HERE / "triton_model.py", served / "model.py")
    shutil.copy(model, served / "model.onnx")
    lines = ['backend: "python"', "max_batch_size: 4", "instance_group [{kind: KIND_CPU}]"]
    for group, tensors in (("input", described["inputs"]), ("output", described["outputs"])):
        for one in tensors:
            about = f'name: "{one["name"]}" data_type: TYPE_{one["datatype"]} dims: {one["shape"][1:]}'
            lines.append(f"{group} [{{{about}}}]")
    (served.parent / "config.pbtxt").write_text("\n".join(lines))
    command = [
        str(server / "bin" / "tritonserver"),
        f"--model-repository={folder / 'served'}",
        f"--backend-directory={folder / 'backends'}",
        "--http-address=127.0.0.1",
        f"--http-port={port}",
        "--allow-grpc=false",
        "--allow-metrics=false",
        # Connections that are kept alive would be waited for.
        "--exit-timeout-secs=2",
    ]
    libraries = str(packages / "nvidia_pytriton.libs")
    # Its helper is started as the first Python of PATH.
    path = f"{python.parent}:{os.environ['PATH']}"
    with running(command, folder, port, LD_LIBRARY_PATH=libraries, PATH=path) as url:
        yield url


SERVERS = {
    "MLServer": (mlserver, {}),
    "KServe": (kserve, {}),
    "KServe, binary": (kserve, {"binary": True}),
    "Triton": (triton, {}),
    "Triton, JSON": (triton, {"binary": False}),
}


def load(folder: Path, count: int, task_type: str, **settings: Any) -> Any:
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    return load_model(parse_model(settings), task_type=task_type, categories=categories, base_dir=folder)


def images(count: int, height: int = 48, width: int = 64) -> tuple[Any, list[Source]]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return pixels, [Source("a.mp4", index, width, height) for index in range(count)]


@pytest.mark.parametrize("name", SERVERS)
def test_every_number_is_the_one_of_the_file(name: str, tmp_path: Path) -> None:
    server, settings = SERVERS[name]
    path = identity_model(tmp_path / "m.onnx", ["n", 3, 24, 32])
    common = {"layout": "probabilities", "verified": True, "preprocess": {"mean": 0, "std": 1}}
    here = load(tmp_path, 3, "semantic-segmentation", kind="onnx", path=path.name, **common)
    tensor = {"name": "images", "datatype": "FP32", "shape": [-1, 3, 24, 32]}
    with server(path, {"inputs": [tensor], "outputs": [tensor | {"name": "output"}]}) as url:
        there = load(
            tmp_path, 3, "semantic-segmentation", kind="http", url=url, model="people", **common, **settings
        )
        for one, other in zip(here.predict(*images(3)), there.predict(*images(3)), strict=True):
            np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize("name", ["MLServer", "KServe", "Triton"])
def test_boxes_and_what_is_not_there(name: str, tmp_path: Path) -> None:
    server, _ = SERVERS[name]
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    described = {
        "inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 3, 64, 64]}],
        "outputs": [{"name": "output", "datatype": "FP32", "shape": [-1, 6, 5]}],
    }
    with server(path, described) as url:
        settings = {"kind": "http", "url": url, "layout": "yolo"}
        model = load(tmp_path, 2, "object-detection", model="people", **settings)
        found = model.predict(*images(2, 64, 64))
        np.testing.assert_allclose(found[1].boxes, [[22, 27, 42, 37], [6, 20, 14, 28]])
        with pytest.raises(ModelError, match="status 404"):
            load(tmp_path, 2, "object-detection", model="cars", **settings)


def test_a_server_that_describes_nothing(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    with (
        mlserver(path, {}) as url,
        pytest.raises(ModelError, match="names no inputs or no outputs of the mod"),
    ):
        load(tmp_path, 2, "object-detection", kind="http", url=url, layout="yolo", model="people")
