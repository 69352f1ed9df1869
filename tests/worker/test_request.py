"""Settings, selections and requests: what is refused, in which words, and exactly what comes out."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from lightly_assets.format.schema import Schema
from lightly_assets.worker import WorkerConfigError, WorkerRunSettings, request_to_bytes, worker_request
from lightly_assets.worker.request import relevant_filenames_to_bytes, validate
from lightly_assets.worker.selection import Tasks, selection_problems

GOLDEN = Path(__file__).parent / "golden"
DIVERSITY = {"type": "DIVERSITY"}
WEIGHTS = {"type": "WEIGHTS"}


def refusal(section: dict[str, Any], tasks: dict[str, Schema]) -> str:
    with pytest.raises(WorkerConfigError) as caught:
        worker_request(WorkerRunSettings.parse(section), tasks, ["a.mp4"])
    return str(caught.value)


def test_the_request(section: dict[str, Any], tasks: dict[str, Schema]) -> None:
    request = worker_request(WorkerRunSettings.parse(section), tasks, ["sub/a b.MOV", "b.mp4", "b.mp4"])
    assert request_to_bytes(request) == (GOLDEN / "request.json").read_bytes()
    assert request["relevant_filenames"] == ["b.mp4", "sub/a b.MOV"]
    text = b"b.mp4\nsub/a b.MOV\n"
    assert relevant_filenames_to_bytes(request["relevant_filenames"]) == text
    digest = hashlib.sha256(text).hexdigest()[:16]
    assert request["run"]["worker_config"]["relevant_filenames_file"] == (
        f".lightly/relevant_filenames-{digest}.txt"
    )


def test_the_same_state_is_the_same_bytes(section: dict[str, Any], tasks: dict[str, Schema]) -> None:
    """Whatever the order of keys in the file and of inputs in a listing."""
    turned = json.loads(json.dumps(section), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    first = worker_request(WorkerRunSettings.parse(section), tasks, ["a.mp4", "b.mp4"])
    again = worker_request(WorkerRunSettings.parse(turned), tasks, ["b.mp4", "a.mp4"])
    assert list(turned) != list(section)
    assert request_to_bytes(first) == request_to_bytes(again)


def test_settings_from_yaml(tasks: dict[str, Schema]) -> None:
    section = yaml.safe_load("""
        dataset_id: 0123456789abcdef01234567
        input_type: images
        tasks: [weather]
        selection_config:
          n_samples: 50
          strategies:
            - input: {type: SCORES, task: weather, score: uncertainty_margin}
              strategy: {type: WEIGHTS}
    """)
    request = worker_request(WorkerRunSettings.parse(section), tasks, ["a.png"])
    assert request["dataset"] == {"id": "0123456789abcdef01234567", "type": "Images"}
    assert request["tasks"] == ["weather"]
    assert request["run"]["lightly_config"] is None


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"dataset": "x"}, 'dataset is "x", but the platform takes three or more letters'),
    ({"dataset_id": "f" * 24}, "give either dataset (a name) or dataset_id"),
    ({"dataset": None}, "give either dataset (a name) or dataset_id"),
    ({"dataset": None, "dataset_id": "F" * 24}, "it must be 24 hexadecimal digits"),
    ({"input_type": "video"}, "input_type is \"video\"; it must be 'videos' or 'images'."),
    ({"priority": "high"}, "priority is \"high\"; it must be 'LOW', 'MID', 'HIGH' or 'CRITICAL'."),
    ({"run_on": []}, "'run_on' is no setting (did you mean 'runs_on'?)."),
    ({"tasks": []}, "tasks is empty"),
    ({"selection_config": 5}, "selection_config is 5"),
]


@pytest.mark.parametrize(("change", "words"), SETTINGS)
def test_wrong_settings(section: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkerConfigError) as caught:
        WorkerRunSettings.parse(section | change)
    assert words in str(caught.value)
    assert str(caught.value).startswith("worker_run: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["token", "LIGHTLY_TOKEN", "api_token"])
def test_a_token_in_the_file_is_refused_and_not_repeated(section: dict[str, Any], key: str) -> None:
    with pytest.raises(WorkerConfigError, match="set the environment variable LIGHTLY_TOKEN") as caught:
        WorkerRunSettings.parse(section | {key: "s3cr3t"})
    with pytest.raises(ValidationError) as raw:
        WorkerRunSettings.model_validate(section | {key: "s3cr3t"})
    assert "s3cr3t" not in f"{caught.value}{caught.value.__cause__}{raw.value}"


TASKS = "the tasks are 'people', 'weather', 'poses', 'things', 'ground'"
STRATEGIES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"type": "EMBEDDINGS", "task": "peple"}, DIVERSITY, f"'peple' (did you mean 'people'?); {TASKS}."),
    ({"type": "EMBEDDINGS", "task": "weather"}, DIVERSITY, "'weather' is a task of classification; the"),
    ({"type": "EMBEDDINGS", "task": "ground"}, DIVERSITY, "'ground' is a task of semantic-segmentation; the"),
    ({"type": "EMBEDDINGS", "task": 5}, DIVERSITY, "task: is 5, but it must be a task's name"),
    ({"type": "EMBEDDINGS", "task": "lightly_pretagging"}, DIVERSITY, "needs pretagging: true"),
    ({"type": "EMBEDDINGS"}, {"type": "BALANCE", "target": {"a": 1}}, "EMBEDDINGS cannot be combined with"),
    ({"type": "EMBEDDING"}, DIVERSITY, 'input.type is "EMBEDDING", but it must be one of EMBEDDINGS, '),
    ({"type": "SCORES", "task": "people"}, WEIGHTS, "input is SCORES, which needs score."),
    (
        {"type": "SCORES", "task": "weather", "score": "object_frequency"},
        WEIGHTS,
        "'weather' is a task of classification, whose scores are uncertainty_least_confidence, ",
    ),
    (
        {"type": "SCORES", "task": "people", "score": "uncertainty_entrpy"},
        WEIGHTS,
        "(did you mean 'uncertainty_entropy'?)",
    ),
    ({"type": "SCORES", "task": "poses", "score": "uncertainty_margin"}, WEIGHTS, "scores are mean_uncerta"),
    ({"type": "METADATA"}, WEIGHTS, "input is METADATA, which needs key."),
    ({"type": "RANDOM", "task": "people"}, WEIGHTS, "input: 'task' is no key of RANDOM."),
    ({"type": "RANDOM"}, {"type": "WEIGHT"}, 'strategy.type is "WEIGHT", but'),
    ({"type": "RANDOM"}, {"type": "WEIGHTS", "strenght": 1}, "no key (did you mean 'strength'?)."),
    (
        {"type": "PREDICTIONS", "task": "people", "name": "CLASSES"},
        WEIGHTS,
        'input.name is "CLASSES", but it must be CLASS_DISTRIBUTION or CATEGORY_COUNT.',
    ),
    (
        {"type": "PREDICTIONS", "task": "people", "name": "CATEGORY_COUNT"},
        {"type": "BALANCE", "target": {"car": 1}},
        "PREDICTIONS CATEGORY_COUNT cannot be combined with BALANCE; it can with WEIGHTS and THRESHOLD.",
    ),
    (
        {"type": "PREDICTIONS", "task": "people", "name": "CATEGORY_COUNT", "categories": ["cat"]},
        WEIGHTS,
        "categories: 'people' has no category \"cat\" (did you mean 'car'?); it has 'person', 'car'.",
    ),
    (
        {"type": "PREDICTIONS", "task": "weather", "name": "CLASS_DISTRIBUTION"},
        {"type": "BALANCE", "target": {"sunny": 0.5, "foggy": 0.5}},
        "target: 'weather' has no category \"foggy\"; it has 'sunny', 'rainy'.",
    ),
    (
        {"type": "PREDICTIONS", "task": "weather", "name": "CLASS_DISTRIBUTION"},
        {"type": "BALANCE", "target": {"sunny": 0.5, "rainy": 0.6}},
        "target: the shares sum up to 1.1; at most 1 is possible.",
    ),
    (
        {"type": "PREDICTIONS", "task": "weather", "name": "CLASS_DISTRIBUTION"},
        {"type": "BALANCE", "target": {"sunny": 60}},
        "every share must be a number in [0, 1].",
    ),
    (
        {"type": "PREDICTIONS", "task": "weather", "name": "CLASS_DISTRIBUTION"},
        {"type": "BALANCE"},
        "strategy.target is null, but it must give each category its share.",
    ),
    (
        {"type": "METADATA", "key": "lightly.sharpness"},
        {"type": "THRESHOLD", "threshold": 20},
        "operation is null, but it must be one of SMALLER, ",
    ),
]


@pytest.mark.parametrize(("given", "strategy", "words"), STRATEGIES)
def test_selections_that_do_not_fit(
    section: dict[str, Any],
    tasks: dict[str, Schema],
    given: dict[str, Any],
    strategy: dict[str, Any],
    words: str,
) -> None:
    entry = {"input": given, "strategy": strategy}
    section["selection_config"] = {
        "n_samples": 5,
        "strategies": [{"input": {"type": "RANDOM"}, "strategy": WEIGHTS}, entry],
    }
    message = refusal(section, tasks)
    assert message.startswith("worker_run.selection_config.strategies[1]")
    assert words in message
    assert "\n" not in message


CONFIGS: list[tuple[dict[str, Any], str]] = [
    (
        {"worker_config": {"num_proceses": 1}},
        "worker_config: 'num_proceses' is no option (did you mean 'num_",
    ),
    ({"worker_config": {"relevant_filenames_file": "x"}}, "leave out relevant_filenames_file"),
    ({"worker_config": {"numProcesses": 1}}, "'numProcesses' is no option"),
    ({"worker_config": {"num_processes": "1"}}, "the package lightly says: value is not a valid integer"),
    ({"worker_config": {"datasource": {"proces_all": True}}}, "(did you mean 'process_all'?)"),
    (
        {"lightly_config": {"trainers": {}}},
        "lightly_config: 'trainers' is no option (did you mean 'trainer'?)",
    ),
    ({"lightly_config": {"trainer": {"max_epochs": "x"}}}, "the package lightly says: value is not a valid"),
    ({"selection_config": {"n_samples": 5}}, "strategies is null, but it must be a list"),
    ({"selection_config": {"strategies": [{"input": {}}]}}, "must have the two keys input and strategy"),
    (
        {"tasks": ["peple"]},
        "tasks: there is no task 'peple' (did you mean 'people'?); the project has 'people',",
    ),
    ({"tasks": ["people"]}, "the task 'weather' is not among worker_run.tasks, so nothing checks it; add"),
]


@pytest.mark.parametrize(("change", "words"), CONFIGS)
@pytest.mark.usefixtures("token")
def test_configurations_that_do_not_fit(
    section: dict[str, Any], tasks: dict[str, Schema], change: dict[str, Any], words: str
) -> None:
    assert words in refusal(section | change, tasks)


@pytest.mark.parametrize("key", ["n_samples", "proportion_samples"])
@pytest.mark.parametrize("value", [1.5, "5", True, -2])
def test_amounts(section: dict[str, Any], tasks: dict[str, Schema], key: str, value: Any) -> None:
    section["selection_config"].pop("proportion_samples")
    section["selection_config"][key] = value
    assert f"selection_config.{key} is" in refusal(section, tasks)


@pytest.mark.parametrize("name", ["!a.mp4", "#a.mp4", "a*.mp4", " a.mp4", "sub/a.mp4 "])
def test_names_that_the_list_cannot_hold(
    section: dict[str, Any], tasks: dict[str, Schema], name: str
) -> None:
    with pytest.raises(WorkerConfigError, match="cannot be named in the list of relevant filenames"):
        worker_request(WorkerRunSettings.parse(section), tasks, [name])


def test_no_tasks(section: dict[str, Any]) -> None:
    assert "The project has no tasks" in refusal(section, {})


@pytest.mark.usefixtures("token")
def test_tasks_of_the_platform(section: dict[str, Any], tasks: dict[str, Schema]) -> None:
    """Pretagging and automatic tasks are the platform's: their categories are not known here."""
    section["worker_config"]["pretagging"] = True
    section["selection_config"] = {
        "n_samples": 5,
        "auto_tasks": [{"type": "TILING", "name": "tiles", "num_rows": 2, "num_cols": 2}],
        "strategies": [
            {"input": {"type": "EMBEDDINGS", "task": "tiles"}, "strategy": DIVERSITY},
            {
                "input": {"type": "PREDICTIONS", "task": "lightly_pretagging", "name": "CLASS_DISTRIBUTION"},
                "strategy": {"type": "BALANCE", "target": {"bus": 0.5}},
            },
        ],
    }
    validate(WorkerRunSettings.parse(section), tasks)


