"""Workers that are processes of this machine, such as one for each GPU."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from lightly_assets.child_processes import start_child
from lightly_assets.config.engine import EngineSettings
from lightly_assets.cores import cores
from lightly_assets.pipeline.engines.messages import Gone, Group, Order, Over
from lightly_assets.pipeline.engines.watch import Watch
from lightly_assets.storage.disk.temporary import temporary_name

_CHILD = "lightly_assets.pipeline.engines.process_worker"
# How long a worker may take to end in good order before it is killed.
_PATIENCE_SECONDS = 4.0


class ProcessCrew:
    """Worker processes; each sees one of the devices, and its share of the cores in its threads."""

    def __init__(self, settings: EngineSettings, order: Order, folder: Path) -> None:
        self._devices = [str(one) for one in settings.devices]
        self.most = len(self._devices) if settings.workers == "auto" else settings.workers
        self._order, self._folder = pickle.dumps(order), folder
        self._workers: dict[int, _Process] = {}
        self._hired = 0
        self.watch = Watch(settings.stall_seconds)

    def hire(self) -> int:
        """Start another process."""
        number, self._hired = self._hired, self._hired + 1
        self._workers = {one: worker for one, worker in self._workers.items() if not worker.gone}
        device = None
        if self._devices:
            taken = [worker.device for worker in self._workers.values()]
            device = min(self._devices, key=taken.count)
        name = f"worker-{number}" if device is None else f"worker-{number}-on-{device}"
        folder = self._folder / temporary_name()
        folder.mkdir(parents=True)
        worker = _Process(number, device, self._environment(device), self.watch)
        worker.send((self._order, folder, name))
        self._workers[number] = worker
        return number

    def _environment(self, device: str | None) -> dict[str, str]:
        environment = dict(os.environ)
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
        environment.setdefault("OMP_NUM_THREADS", str(max(1, cores() // self.most)))
        return environment

    def give(self, worker: int, group: Group) -> None:
        self._workers[worker].send(group)

    def hint(self) -> str:
        """They load their models."""
        return "its models are being loaded"

    def end(self, worker: int, how: str) -> None:
        """Kill a process."""
        self._workers[worker].kill()
        self.watch.put(worker, Gone(how))

    def close(self) -> bool:
        """End all processes within seconds; whether all of them have ended in good order."""
        for worker in self._workers.values():
            worker.send(None)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        ended = [worker.end(deadline) for worker in self._workers.values()]
        return all(ended)


class _Process:
    """One worker process, and the thread that listens to it."""

    def __init__(self, number: int, device: str | None, environment: dict[str, str], watch: Watch) -> None:
        self.device = device
        self._number, self._watch = number, watch
        self._process, ours = start_child(_CHILD, environment, silent=False)
        self._pipe: Connection[object, object] = Connection(ours.detach())
        self._over = False
        self._thread = threading.Thread(target=self._listen, name=f"worker-{number}", daemon=True)
        self._thread.start()

    @property
    def gone(self) -> bool:
        return not self._thread.is_alive()

    def send(self, message: object) -> None:
        with suppress(OSError):  # it has died, which the listening thread tells
            self._pipe.send(message)

    def _listen(self) -> None:
        try:
            while True:
                report = self._pipe.recv()
                self._over = isinstance(report, Over)
                self._watch.put(self._number, report)  # type: ignore[arg-type]
        except (EOFError, OSError):
            pass
        if not self._over:
            self._watch.put(self._number, Gone(self._epitaph()))

    def _epitaph(self) -> str:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return "stopped talking"
        if code >= 0:
            return f"ended unexpectedly (exit status {code})"
        name = signal.Signals(-code).name
        if name == "SIGKILL":
            return "was killed (SIGKILL), as it happens where memory is not enough"
        return f"crashed ({name})"

    def kill(self) -> None:
        self._process.kill()

    def end(self, deadline: float) -> bool:
        """Wait for its end, and see to it; whether it ended in good order."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(1)
        self._pipe.close()
        return self._over
