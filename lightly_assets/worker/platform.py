"""Schedules a run through the package ``lightly``."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lightly_assets.worker.errors import PlatformUnavailable, WorkerRunError
from lightly_assets.worker.models import has_sdk, prepare_sdk
from lightly_assets.worker.settings import SERVER_VARIABLE, TOKEN_VARIABLE, has_token

if TYPE_CHECKING:
    from lightly.api import ApiWorkflowClient

_Result = TypeVar("_Result")

_TIMEOUTS = (10, 60)  # seconds to connect and to wait for an answer
_WAITS = (1.0, 2.0, 4.0)  # seconds before each repetition
_TRANSIENT = (429, 500, 502, 503, 504)
_DEFAULT_SERVER = "https://api.lightly.ai"


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A run that waits for a Worker."""

    id: str
    dataset_id: str
    config_id: str
    url: str | None
    """Where the platform shows its runs; None for a server of one's own."""
    notes: tuple[str, ...] = ()
    """What is worth knowing although the run was scheduled, one sentence each."""


def can_schedule() -> str | None:
    """None where the package and a token are there, else what is missing and what to do, in one sentence."""
    if not has_sdk():
        return (
            "The package lightly is not installed: install lightly-assets[worker], or schedule the written "
            "request by hand."
        )
    if not has_token():
        return (
            f"{TOKEN_VARIABLE} is not set: set it to the token of your Lightly account, or schedule the "
            "written request by hand; the package lightly has not looked at it."
        )
    return None


def schedule(request: Mapping[str, Any], *, waits: Sequence[float] = _WAITS) -> ScheduledRun:
    """Asks the platform for the run of a :func:`worker_request`.

    The list of relevant filenames must be in the Lightly datasource already, the platform looks for it. The
    dataset is found by id or name, or created; its datasources are yours to configure. Where the platform did
    not answer, or failed itself, a call is repeated up to ``len(waits)`` times, after so many seconds; the
    scheduling not without having looked whether it had succeeded.

    Raises:
        WorkerRunError: the token, the dataset or its datasources are not right, or the platform refused.
        PlatformUnavailable: it could not be reached, or kept failing.
    """
    if missing := can_schedule():
        raise WorkerRunError(missing)
    with _quiet():
        return _schedule(_Platform(waits), request)


def _schedule(platform: _Platform, request: Mapping[str, Any]) -> ScheduledRun:
    dataset_id = platform.dataset(request["dataset"])
    platform.require_datasources(dataset_id)
    run = request["run"]
    config_id = platform.create_config(run)
    run_id = platform.schedule(dataset_id, config_id, run)
    server = os.environ.get(SERVER_VARIABLE, _DEFAULT_SERVER).strip().rstrip("/")
    url = "https://app.lightly.ai/compute/runs" if server == _DEFAULT_SERVER else None
    return ScheduledRun(run_id, dataset_id, config_id, url, tuple(platform.worker_notes(run["runs_on"])))


