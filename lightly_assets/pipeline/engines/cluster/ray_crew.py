"""Workers that are actors on the hosts of a Ray cluster."""

from __future__ import annotations

import atexit
import os
import pickle
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightly_assets.config import Project
from lightly_assets.config.engine import EngineSettings
from lightly_assets.pipeline.engines.cluster.head import Head
from lightly_assets.pipeline.engines.cluster.ray_worker import RayWorker
from lightly_assets.pipeline.engines.cluster.shipping import files_of
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.pipeline.engines.messages import Begun, Failed, Gone, Group, Order
from lightly_assets.pipeline.engines.watch import Watch
from lightly_assets.pipeline.running.commit import Warehouse

_TAKE_SECONDS = 1.0
_POLL_SECONDS = 0.2
PATIENCE_SECONDS = 4.0
_KNOCK_SECONDS = 10.0
# The type of a frame of HTTP/2.
_SETTINGS = 4
# Calls of an actor that may be under way at once: taking, giving, stopping.
_CALLS = 4
# In the place of a worker's number, for what befalls all of them.
_NOBODY = -1


class RayCrew:
    """Actors on a Ray cluster; each holds its loaded models, and is given what the settings ask for."""

    def __init__(self, house: Warehouse, order: Order, folder: Path) -> None:
        """
        Raises:
            EngineError: there is no cluster, or it cannot do what is asked of it.
        """
        self._settings = settings = with_own_paths(house.project)
        self._ray = ray = _ray()
        self._ours = _connect(ray, settings)
        self.watch = Watch(settings.stall_seconds)
        self._actors: dict[int, Any] = {}
        self._nodes: dict[int, str] = {}
        self._taking: dict[Any, int] = {}
        self._hired = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        try:
            hosts = _hosts(ray)
            order = _for_other_hosts(house, order, hosts, folder)
            self.most = _room(ray, settings) if settings.workers == "auto" else settings.workers
            self._files = [
                (one.place, one.digest, ray.put(one.path.read_bytes())) for one in files_of(house.project)
            ]
            self._order = ray.put(pickle.dumps(order))
        except BaseException:
            self._leave()
            raise
        self._actor = ray.remote(RayWorker).options(**self._options())
        self._head = Head(_head_of(ray, settings), self._head_gone)
        self._thread = threading.Thread(target=self._listen, name="ray", daemon=True)
        self._thread.start()

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "num_cpus": settings.cpus,
            "num_gpus": settings.gpus,
            "max_concurrency": _CALLS,
            # Who died of what is ours to judge.
            "max_restarts": 0,
            "max_task_retries": 0,
            "scheduling_strategy": "SPREAD",
        }
        if settings.runtime_env and not self._ours:
            options["runtime_env"] = settings.runtime_env
        return options

    def hire(self) -> int:
        """Ask Ray for another actor."""
        with self._lock:
            number, self._hired = self._hired, self._hired + 1
            actor = self._actors[number] = self._actor.remote(self._order, number, self._files)
            self._taking[actor.take.remote(0)] = number
        return number

    def give(self, worker: int, group: Group) -> None:
        with self._lock:
            actor = self._actors.get(worker)
        if actor is not None:
            actor.give.remote(pickle.dumps(group))

    def hint(self) -> str:
        """What the cluster has, and what is asked of it."""
        if not self._head.answers:  # Ray would wait for it
            return "the head of the cluster does not answer"
        settings, free = self._settings, self._ray.available_resources()
        return (
            f"it is to have {settings.cpus:g} CPUs and {settings.gpus:g} GPUs of one host, and the cluster "
            f"has {free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs free in all"
        )

    def _listen(self) -> None:
        try:
            while not self._closing.is_set():
                with self._lock:
                    waiting = list(self._taking)
                if not waiting:
                    self._closing.wait(_POLL_SECONDS)
                    continue
                ready, _ = self._ray.wait(waiting, num_returns=1, timeout=_POLL_SECONDS)
                for one in ready:
                    self._heard(one)
        except BaseException as error:  # noqa: BLE001 - raised again by the run, which would wait for ever
            if not self._closing.is_set():
                self.watch.put(_NOBODY, Failed(error))

    def _heard(self, taken: Any) -> None:
        with self._lock:
            number = self._taking.pop(taken, None)
            if number is None:
                return  # ended meanwhile
            actor = self._actors[number]
        try:
            node, reports = self._ray.get(taken)
        except Exception as error:  # noqa: BLE001 - whatever became of it, it does not work any more
            if not self._closing.is_set():
                self._lost(number, error)
            return
        if number not in self._nodes:
            # From now on, and no sooner, it is known that it has a place: then it may hang.
            self._nodes[number] = node
            self.watch.put(number, Begun())
            actor.begin.remote()
        for report in pickle.loads(reports):  # noqa: S301 - our own
            self.watch.put(number, report)
        with self._lock:
            if number in self._actors:
                self._taking[actor.take.remote(_TAKE_SECONDS)] = number

    def end(self, worker: int, how: str) -> None:
        """Kill an actor, whatever its threads do."""
        with self._lock:
            actor = self._actors.pop(worker, None)
            self._taking = {taken: number for taken, number in self._taking.items() if number != worker}
        if actor is not None:
            self._ray.kill(actor)
            self.watch.put(worker, Gone(how))

    def _lost(self, number: int, error: Exception) -> None:
        with self._lock:
            actor = self._actors.pop(number, None)
        if actor is None:
            return  # ended meanwhile
        # What is only out of reach must not go on with what others do now.
        self._ray.kill(actor)
        text = " ".join(str(error).split())
        if "No module named 'lightly_assets" in text:
            self.watch.put(number, Failed(EngineError(_NOT_INSTALLED)))
        elif type(error).__name__ == "RuntimeEnvSetupError":
            reason = f"Ray cannot make engine.runtime_env: {_short(text)}."
            self.watch.put(number, Failed(EngineError(reason)))
        else:
            lost = self._is_lost(number, text)
            how = "was lost with its host" if lost else f"died ({_short(text)})"
            self.watch.put(number, Gone(how, innocent=lost))

    def _is_lost(self, number: int, text: str) -> bool:
        """Whether its host is gone, which Ray may learn a moment later."""
        node = self._nodes.get(number)
        for _ in range(10):
            alive = {one["NodeID"] for one in self._ray.nodes() if one["Alive"]}
            if (node is not None and node not in alive) or "node has died" in text or "node died" in text:
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def close(self) -> bool:
        """End all actors within seconds; whether all of them have ended in good order."""
        self._closing.set()
        self._head.close()
        if self._head.gone:
            self._stop_without_head()
            return False
        try:
            with self._lock:
                actors = list(self._actors.values())
            stopped = {actor.stop.remote(): actor for actor in actors}
            ended = []
            if stopped:
                ended, _ = self._ray.wait(list(stopped), num_returns=len(stopped), timeout=PATIENCE_SECONDS)
            for actor in actors:
                self._ray.kill(actor)
            return len(ended) == len(stopped)
        finally:
            self._thread.join(_POLL_SECONDS * 5)
            self._leave()

    def _leave(self) -> None:
        if self._ours:
            self._ray.shutdown()

    def _head_gone(self, reason: str, seconds: float) -> None:
        self.watch.put(
            _NOBODY,
            Failed(
                EngineError(
                    f"The head of the Ray cluster at {self._settings.address} has not answered for "
                    f"{seconds:.0f} seconds ({reason}), so the run ends; what was published stays: start the "
                    "cluster, and run again."
                )
            ),
        )

    def _stop_without_head(self) -> None:
        """Workers may live on, and can be told; what asks the head would wait for it."""
        with self._lock:
            actors = list(self._actors.values())

        def tell() -> None:
            with suppress(Exception):
                self._ray.wait([actor.stop.remote() for actor in actors], num_returns=len(actors), timeout=2)
            self._leave()

        # Ray tells the head of errors and of the end of a process, and would wait for it then, too.
        atexit.unregister(self._ray.shutdown)
        sys.excepthook = sys.__excepthook__
        telling = threading.Thread(target=tell, daemon=True)
        telling.start()
        telling.join(2 * PATIENCE_SECONDS)