def test_what_the_tables_allow_the_sdk_takes(tasks: dict[str, Schema]) -> None:
    """Every input with every strategy that our table combines, through the SDK's own function."""
    from lightly.api.api_workflow_compute_worker import selection_config_from_dict

    inputs: list[dict[str, Any]] = [
        {"type": "EMBEDDINGS"},
        {"type": "EMBEDDINGS", "task": "poses"},
        {"type": "EMBEDDINGS", "dataset_id": "a" * 24, "tag_name": "initial-tag"},
        {"type": "SCORES", "task": "things", "score": "anything"},
        {"type": "METADATA", "key": "lightly.sharpness"},
        {"type": "PREDICTIONS", "task": "people", "name": "CATEGORY_COUNT", "categories": ["car"]},
        {"type": "PREDICTIONS", "task": "people", "name": "CLASS_DISTRIBUTION"},
        {"type": "RANDOM"},
    ]
    strategies: list[dict[str, Any]] = [
        {"type": "DIVERSITY", "stopping_condition_minimum_distance": 0.2},
        {"type": "SIMILARITY"},
        {"type": "TYPICALITY", "num_nearest_neighbors": 5},
        {"type": "WEIGHTS", "strength": -1},
        {"type": "THRESHOLD", "threshold": 1, "operation": "SMALLER"},
        {"type": "BALANCE", "target": {"person": 0.4, "car": 0.6}},
        {"type": "BALANCE", "distribution": "UNIFORM"},
    ]
    allowed = 0
    for given in inputs:
        for strategy in strategies:
            config = {"n_samples": 5, "strategies": [{"input": given, "strategy": strategy}]}
            if not list(selection_problems(config, Tasks(tasks))):
                selection_config_from_dict(copy.deepcopy(config))
                allowed += 1
    assert allowed == 3 * 3 + 2 + 4 + 2 + 2 + 2


