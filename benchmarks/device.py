"""What a GPU does with models of two sizes, alone and at the end of the whole chain, in under five minutes.

    python -m benchmarks.device [--minutes 5] [--small]

Needs a machine with this package and its extra ``onnx``. On one with a GPU also ``onnxruntime-gpu`` instead
of ``onnxruntime`` (TensorRT's provider with ``tensorrt``), and PyTorch if that is to be measured; what is
missing is named and left out. Nothing is downloaded: networks and video are made here.

1. Images a second of ONNX Runtime's providers and of PyTorch, batches of 1 to 64. ``run`` copies from and to
   the CPU, as ``kind: onnx`` does; ``bound`` has input and output on the device, so that the rest is copying.
2. What feeds them: decoding 1080p, pre-processing and reading outputs, images a second of one core.
3. The whole chain, video to published folder, and the share of its time that the GPU is busy.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnxruntime
import yaml

from benchmarks.media.speed import encode
from benchmarks.networks import CLASSES, MEDIUM, NANO, Network, network, torch_module, write_onnx
from lightly_assets.config import load_project
from lightly_assets.format.schema import TaskType
from lightly_assets.media import open_video
from lightly_assets.models.layouts.base import Output, ReadSettings
from lightly_assets.models.layouts.yolo import Yolo
from lightly_assets.models.pixels.preprocessor import Preprocessor
from lightly_assets.pipeline.session import Session

CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"
# TensorRT makes an engine for each size, which takes half a minute.
FEW = (1, 16)


@dataclass
class Plan:
    """What is measured, and until when."""

    networks: dict[str, Network]
    batches: tuple[int, ...]
    frames: int
    seconds: float
    """Of each measurement."""
    end: float

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.end


def rate(work: Callable[[], Any], images: int, seconds: float) -> float:
    """Images a second, after two calls that are not counted."""
    work()
    work()
    calls, start = 0, time.perf_counter()
    while calls < 3 or time.perf_counter() - start < seconds:
        work()
        calls += 1
    return calls * images / (time.perf_counter() - start)


def onnx_calls(
    path: Path, provider: str, image: np.ndarray[Any, Any]
) -> Callable[[int], Iterator[tuple[str, Callable[[], Any]]]]:
    """For a size of batch the calls that are measured, with their names."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=list(dict.fromkeys((provider, CPU))))
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"it is declared, and cannot be used here: {session.get_providers()}")
    device = "cpu" if provider == CPU else "cuda"

    def calls(batch: int) -> Iterator[tuple[str, Callable[[], Any]]]:
        images = np.repeat(image, batch, axis=0)
        yield "run", lambda: session.run(None, {"images": images})
        binding = session.io_binding()
        binding.bind_ortvalue_input("images", onnxruntime.OrtValue.ortvalue_from_numpy(images, device, 0))
        binding.bind_output("output0", device)
        yield "bound", lambda: session.run_with_iobinding(binding)

    return calls


def torch_calls(
    made: Network, image: np.ndarray[Any, Any], device: str
) -> Callable[[int], Iterator[tuple[str, Callable[[], Any]]]]:
    """The same of PyTorch."""
    import torch

    module = torch_module(made).to(device)

    def calls(batch: int) -> Iterator[tuple[str, Callable[[], Any]]]:
        images = torch.from_numpy(np.repeat(image, batch, axis=0))
        there = images.to(device)

        def bound() -> None:
            with torch.inference_mode():
                module(there)
            if device != "cpu":
                torch.cuda.synchronize()

        def run() -> None:
            with torch.inference_mode():
                module(images.to(device)).cpu()

        yield "run", run
        yield "bound", bound

    return calls