_NOT_INSTALLED = (
    "lightly-assets is not installed on a host of the Ray cluster; install it there in the same version, or "
    "name it in engine.runtime_env."
)


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise EngineError(
            "An engine of kind ray needs Ray; install it with: pip install 'lightly-assets[ray]'."
        ) from None
    return ray


def with_own_paths(project: Project) -> EngineSettings:
    """The engine of a project, with files of its ``runtime_env`` found beside ``lightly.yaml``, too."""
    given = dict(project.engine.runtime_env)

    def place(value: Any, there: Callable[[Path], bool] = Path.exists) -> Any:
        if not isinstance(value, str) or "://" in value:
            return value
        path = project.base_dir / Path(value).expanduser()
        return str(path.absolute()) if there(path) else value

    if "working_dir" in given:
        given["working_dir"] = place(given["working_dir"])
    if isinstance(given.get("py_modules"), list):
        given["py_modules"] = [place(one) for one in given["py_modules"]]
    for name in {"pip", "uv", "conda"} & given.keys():  # conda names environments of the hosts, too
        given[name] = place(given[name], Path.is_file)
    return project.engine.model_copy(update={"runtime_env": given})


def _connect(ray: Any, settings: EngineSettings) -> bool:
    """Find the cluster; whether the connection is ours to end. Raises EngineError."""
    if ray.is_initialized():
        return False
    _knock(settings.address)
    given: dict[str, Any] = {"runtime_env": settings.runtime_env} if settings.runtime_env else {}
    if not settings.address.startswith("ray://"):
        given |= {"log_to_driver": False, "configure_logging": False}
    try:
        with _own_signals():
            ray.init(settings.address, namespace="lightly-assets", **given)
    except ConnectionError as error:
        if "failure from server" in str(error):  # its last line says why
            reason = _short(str(error).rstrip("'\" \n").rpartition("Error: ")[2])
            raise EngineError(
                f"The Ray cluster at {settings.address} does not take this run: {reason}; where it only was "
                "too busy, run again."
            ) from None
        raise _no_cluster(settings.address, _short(str(error))) from None
    except (RuntimeError, ValueError, OSError) as error:
        raise EngineError(
            f"The Ray cluster at {settings.address} cannot be used: {_short(str(error))}."
        ) from None
    return True