def test_without_a_token_the_sdk_is_not_imported(section: dict[str, Any]) -> None:
    """With torch that takes longer than everything else; the reason why nothing is sent says so."""
    script = """
import json, sys
from lightly_assets.format.schema import Schema
from lightly_assets.worker import WorkerConfigError, WorkerRunSettings, can_schedule, worker_request
section = json.loads(sys.argv[1]) | {"worker_config": {"num_processes": "1"}}
categories = [{"id": number, "name": name} for number, name in enumerate(["car", "sunny", "rainy"])]
schema = Schema.parse({"task_type": "object-detection", "categories": categories})
try:
    worker_request(WorkerRunSettings.parse(section), {"people": schema, "weather": schema}, ["a.mp4"])
except WorkerConfigError as error:
    print(error)
print("lightly" in sys.modules, can_schedule())
"""
    environment = {**os.environ, "LIGHTLY_DID_VERSION_CHECK": "True"}
    environment.pop("LIGHTLY_TOKEN", None)
    said = [
        subprocess.run(
            [sys.executable, "-c", script, json.dumps(section)],
            env=environment | token, capture_output=True, text=True, check=True,
        ).stdout
        for token in ({}, {"LIGHTLY_TOKEN": "some"})
    ]  # fmt: skip
    assert said[0].startswith("False LIGHTLY_TOKEN is not set") and "has not looked at" in said[0]
    assert "the package lightly says" in said[1] and said[1].endswith("True None\n")


def test_without_the_sdk(section: dict[str, Any]) -> None:
    """Our own checks need nothing of the package; they say the same about what they know."""
    script = """
import sys
sys.modules["lightly"] = None
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "lightly" else real(name, *rest)
import json
from lightly_assets.format.schema import Schema
from lightly_assets.worker import WorkerRunSettings, can_schedule, worker_request, WorkerConfigError
section = json.loads(sys.argv[1])
names = ["car", "sunny", "rainy"]
categories = [{"id": number, "name": name} for number, name in enumerate(names)]
schema = {"task_type": "object-detection", "categories": categories}
tasks = {"people": Schema.parse(schema), "weather": Schema.parse(schema)}
print(worker_request(WorkerRunSettings.parse(section), tasks, ["a.mp4"])["tasks"])
print(can_schedule())
section["worker_config"]["num_proceses"] = 1
try:
    worker_request(WorkerRunSettings.parse(section), tasks, ["a.mp4"])
except WorkerConfigError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(section)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "['people', 'weather']"
    assert lines[1].startswith("The package lightly is not installed: install lightly-assets[worker]")
    assert "'num_proceses' is no option (did you mean 'num_processes'?)" in lines[2]