class _Platform:
    """The calls that a run needs, each with its errors as sentences."""

    def __init__(self, waits: Sequence[float]) -> None:
        from lightly.openapi_generated.swagger_client.api import DatasetsApi, DatasourcesApi, DockerApi

        self._waits = waits
        self._client = _client()
        self._datasets = DatasetsApi(self._client.api_client)
        self._datasources = DatasourcesApi(self._client.api_client)
        self._docker = DockerApi(self._client.api_client)

    def dataset(self, wanted: Mapping[str, str]) -> str:
        """The id of the dataset, which is created where there is none of that name."""
        found = self._find_dataset(wanted)
        if found is None:
            name = wanted["name"]
            self._call(f"creating the dataset '{name}'", lambda: self._create_dataset(wanted))
            raise WorkerRunError(
                f"The dataset '{name}' was created on the platform ({self._client.dataset_id}) and has no "
                "datasources yet: configure its input and its Lightly datasource there, then run this again."
            )
        if found.type != wanted["type"]:
            raise WorkerRunError(
                f"The dataset '{found.name}' on the platform holds {found.type}, but worker_run.input_type "
                f"says {wanted['type'].lower()}; choose another dataset or input_type."
            )
        self._client._dataset_id = found.id  # its setter would ask the platform again
        return str(found.id)

    def _find_dataset(self, wanted: Mapping[str, str]) -> Any:
        if "id" in wanted:
            what = f"looking up the dataset {wanted['id']}"
            return self._call(what, lambda: self._datasets.get_dataset_by_id(wanted["id"]))
        name = wanted["name"]
        found = self._call(
            f"looking up the dataset '{name}'",
            lambda: self._datasets.get_datasets_query_by_name(name, exact=True, shared=False),
        )
        return next((one for one in found if one.name == name), None)

    def _create_dataset(self, wanted: Mapping[str, str]) -> None:
        # Somebody else, or a request whose answer was lost, may have been first.
        existing = self._datasets.get_datasets_query_by_name(wanted["name"], exact=True, shared=False)
        if existing:
            self._client._dataset_id = existing[0].id
        else:
            self._client._create_dataset_without_check_existing(wanted["name"], wanted["type"])

    def require_datasources(self, dataset_id: str) -> None:
        """The Worker reads inputs from one datasource and predictions from another, or both from one."""
        found = self._call(
            "looking up the datasources",
            lambda: self._datasources.get_datasources_by_dataset_id(dataset_id),
        )
        purposes = {str(one.to_dict(by_alias=True)["purpose"]).rpartition(".")[2] for one in found}
        if "INPUT_OUTPUT" in purposes:
            return
        missing = [name for name in ("INPUT", "LIGHTLY") if name not in purposes]
        if missing:
            raise WorkerRunError(
                f"The dataset {dataset_id} has no datasource of the purpose {' and none of '.join(missing)}: "
                "configure it on the platform, with the same roots as in lightly.yaml, then run this again."
            )

    def create_config(self, run: Mapping[str, Any]) -> str:
        """Repeating it leaves at worst a configuration that nobody uses."""
        return str(
            self._call(
                "sending the configuration",
                lambda: self._client.create_compute_worker_config(
                    worker_config=run["worker_config"],
                    lightly_config=run["lightly_config"],
                    selection_config=run["selection_config"],
                ),
            )
        )

    def schedule(self, dataset_id: str, config_id: str, run: Mapping[str, Any]) -> str:
        """Never twice: where an answer was lost, the run is looked for before it is asked for again."""
        from lightly.openapi_generated.swagger_client.models import DockerRunScheduledCreateRequest

        body = DockerRunScheduledCreateRequest(
            config_id=config_id,
            priority=run["priority"],
            runs_on=run["runs_on"],
            creator=self._client._creator,
        )
        tried = False

        def post_once() -> str:
            nonlocal tried
            if tried:
                waiting = self._docker.get_docker_runs_scheduled_by_dataset_id(dataset_id)
                for one in waiting:
                    if one.config_id == config_id:
                        return str(one.id)
            tried = True
            return str(self._docker.create_docker_run_scheduled_by_dataset_id(dataset_id, body).id)

        return self._call("scheduling the run", post_once)

    def worker_notes(self, labels: Sequence[str]) -> list[str]:
        """Whether a Worker is registered that may take the run; it may well be started later."""
        try:
            workers = self._call("listing Workers", self._docker.get_docker_worker_registry_entries)
        except WorkerRunError as error:
            return [f"Whether a Worker is there to take the run is not known: {error}"]
        if any(set(labels) <= set(one.labels) for one in workers):
            return []
        with_labels = f" with the labels {', '.join(labels)}" if labels else ""
        return [f"No Worker{with_labels} is registered; the run waits until one is started."]

    def _call(self, what: str, call: Callable[[], _Result]) -> _Result:
        """One layer of retries, for what passes by itself."""
        from lightly.openapi_generated.swagger_client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        for wait in (*self._waits, None):
            try:
                return call()
            except ApiException as error:
                if error.status not in _TRANSIENT or wait is None:
                    raise self._refusal(what, error) from None
            except HTTPError as error:
                if wait is None:
                    raise PlatformUnavailable(
                        f"The platform could not be reached ({type(error).__name__} while {what}); check the "
                        f"network and {SERVER_VARIABLE}."
                    ) from None
            except ValueError as error:
                # pydantic.v1's and the package's own errors; their texts may repeat what was answered.
                raise WorkerRunError(
                    f"The package lightly refused while {what} ({type(error).__name__}): is the platform's "
                    "answer newer than the package?"
                ) from None
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _refusal(self, what: str, error: Any) -> WorkerRunError:
        said = _answer(error.body)
        token = str(self._client.token)
        said = said.replace(token, "***") if token else said
        status = f"{error.status}{f', {said}' if said else ''}"
        if error.status in (401, 403):
            return WorkerRunError(
                f"The platform refused the token in {TOKEN_VARIABLE} while {what} ({status}): check that it "
                "is complete, not revoked, and of an account that may use this dataset."
            )
        if error.status in _TRANSIENT:
            return PlatformUnavailable(f"The platform failed while {what} ({status}); try again later.")
        return WorkerRunError(f"The platform refused while {what} ({status}).")


@contextmanager
def _quiet() -> Iterator[None]:
    """URLs hold the token and answers the credentials of datasources: none of it goes to debug logs."""
    loggers = [logging.getLogger(name) for name in ("urllib3", "lightly")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _client() -> ApiWorkflowClient:
    prepare_sdk()
    from lightly.api import ApiWorkflowClient

    client = ApiWorkflowClient()
    rest = client.api_client.rest_client
    rest.timeout = _TIMEOUTS
    # urllib3 would repeat lost connections by itself, also where the request may have arrived.
    rest.pool_manager.connection_pool_kw["retries"] = 0
    return client


def _answer(body: Any) -> str:
    """What the platform says is wrong: its ``error`` field, on one line."""
    try:
        document = json.loads(body)
    except (TypeError, ValueError):
        return ""
    text = document.get("error") if isinstance(document, dict) else None
    return " ".join(str(text).split())[:300] if text else ""