def _knock(address: str) -> None:
    """Raises EngineError where nobody is at home, or no Ray: Ray itself would go on trying for minutes."""
    place = address
    if address == "auto":
        folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray"
        with suppress(OSError):
            place = (folder / "ray_current_cluster").read_text().strip()
        place = os.environ.get("RAY_ADDRESS") or place
    host, _, port = place.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        with socket.create_connection((host, int(port)), _KNOCK_SECONDS) as connection:
            speaks_grpc = place.startswith("ray://") or _with_tls() or _greets(connection)
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from None
    if not speaks_grpc:
        raise _no_cluster(address, "what listens there is something else; a head's own port is 6379")


def _with_tls() -> bool:
    return os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true")


def _greets(connection: socket.socket) -> bool:
    """Whether somebody answers as each gRPC server does, with the settings of an HTTP/2 connection."""
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0]))
    try:
        answer = connection.recv(9, socket.MSG_WAITALL)
    except (TimeoutError, ConnectionError):
        return False
    return len(answer) == 9 and answer[3] == _SETTINGS


def _head_of(ray: Any, settings: EngineSettings) -> str:
    """Where the head answers: the server of clients, or Ray's own store."""
    if settings.address.startswith("ray://"):
        return settings.address
    return str(ray.get_runtime_context().gcs_address)


def _no_cluster(address: str, reason: str) -> EngineError:
    where = "to be found from this machine" if address == "auto" else f"at {address}"
    return EngineError(
        f"There is no Ray cluster {where} ({reason}); start one with 'ray start --head', or say in "
        "engine.address where it is."
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray's own handler of SIGTERM would hide from Dagster that a run was cancelled."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _hosts(ray: Any) -> set[tuple[str, str]]:
    """Names and addresses of all hosts, that of the run included."""
    hosts = {(one["NodeManagerHostname"], one["NodeManagerAddress"]) for one in ray.nodes() if one["Alive"]}
    name = socket.gethostname()
    return hosts if name in {one for one, _ in hosts} else {*hosts, (name, "")}


def _for_other_hosts(house: Warehouse, order: Order, hosts: set[tuple[str, str]], folder: Path) -> Order:
    """The order with roots that do not depend on where ``lightly.yaml`` lies. Raises EngineError."""
    project, stores = house.project, {"input": house.input, "lightly": house.lightly, "state": house.state}
    on_disk = [name for name, store in stores.items() if store.local_root is not None]
    if on_disk and len(hosts) > 1 and not project.engine.shared:
        raise EngineError(
            f"datasource.{on_disk[0]} is a folder of one machine, but the cluster has {len(hosts)} hosts; "
            "use a bucket, or say engine.shared: true where all of them see the same folder."
        )
    visible = str(folder) if "state" in on_disk else None
    return replace(order, project=_pinned(project), visible=visible)


def _pinned(project: Project) -> Project:
    roots = {name: project.root(name) for name in ("input", "lightly", "state")}
    storage: dict[str, Any] = {}
    for name in (None, "input", "lightly", "state"):
        section = project.storage if name is None else getattr(project.storage, name)
        if section is not None and section.ca_file is not None:
            absolute = {"ca_file": project.base_dir / section.ca_file.expanduser()}
            storage |= absolute if name is None else {name: section.model_copy(update=absolute)}
    return project.model_copy(
        update={
            "datasource": project.datasource.model_copy(update=roots),
            "storage": project.storage.model_copy(update=storage),
        }
    )


def _room(ray: Any, settings: EngineSettings) -> int:
    """How many workers the cluster has room for; one at least, which it may have to wait for."""
    found = 0
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            fits = [has.get("CPU", 0) / settings.cpus]
            if settings.gpus:
                fits.append(has.get("GPU", 0) / settings.gpus)
            found += int(min(fits) + 1e-9)
    return max(1, found)


def _short(text: str) -> str:
    """The first sentence of what Ray says, which may fill a page."""
    flat = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
    return (flat[:200].rpartition(". ")[0] or flat[:200]).rstrip(".")
