"""The real SDK against a server on loopback: what is sent, and what becomes of every kind of failure."""

from __future__ import annotations

import json
import logging
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.format.schema import Schema
from lightly_assets.worker import WorkerRunError, WorkerRunSettings, can_schedule, schedule, worker_request
from lightly_assets.worker.errors import PlatformUnavailable
from tests.worker.platform_server import CONFIG_ID, DATASET_ID, RUN_ID, TOKEN, Failure, Platform

GOLDEN = Path(__file__).parent / "golden"
SCHEDULE = f"/v1/datasets/{DATASET_ID}/docker/worker/schedule"
CONFIG = "/v1/docker/worker/config/vX"
AT_ONCE = (0.0, 0.0)


@pytest.fixture
def request_(section: dict[str, Any], tasks: dict[str, Schema]) -> dict[str, Any]:
    return worker_request(WorkerRunSettings.parse(section), tasks, ["b.mp4", "sub/a b.MOV"])


def test_what_is_sent(platform: Platform, request_: dict[str, Any]) -> None:
    run = schedule(request_)
    assert (run.id, run.dataset_id, run.config_id, run.url, run.notes) == (
        RUN_ID,
        DATASET_ID,
        CONFIG_ID,
        None,
        (),
    )
    assert platform.sent("POST", CONFIG) == [json.loads((GOLDEN / "sent_config.json").read_bytes())]
    assert platform.sent("POST", SCHEDULE) == [
        {"configId": CONFIG_ID, "priority": "MID", "runsOn": ["gpu"], "creator": "USER_PIP"}
    ]
    assert {one.token for one in platform.requests if "/versions/" not in one.path} == {TOKEN}
    assert "torch" not in sys.modules


def test_the_same_request_as_the_sdk_alone_sends(platform: Platform, request_: dict[str, Any]) -> None:
    """A person who schedules the written request by hand sends the same."""
    from lightly.api import ApiWorkflowClient

    client = ApiWorkflowClient(dataset_id=DATASET_ID)
    assert client.schedule_compute_worker_run(**request_["run"]) == RUN_ID
    by_hand = platform.sent("POST", CONFIG) + platform.sent("POST", SCHEDULE)
    platform.requests.clear()
    schedule(request_)
    assert platform.sent("POST", CONFIG) + platform.sent("POST", SCHEDULE) == by_hand


def test_a_dataset_by_its_id(platform: Platform, section: dict[str, Any], tasks: dict[str, Schema]) -> None:
    section.pop("dataset")
    settings = WorkerRunSettings.parse(section | {"dataset_id": DATASET_ID})
    assert schedule(worker_request(settings, tasks, ["a.mp4"])).id == RUN_ID
    platform.datasets.clear()
    with pytest.raises(WorkerRunError, match=rf"looking up the dataset {DATASET_ID} \(404, no /v1"):
        schedule(worker_request(settings, tasks, ["a.mp4"]))


def test_a_new_dataset_needs_its_datasources(platform: Platform, request_: dict[str, Any]) -> None:
    platform.datasets.clear()
    platform.purposes = []
    with pytest.raises(WorkerRunError, match=r"'streets' was created .* configure its input and its Lightly"):
        schedule(request_)
    assert platform.sent("POST", "/v1/datasets") == [
        {"name": "streets", "type": "Videos", "creator": "USER_PIP"}
    ]
    with pytest.raises(WorkerRunError, match="no datasource of the purpose INPUT and none of LIGHTLY"):
        schedule(request_)
    assert len(platform.datasets) == 1
    assert platform.sent("POST", SCHEDULE) == []
    platform.purposes = ["INPUT_OUTPUT"]
    assert schedule(request_).id == RUN_ID


def test_a_missing_lightly_datasource(platform: Platform, request_: dict[str, Any]) -> None:
    platform.purposes = ["INPUT"]
    with pytest.raises(WorkerRunError, match="no datasource of the purpose LIGHTLY: configure"):
        schedule(request_)


