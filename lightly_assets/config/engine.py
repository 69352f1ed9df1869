"""``engine:`` in ``lightly.yaml``: who does the work of a run."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lightly_assets.config.section import Section
from lightly_assets.errors import BadValue
from lightly_assets.format.rules.messages import meant, shown

_OF_KIND = {
    "local": ("workers", "devices", "stall_seconds"),
    "ray": ("workers", "stall_seconds", "address", "cpus", "gpus", "shared", "runtime_env"),
}
_ADDRESS = re.compile(r"auto|(ray://)?([^/\s@:\[\]]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
_DEVICE = re.compile(r"\d+|[A-Za-z][\w:/-]*")
# Those of Ray's; of others it says nothing but a line in a log.
_RUNTIME_ENV = [
    "working_dir",
    "py_modules",
    "excludes",
    "pip",
    "uv",
    "conda",
    "env_vars",
    "py_executable",
    "worker_process_setup_hook",
    "container",
    "image_uri",
    "nsight",
    "rocprof_sys",
    "config",
]
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SECRET_WORDS = {"key", "keys", "pass", "pwd"}
_SECRETS = re.compile(r"apikey|accesskey|secret|token(?!iz)|passw|credential", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)


# The smallest share that Ray can tell from none.
_LEAST = 1e-4
# More processes than this bring down any machine.
_MOST_PROCESSES = 1024


class EngineSettings(Section):
    """Who does the work of a run. What is published never depends on it."""

    kind: Literal["local", "ray"] = "local"
    """``local``: this machine. ``ray``: the hosts of a Ray cluster."""
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Processes that work at once. ``auto``: one for each of ``devices``, or as many as the cluster has room
    for; without devices the run's own process does the work."""
    stall_seconds: Annotated[float, Field(gt=0)] = 1800
    """A worker of which nothing comes for so long, no frame, no file and no answer of a model, is ended, and
    what it had is tried by others, as after a crash. More than a model may need for its longest call, the
    first one included, or for being loaded."""
    devices: tuple[Annotated[int, Field(ge=0)] | str, ...] = ()
    """With ``local``: GPUs as ``CUDA_VISIBLE_DEVICES`` names them, such as ``[0, 1]``; a process for each."""
    address: str = "auto"
    """With ``ray``: ``auto`` finds the cluster of this machine or of ``RAY_ADDRESS``; or ``ray://HOST:PORT``."""
    cpus: Annotated[float, Field(ge=_LEAST)] = 1
    """With ``ray``: cores of a worker."""
    gpus: Annotated[float, Field(ge=0)] = 0
    """With ``ray``: GPUs of a worker; 0.5 puts two on one. More than one is a whole number."""
    shared: bool = False
    """With ``ray``: folders of ``datasource`` are the same ones on every host, such as those of NFS."""
    runtime_env: dict[str, Any] = Field(default_factory=dict)
    """With ``ray``: what its workers need beside what is installed, as Ray's ``runtime_env``, with paths
    relative to ``lightly.yaml``. No secrets."""

    @field_validator("workers", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        if value == "auto" or (type(value) is int and value >= 1):
            return value
        raise BadValue(f"engine.workers is {shown(value)}; it must be auto or an integer, at least 1")

    @field_validator("devices", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        for one in value if isinstance(value, list | tuple) else ():
            if not (_DEVICE.fullmatch(one) if isinstance(one, str) else type(one) is int and one >= 0):
                raise BadValue(
                    f"engine.devices holds {shown(one)}; each is a number from 0, or a name such as GPU-7a1c"
                )
        return value

    @field_validator("devices")
    @classmethod
    def _each_once(cls, devices: tuple[int | str, ...]) -> tuple[int | str, ...]:
        same = [str(int(one)) if str(one).isdecimal() else one for one in devices]
        for one in same:
            if same.count(one) > 1:
                raise BadValue(
                    f"engine.devices holds {one} twice; name each device once, and set workers to have "
                    "several processes on each"
                )
        return devices

    @field_validator("gpus")
    @classmethod
    def _share_or_whole(cls, gpus: float) -> float:
        if 0 < gpus < _LEAST or (gpus > 1 and gpus != int(gpus)):
            raise BadValue(
                f"engine.gpus is {gpus:g}; it must be 0, a share from {_LEAST:g} to 1, or a whole number"
            )
        return gpus

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in self.model_fields_set - {"kind", *_OF_KIND[self.kind]}:
            allowed = ", ".join(_OF_KIND[self.kind])
            raise BadValue(f"engine.{name} is no key of an engine of kind {self.kind}, which has {allowed}")
        if "stall_seconds" in self.model_fields_set and self.in_this_process:
            raise BadValue(
                "engine.stall_seconds is about workers, and the run's own process does the work; set workers "
                "to at least 2, or devices, or leave it out"
            )
        if self.workers != "auto" and self.workers < len(self.devices):
            raise BadValue(
                f"engine.workers is {self.workers}, but there are {len(self.devices)} devices; leave workers "
                "out, or give each device at least one"
            )
        if self.kind == "local" and self.workers != "auto" and self.workers > _MOST_PROCESSES:
            raise BadValue(
                f"engine.workers is {self.workers}; an engine of kind local has at most "
                f"{_MOST_PROCESSES:,} processes"
            )
        found = _ADDRESS.fullmatch(self.address)
        if found is None or not 0 < int(found["port"] or 1) < 65_536:
            # It may hold a password.
            told = f"'{self.address}'" if "@" not in self.address else "none that Ray knows"
            raise BadValue(f"engine.address is {told}; it must be auto, ray://HOST:PORT or HOST:PORT")
        self._check_runtime_env()
        return self

    def _check_runtime_env(self) -> None:
        """Ray leaves out what it does not know, and shows the rest to all who see its dashboard or logs."""
        for name in self.runtime_env:
            if name not in _RUNTIME_ENV:
                known = meant(str(name), _RUNTIME_ENV)
                raise BadValue(f"engine.runtime_env.{name} is not a known key{known}")
        variables = self.runtime_env.get("env_vars", {})
        if not isinstance(variables, dict):
            raise BadValue("engine.runtime_env.env_vars must be a mapping of names to texts")
        for name, value in variables.items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise BadValue(
                    f"engine.runtime_env.env_vars.{name} is no text; put names and values in quotes"
                )
            words = {one.lower() for one in _WORDS.findall(name)}
            if _SECRETS.search(name) or _SECRET_WORDS & words or _SECRET_VALUE.search(value):
                raise BadValue(
                    f"engine.runtime_env.env_vars holds {name}, which looks like a secret, and Ray shows it "
                    "to all who see the cluster; set it in the environment that 'ray start' gets on each host"
                )

    @property
    def in_this_process(self) -> bool:
        """Whether the process of the run does the work."""
        return self.kind == "local" and not self.devices and self.workers in ("auto", 1)