def models_alone(plan: Plan, folder: Path) -> dict[str, float]:
    """The table of part 1; the best rate of each network."""
    providers = [one for one in (CUDA, TENSORRT) if one in onnxruntime.get_available_providers()] or [CPU]
    best: dict[str, float] = {}
    print("\n| network | runtime | how | " + " | ".join(map(str, plan.batches)) + " |")
    print("|---|---|---|" + "---|" * len(plan.batches))
    for name, made in plan.networks.items():
        image = np.random.default_rng(1).random((1, 3, made.size, made.size), dtype=np.float32)
        path = write_onnx(folder / f"{name}.onnx", made)
        makers: dict[str, Callable[[], Any]] = {
            one.removesuffix("ExecutionProvider"): lambda one=one, path=path, image=image: onnx_calls(
                path, one, image
            )
            for one in providers
        }
        if (device := torch_device()) is not None:
            makers["PyTorch"] = lambda made=made, image=image: torch_calls(made, image, device)
        for runtime, make in makers.items():
            try:
                calls = make()
            except Exception as error:  # noqa: BLE001 - a provider without its libraries raises whatever it likes
                print(f"{runtime} is left out: {str(error).splitlines()[0][:160]}")
                continue
            found = rates_of(plan, calls, FEW if runtime == "Tensorrt" else plan.batches)
            for how, rates in found.items():
                best[name] = max([best.get(name, 0), *rates.values()])
                cells = " | ".join(f"{rates[one]:.0f}" if one in rates else "" for one in plan.batches)
                print(f"| {name}, {made.operations:.1f} | {runtime} | {how} | {cells} |", flush=True)
    return best


def rates_of(
    plan: Plan, calls: Callable[[int], Any], batches: tuple[int, ...]
) -> dict[str, dict[int, float]]:
    """Of each way and size of batch, as far as time and memory go."""
    found: dict[str, dict[int, float]] = {"run": {}, "bound": {}}
    for batch in batches:
        if plan.is_over:
            break
        try:
            for how, call in calls(batch):
                found[how][batch] = rate(call, batch, plan.seconds)
        except Exception as error:  # noqa: BLE001 - out of memory has a type of each runtime's own
            print(f"batches of {batch} fail: {str(error).splitlines()[0][:160]}")
            break
    return found


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def torch_device() -> str | None:
    """Where PyTorch runs, if it is installed."""
    try:
        import torch
    except ImportError:
        return None
    return "cuda" if torch.cuda.is_available() else "cpu"


