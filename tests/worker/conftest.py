from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lightly_assets.format.schema import Schema
from lightly_assets.worker.models import prepare_sdk

prepare_sdk()  # importing the SDK must not ask a server for its latest version

from tests.worker.platform_server import Platform, lead_to, serve  # noqa: E402

PERSON_CAR = [{"id": 0, "name": "person"}, {"id": 7, "name": "car"}]
WEATHER = [{"id": 0, "name": "sunny"}, {"id": 1, "name": "rainy"}]


@pytest.fixture
def tasks() -> dict[str, Schema]:
    """One task of each type."""
    types = {
        "people": ("object-detection", PERSON_CAR),
        "weather": ("classification", WEATHER),
        "poses": ("keypoint-detection", PERSON_CAR),
        "things": ("instance-segmentation", PERSON_CAR),
        "ground": ("semantic-segmentation", PERSON_CAR),
    }
    return {
        name: Schema.parse({"task_type": task_type, "categories": categories})
        for name, (task_type, categories) in types.items()
    }


@pytest.fixture
def section() -> dict[str, Any]:
    """A ``worker_run`` section that uses most of what there is."""
    return {
        "dataset": "streets",
        "input_type": "videos",
        "worker_config": {"shutdown_when_job_finished": True, "datasource": {"process_all": True}},
        "lightly_config": {"trainer": {"max_epochs": 3}},
        "selection_config": {
            "proportion_samples": 0.1,
            "strategies": [
                {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY", "strength": 0.6}},
                {"input": {"type": "EMBEDDINGS", "task": "people"}, "strategy": {"type": "DIVERSITY"}},
                {
                    "input": {"type": "SCORES", "task": "people", "score": "object_frequency"},
                    "strategy": {"type": "WEIGHTS"},
                },
                {
                    "input": {"type": "PREDICTIONS", "task": "weather", "name": "CLASS_DISTRIBUTION"},
                    "strategy": {"type": "BALANCE", "target": {"rainy": 0.6, "sunny": 0.4}},
                },
                {
                    "input": {
                        "type": "PREDICTIONS",
                        "task": "people",
                        "name": "CATEGORY_COUNT",
                        "categories": ["car"],
                    },
                    "strategy": {"type": "THRESHOLD", "threshold": 2, "operation": "BIGGER_EQUAL"},
                },
                {"input": {"type": "RANDOM", "random_seed": 42}, "strategy": {"type": "WEIGHTS"}},
            ],
        },
        "runs_on": ["gpu"],
    }


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one, the package ``lightly`` has a say."""
    monkeypatch.setenv("LIGHTLY_TOKEN", "some")


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """The server, with a dataset that is set up, and an environment that leads to it."""
    with serve() as platform:
        platform.add_dataset("streets", "Videos")
        platform.worker_labels = [["gpu", "basement"]]
        lead_to(platform, monkeypatch)
        yield platform
