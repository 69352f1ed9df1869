"""Models behind a server that speaks KServe's and Triton's protocol, version 2, over HTTP."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import numpy as np
import orjson
import urllib3
from numpy.typing import NDArray
from pydantic import Field, field_validator

from lightly_assets.errors import BadValue
from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, LayoutModel
from lightly_assets.models.files import version_of
from lightly_assets.models.layout_model import Reader, settled_outputs
from lightly_assets.models.layouts.base import Output
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Result
from lightly_assets.models.runtimes.shared.inputs import extra_feeds, split_inputs

CODE_VERSION = 1

# The protocol's names of types, as NumPy names them.
_DTYPES = {
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "UINT8": "uint8",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
# Triton's extension: numbers as bytes behind the JSON, whose length this header says.
_BINARY, _JSON_LENGTH = "binary_tensor_data", "Inference-Header-Content-Length"
# A server that starts, or has too much to do, is asked again.
_BUSY = (429, 502, 503, 504)


@KINDS.register("http")
class HttpModel(LayoutModel):
    """A model on a server that speaks the Open Inference Protocol (KServe, Triton, MLServer, OpenVINO's)."""

    kind: Literal["http"]
    url: str
    """Of the server, such as ``http://localhost:8000``."""
    model: Annotated[str, Field(min_length=1)]
    """The model's name on the server."""
    model_version: str | None = None
    """The model's version on the server; the server's choice where not given."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Header → the environment variable that holds it, such as ``{Authorization: MODEL_TOKEN}``."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 60
    """The longest that an answer may take."""
    binary: bool | None = None
    """Send numbers as bytes instead of JSON. Where not given, the server's extensions tell whether it can;
    KServe's own server can, and does not list it."""
    version: str | None = None
    """Say another one where the server's model has changed and its metadata does not tell."""

    @field_validator("url")
    @classmethod
    def _usable(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadValue(f"url is {value!r}; it must be http:// or https:// and a server")
        if parts.username or parts.password:
            raise BadValue(
                "url holds a password; say headers: {Authorization: NAME}, NAME being an environment variable"
            )
        return value.rstrip("/")

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        for name in ("url", "headers", "timeout_seconds", "binary"):
            settings.pop(name)
        return settings

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:  # noqa: ARG002
        return HttpRuntime(self, task_type, categories)


class HttpRuntime:
    """A model on a server, with a declared layout; its inputs and outputs are those that the server names."""

    def __init__(self, config: HttpModel, task_type: TaskType, categories: int) -> None:
        self._server, self.name = _Server(config), config.model
        about = self._server.metadata()
        if not about.get("inputs") or not about.get("outputs"):
            raise ModelError(
                f"The server names no inputs or no outputs of the model {config.model}; add them to its "
                "metadata there (name, datatype, shape), as they cannot be guessed."
            )
        # Servers that batch themselves leave the batch out, or say -1.
        image_input, self._others = split_inputs(
            [_described(one, config) for one in about["inputs"]], config.model
        )
        self._images = image_input
        outputs = [Output(*_described(one, config)) for one in about["outputs"]]
        self._outputs = outputs
        outputs = settled_outputs(config, Facts(), image_input, outputs, self._run, config.model)
        self.reader = Reader(config, task_type, categories, image_input, outputs, config.model)
        self.batch_size = self.reader.batch_size
        said = {name: about.get(name) for name in ("name", "versions", "platform", "inputs", "outputs")}
        self.version = version_of(
            json.dumps(said, sort_keys=True), self.reader.version_settings(task_type), CODE_VERSION
        )

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """One result per image; see :class:`~lightly_assets.models.protocol.Model`."""
        return self.reader.predict(list(images), self._run, sources)

    def _run(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        feeds = {self._images.name: batch, **extra_feeds(self._others, batch.shape)}
        found = self._server.infer(feeds, [one.name for one in self._outputs])
        for about, one in zip(self._outputs, found, strict=True):
            _check_answer(about, one, self.name)
        return found


def _described(about: Any, config: HttpModel) -> tuple[str, tuple[int | None, ...], str]:
    """Name, shape and dtype of an input or an output."""
    match about:
        case {"name": str(name), "datatype": str(kind), "shape": [*shape]} if kind in _DTYPES:
            return name, tuple(map(_size, shape)), _DTYPES[kind]
    raise ModelError(f"The server describes {about} for the model {config.model}, which is no tensor here.")


def _check_answer(about: Output, found: NDArray[Any], model: str) -> None:
    """Raises ModelError where an answer is something else than the server's metadata say."""
    same = len(about.shape) != len(found.shape) or all(
        size in (None, given) for size, given in zip(about.shape[1:], found.shape[1:], strict=True)
    )
    if not same or np.dtype(about.dtype).kind != found.dtype.kind:
        raise ModelError(
            f"The server answers {about.name} of the model {model} with {found.dtype} {found.shape}, but its "
            f"metadata say {about.dtype} {about}; correct them there."
        )


def _size(given: Any) -> int | None:
    """Some servers write numbers as text, as protocol buffers do in JSON; -1 is any."""
    try:
        size = int(given)
    except (TypeError, ValueError):
        return None
    return size if size > 0 else None


class _Server:
    """The requests of the protocol."""

    def __init__(self, config: HttpModel) -> None:
        self._config = config
        headers = {name: _secret(name, variable) for name, variable in config.headers.items()}
        retries = urllib3.Retry(
            total=3, backoff_factor=0.5, status_forcelist=_BUSY, allowed_methods=None, raise_on_status=False
        )
        self._pool = urllib3.PoolManager(
            headers=headers, retries=retries, timeout=urllib3.Timeout(config.timeout_seconds)
        )
        self._model = f"/v2/models/{quote(config.model, safe='')}"
        if config.model_version is not None:
            self._model += f"/versions/{quote(config.model_version, safe='')}"
        extensions = self._json("GET", "/v2").get("extensions") or []
        self._binary = _BINARY in extensions if config.binary is None else config.binary

    def metadata(self) -> dict[str, Any]:
        return self._json("GET", self._model)

    def infer(self, feeds: dict[str, NDArray[Any]], wanted: Sequence[str]) -> list[NDArray[Any]]:
        arrays = {name: np.ascontiguousarray(one) for name, one in feeds.items()}
        body, headers = self._request(arrays, wanted)
        answer = self._ask("POST", f"{self._model}/infer", body, headers)
        found = _tensors(answer.data, answer.headers.get(_JSON_LENGTH), self._config.model)
        if missing := [name for name in wanted if name not in found]:
            raise ModelError(f"The server's answer for {self._config.model} has no output {missing[0]}.")
        return [found[name] for name in wanted]

    def _request(
        self, arrays: dict[str, NDArray[Any]], wanted: Sequence[str]
    ) -> tuple[bytes, dict[str, str]]:
        inputs: list[dict[str, Any]] = []
        for name, one in arrays.items():
            about: dict[str, Any] = {
                "name": name,
                "shape": list(one.shape),
                "datatype": _NAMES[str(one.dtype)],
            }
            if self._binary:
                about["parameters"] = {"binary_data_size": one.nbytes}
            elif one.dtype == np.float16:
                raise ModelError(
                    f"The server takes float16 for {name}, which JSON does not have, and no binary tensors."
                )
            else:
                about["data"] = one.reshape(-1)
            inputs.append(about)
        outputs = [{"name": name, "parameters": {"binary_data": self._binary}} for name in wanted]
        head = orjson.dumps({"inputs": inputs, "outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
        if not self._binary:
            return head, {"Content-Type": "application/json"}
        body = b"".join([head, *(one.tobytes() for one in arrays.values())])
        return body, {"Content-Type": "application/octet-stream", _JSON_LENGTH: str(len(head))}

    def _json(self, method: str, path: str) -> dict[str, Any]:
        answer = self._ask(method, path, None, {})
        try:
            found = json.loads(answer.data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ModelError(
                f"{self._config.url}{path} answers with no JSON object; url must be a server that speaks the "
                "Open Inference Protocol (/v2)."
            )
        return found

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        url = f"{self._config.url}{path}"
        try:
            answer = self._pool.request(method, url, body=body, headers={**self._pool.headers, **headers})
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise ModelError(
                f"The server {self._config.url} cannot be asked: {type(reason).__name__}; is it running?"
            ) from None
        if answer.status != 200:
            said = " ".join(answer.data[:300].decode("utf-8", "replace").split())
            raise ModelError(f"The server answers {url} with status {answer.status}: {said}.")
        return answer


def _secret(name: str, variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise ModelError(
            f"headers: {name} is to be taken from the environment variable {variable}, which is not set."
        )
    return value


def _tensors(data: bytes, json_length: str | None, model: str) -> dict[str, NDArray[Any]]:
    """The outputs of an answer, in JSON or behind it."""
    try:
        end = len(data) if json_length is None else int(json_length)
        answer = json.loads(data[:end])
        if "outputs" not in answer and "error" in answer:
            raise ModelError(f"The server answers for {model} with an error: {str(answer['error'])[:300]}.")
        found, start = {}, end
        for one in answer["outputs"]:
            dtype, shape = np.dtype(_DTYPES[one["datatype"]]), one["shape"]
            size = (one.get("parameters") or {}).get("binary_data_size")
            if size is None:
                found[one["name"]] = np.array(one["data"], dtype=dtype).reshape(shape)
                continue
            found[one["name"]] = np.frombuffer(data[start : start + size], dtype=dtype).reshape(shape).copy()
            start += size
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The server's answer for {model} is not of the protocol: {type(error).__name__}: {error}."
        ) from None
    return found