def what_feeds(plan: Plan, video: Path, best: dict[str, float]) -> None:
    """The table of part 2, in images a second and core."""
    made = plan.networks[min(plan.networks, key=lambda name: plan.networks[name].operations)]

    def decode() -> None:
        with open_video(video, threads=1) as frames:
            for _ in frames:
                pass

    def cpu_rate(work: Callable[[], Any], images: int) -> float:
        start = cpu_seconds()
        work()
        return images / (cpu_seconds() - start)

    with open_video(video) as frames:
        images = [next(iter(frames)).image] * 8
    pixels = Yolo.defaults.model_copy(update={"size": (made.size, made.size)})
    preprocessor = Preprocessor(pixels)
    _, views = preprocessor(images)
    rows = sum((made.size // stride) ** 2 for stride in (8, 16, 32))
    settings = ReadSettings(TaskType.OBJECT_DETECTION, CLASSES, 0.05, 300, 100, None, False)
    layout = Yolo(settings, [Output("output0", (None, 4 + CLASSES, rows), "float32")])
    output = np.random.default_rng(2).random((8, 4 + CLASSES, rows), dtype=np.float32) ** 60
    output[:, :4] *= made.size
    outputs = [output]
    stages = {
        "decoding": cpu_rate(decode, plan.frames),
        "pre-processing": cpu_rate(lambda: [preprocessor(images) for _ in range(8)], 64),
        "reading outputs": cpu_rate(lambda: [layout.results(outputs, views) for _ in range(8)], 64),
    }
    print("\n| before and after the model | images a second and core |")
    print("|---|---|")
    for name, found in stages.items():
        print(f"| {name} | {found:.0f} |")
    spent = sum(1 / found for found in stages.values())
    for name, found in best.items():
        print(f"{name}: {found * spent:.1f} cores keep it busy at its best, {found:.0f} images a second")


@dataclass
class Busy:
    """How busy the GPU was, in shares, each fifth of a second."""

    samples: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.samples:
            return "not known: there is no nvidia-smi"
        mean = sum(self.samples) / len(self.samples) / 100
        return f"{mean:.2f} of the time ({len(self.samples)} samples)"


@contextmanager
def busy_gpu() -> Iterator[Busy]:
    """Asks nvidia-smi, where there is one, until the block ends."""
    found = Busy()
    program = shutil.which("nvidia-smi")
    if program is None:
        yield found
        return
    query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    process = subprocess.Popen([program, *query], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout
    reader = threading.Thread(
        target=lambda: found.samples.extend(
            float(line) for line in lines if line.strip().replace(".", "", 1).isdigit()
        )
    )
    reader.start()
    try:
        yield found
    finally:
        process.terminate()
        process.wait()
        reader.join()


def whole_chain(plan: Plan, folder: Path, best: dict[str, float]) -> None:
    """The table of part 3."""
    print("\n| chain with | images a second | of the model alone | CPU, cores | GPU busy |")
    print("|---|---|---|---|---|")
    for name in plan.networks:
        if plan.is_over:
            print(f"{name} is left out: the time is over")
            continue
        categories = [{"id": number, "name": f"thing {number}"} for number in range(CLASSES)]
        model = {"kind": "onnx", "path": f"{name}.onnx", "layout": "yolo", "batch_size": 16}
        model["score_threshold"] = 0.25  # type: ignore[assignment]
        task = {"name": "things", "task_type": "object-detection", "categories": categories, "model": model}
        roots = {"input": "input", "lightly": f"{name}-lightly", "state": f"{name}-state"}
        config = folder / f"{name}.yaml"
        config.write_text(yaml.safe_dump({"datasource": roots, "tasks": [task]}))
        start, cpu = time.perf_counter(), cpu_seconds()
        with busy_gpu() as busy, Session(load_project(config)) as session:
            for outcome in session.run(session.plan()):
                if outcome.problems():
                    raise SystemExit(str(outcome.problems()))
            session.finish()
        taken, spent = time.perf_counter() - start, cpu_seconds() - cpu
        found = plan.frames / taken
        share = f"{found / best[name]:.2f}" if name in best else ""
        print(f"| {name} | {found:.0f} | {share} | {spent / taken:.1f} | {busy} |", flush=True)


def about_the_machine() -> None:
    """What the figures are of."""
    if program := shutil.which("nvidia-smi"):
        query = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        print(subprocess.run([program, *query], capture_output=True, text=True, check=False).stdout.strip())
    else:
        print("no nvidia-smi: no GPU of NVIDIA, so that everything runs on the CPU")
    print(
        f"{os.cpu_count()} cores; ONNX Runtime {onnxruntime.__version__}, PyAV {av.__version__}, with "
        f"{', '.join(onnxruntime.get_available_providers())}"
    )
    if CUDA in onnxruntime.get_available_providers() and hasattr(onnxruntime, "preload_dlls"):
        # Of the packages nvidia-*, where they are installed.
        onnxruntime.preload_dlls()
    if torch_device() is None:
        print("PyTorch is not installed, so it is left out")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="no measurement begins in the last tenth")
    parser.add_argument("--small", action="store_true", help="tiny networks and a short video, to try this")
    options = parser.parse_args()
    about_the_machine()
    end = time.monotonic() + 60 * options.minutes
    if options.small:
        plan = Plan({"tiny": network(2, 64), "small": network(3, 64)}, (1, 4), 24, 0.01, end)
        size = (320, 180)
    else:
        # A third is left for the chain.
        plan = Plan(
            {"nano": network(NANO), "medium": network(MEDIUM)}, (1, 2, 4, 8, 16, 32, 64), 600, 1.0, end
        )
        size = (1920, 1080)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "input").mkdir()
        video = encode(folder / "input" / "street.mp4", "libx264", size, plan.frames, "veryfast")
        # The rest is left for the chain.
        plan.end = end - 60 * options.minutes * 0.4
        best = models_alone(plan, folder)
        plan.end = end - 60 * options.minutes * 0.1
        what_feeds(plan, video, best)
        whole_chain(plan, folder, best)


if __name__ == "__main__":
    main()
