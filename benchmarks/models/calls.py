"""What several calls at once cost each runtime: ``python -m benchmarks.models.calls [--tflite FILE]``.

CPU of an image on two cores, against one call of 8 images with one thread, and how much of the two cores is
used: by one call with two threads, and by two calls of 2 images with one thread each, which is how models are
called. The model is as large as YOLO11n, random weights; LiteRT has no file of it, so one is given. Runtimes
that are not installed are left out. Each way has a process of its own, and ways take turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.networks import NANO, network, torch_module, write_onnx

# Of each way: threads of a call, calls at once, images of a call.
WAYS = {"one call": (1, 1, 8), "one call, two threads": (2, 1, 8), "two calls of 2": (1, 2, 2)}
Call = Callable[[NDArray[np.float32]], Any]


def openvino_calls(path: str, threads: int, calls: int) -> list[Call]:
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads * calls,
        "NUM_STREAMS": calls,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = core.compile_model(core.read_model(path), "CPU", settings)

    def make() -> Call:
        request = compiled.create_infer_request()
        return lambda images: np.array(request.infer([images])[compiled.outputs[0]])

    return [make() for _ in range(calls)]


def torch_calls(path: str, threads: int, calls: int) -> list[Call]:
    import torch

    torch.set_num_threads(threads)
    program = torch.jit.load(path).eval()

    def call(images: NDArray[np.float32]) -> Any:
        with torch.inference_mode():
            return program(torch.from_numpy(images)).numpy()

    return [call] * calls


def litert_calls(path: str, threads: int, calls: int) -> list[Call]:
    from ai_edge_litert.interpreter import Interpreter

    def make() -> Call:
        one = Interpreter(model_path=path, num_threads=threads)
        one.allocate_tensors()
        place = one.get_input_details()[0]
        image = np.zeros(place["shape"], dtype=place["dtype"])

        def call(images: NDArray[np.float32]) -> Any:  # an image a call, whatever is asked
            for _ in images:
                one.set_tensor(place["index"], image)
                one.invoke()
            return one.get_tensor(one.get_output_details()[0]["index"])

        return call

    return [make() for _ in range(calls)]


def onnx_calls(path: str, threads: int, calls: int) -> list[Call]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [lambda images: session.run(None, {"images": images})] * calls


MAKERS = {"onnx": onnx_calls, "openvino": openvino_calls, "torch": torch_calls, "litert": litert_calls}
MODULES = {"onnx": "onnxruntime", "openvino": "openvino", "torch": "torch", "litert": "ai_edge_litert"}


def child(runtime: str, path: str, way: str, images: int) -> None:
    """Prints milliseconds of CPU and of wall time an image."""
    threads, calls, batch = WAYS[way]
    given = np.random.default_rng(0).random((batch, 3, 640, 640), dtype=np.float32)
    made = MAKERS[runtime](path, threads, calls)
    for call in made:
        for _ in range(3):  # PyTorch looks at the first ones, and then makes the program faster
            call(given)
    rounds = images // batch // calls

    def work(call: Call) -> None:
        for _ in range(rounds):
            call(given)

    workers = [threading.Thread(target=work, args=(call,)) for call in made]
    wall, cpu = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    done = rounds * batch * calls
    spent = [1000 * (time.process_time() - cpu) / done, 1000 * (time.perf_counter() - wall) / done]
    print(json.dumps(spent))


def measure(runtime: str, path: Path, images: int, rounds: int) -> None:
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            command = [sys.executable, "-m", "benchmarks.models.calls", "--child", runtime, str(path), way]
            command += ["--images", str(images)]
            found[way].append(
                tuple(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
            )
    base = statistics.median(cpu for cpu, _ in found["one call"])
    row = f"{runtime:12}"
    for way in list(WAYS)[1:]:
        cpu = statistics.median(cpu for cpu, _ in found[way])
        used = statistics.median(cpu / wall / 2 for cpu, wall in found[way])
        row += f"{cpu / base:16.2f}{used:12.2f}"
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="What several calls at once cost each runtime.")
    parser.add_argument("--tflite", type=Path, help="a LiteRT model to measure LiteRT with")
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        runtime, file, way = given.child
        child(runtime, file, way, given.images)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = network(NANO)
        onnx = write_onnx(folder / "nano.onnx", made)
        files = {"onnx": onnx, "openvino": onnx, "torch": folder / "nano.torchscript", "litert": given.tflite}
        print("            one call, two threads       two calls of 2 images")
        print("runtime        CPU / one      cores used  CPU / one  cores used")
        for runtime, path in files.items():
            if find_spec(MODULES[runtime]) is None or path is None:
                print(f"{runtime}: not installed here, or no file for it", file=sys.stderr)
                continue
            if runtime == "torch":
                import torch

                example = torch.zeros(2, 3, made.size, made.size)
                torch.jit.trace(torch_module(made), example).save(str(path))
            measure(runtime, path, given.images, given.rounds)


if __name__ == "__main__":
    main()