def test_a_dataset_of_the_other_kind(platform: Platform, request_: dict[str, Any]) -> None:
    platform.datasets[0]["type"] = "Images"
    with pytest.raises(WorkerRunError, match=r"holds Images, but worker_run\.input_type says videos"):
        schedule(request_)


def test_no_worker_is_only_a_note(platform: Platform, request_: dict[str, Any]) -> None:
    platform.worker_labels = [["other"]]
    assert schedule(request_).notes == (
        "No Worker with the labels gpu is registered; the run waits until one is started.",
    )
    platform.failures = [Failure("/v1/docker/worker", 403, 1, method="GET")]
    assert "not known" in schedule(request_).notes[0]


def test_a_bad_token_is_refused_once(
    platform: Platform, request_: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTLY_TOKEN", "wrong-secret")
    with pytest.raises(WorkerRunError) as caught:
        schedule(request_)
    assert str(caught.value) == (
        "The platform refused the token in LIGHTLY_TOKEN while looking up the dataset 'streets' (401, token "
        "*** is invalid): check that it is complete, not revoked, and of an account that may use this "
        "dataset."
    )
    assert not caught.value.retriable
    assert len([one for one in platform.requests if "/versions/" not in one.path]) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 0])
def test_failures_that_pass(platform: Platform, request_: dict[str, Any], status: int) -> None:
    platform.failures = [
        Failure("/query/name/", status, 2, method="GET"),
        Failure("/datasource/all", status, 1, method="GET"),
        Failure(CONFIG, status, 2),
        Failure(SCHEDULE, status, 2),
    ]
    assert schedule(request_, waits=AT_ONCE).id == RUN_ID
    assert len(platform.scheduled) == 1


@pytest.mark.parametrize("status", [503, 0])
def test_failures_that_stay(platform: Platform, request_: dict[str, Any], status: int) -> None:
    platform.failures = [Failure(CONFIG, status, 99)]
    with pytest.raises(PlatformUnavailable, match="while sending the configuration") as caught:
        schedule(request_, waits=AT_ONCE)
    assert caught.value.retriable
    assert len(platform.sent("POST", CONFIG)) == 1 + len(AT_ONCE)


@pytest.mark.parametrize("status", [502, 0])
def test_a_lost_answer_does_not_schedule_twice(
    platform: Platform, request_: dict[str, Any], status: int
) -> None:
    platform.failures = [Failure(SCHEDULE, status, 1, done_anyway=True)]
    assert schedule(request_, waits=AT_ONCE).id == RUN_ID
    assert len(platform.scheduled) == 1
    assert len(platform.sent("POST", SCHEDULE)) == 1


@pytest.mark.parametrize("status", [400, 402, 404, 422])
def test_refusals_are_not_repeated(platform: Platform, request_: dict[str, Any], status: int) -> None:
    platform.failures = [Failure(SCHEDULE, status, 99)]
    with pytest.raises(WorkerRunError, match=rf"refused while scheduling the run \({status}, not today\)"):
        schedule(request_, waits=AT_ONCE)
    assert len(platform.sent("POST", SCHEDULE)) == 1


def test_nobody_listens(request_: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("LIGHTLY_SERVER_LOCATION", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("LIGHTLY_TOKEN", TOKEN)
        with pytest.raises(PlatformUnavailable, match=r"could not be reached .* LIGHTLY_SERVER_LOCATION"):
            schedule(request_, waits=AT_ONCE)


def test_the_token_stays_secret(
    platform: Platform, request_: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("urllib3").setLevel(logging.DEBUG)
        schedule(request_)
        platform.scheduled.clear()
        platform.failures = [Failure(SCHEDULE, 503, 99)]
        with pytest.raises(PlatformUnavailable) as caught:
            schedule(request_, waits=AT_ONCE)
    assert TOKEN not in caplog.text + repr(caught.value) + repr(caught.value.__cause__)


def test_without_a_token(
    platform: Platform, request_: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert can_schedule() is None
    monkeypatch.setenv("LIGHTLY_TOKEN", " ")
    with pytest.raises(WorkerRunError, match="LIGHTLY_TOKEN is not set"):
        schedule(request_)
    assert platform.requests == []
