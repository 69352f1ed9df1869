"""``engine:`` in ``lightly.yaml``: who does the work of a run."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lightly_assets.config.section import Section
from lightly_assets.errors import BadValue
from lightly_assets.format.rules.messages import shown

_OF_KIND = {
    "local": ("workers", "devices", "stall_seconds"),
    "ray": ("workers", "stall_seconds", "address", "cpus", "gpus", "shared", "runtime_env"),
}
_ADDRESS = re.compile(r"auto|(ray://)?[^/\s@]+:\d+")
_DEVICE = re.compile(r"\d+|[A-Za-z][\w:/-]*")
_SECRETS = {
    "key",
    "keys",
    "apikey",
    "secret",
    "secrets",
    "token",
    "password",
    "passwd",
    "credential",
    "credentials",
}


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
    cpus: Annotated[float, Field(gt=0)] = 1
    """With ``ray``: cores of a worker."""
    gpus: Annotated[float, Field(ge=0)] = 0
    """With ``ray``: GPUs of a worker; 0.5 puts two on one."""
    shared: bool = False
    """With ``ray``: folders of ``datasource`` are the same ones on every host, such as those of NFS."""
    runtime_env: dict[str, Any] = Field(default_factory=dict)
    """With ``ray``: what its workers need beside what is installed, as Ray's ``runtime_env``. No secrets."""

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
        if not _ADDRESS.fullmatch(self.address):
            raise BadValue(
                f"engine.address is '{self.address}'; it must be auto, ray://HOST:PORT or HOST:PORT"
            )
        self._refuse_secrets()
        return self

    def _refuse_secrets(self) -> None:
        """Ray shows a runtime environment to everybody who sees its dashboard or its logs."""
        variables = self.runtime_env.get("env_vars", {})
        if not isinstance(variables, dict):
            raise BadValue("engine.runtime_env.env_vars must be a mapping of names to texts")
        for name in variables:
            if _SECRETS & set(re.split(r"[^a-z]+", str(name).lower())):
                raise BadValue(
                    f"engine.runtime_env.env_vars holds {name}, which looks like a secret, and Ray shows it "
                    "to all who see the cluster; set it in the environment that 'ray start' gets on each host"
                )

    @property
    def in_this_process(self) -> bool:
        """Whether the process of the run does the work."""
        return self.kind == "local" and not self.devices and self.workers in ("auto", 1)
