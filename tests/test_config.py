"""What a wrong ``lightly.yaml`` is told: one sentence with file, field, value and what is allowed."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from lightly_assets.config import ConfigError, load_project
from lightly_assets.models.config import KINDS
from lightly_assets.models.layouts.base import LAYOUTS
from lightly_assets.settings import Settings

TASK: dict[str, Any] = {
    "name": "people",
    "task_type": "object-detection",
    "categories": [{"id": 0, "name": "person"}, {"id": 1, "name": "car"}],
    "model": {"kind": "onnx", "path": "people.onnx", "layout": "yolo"},
}
ROOTS = {"input": "./input", "lightly": "./lightly", "state": "./state"}
GONE = object()
TWICE = {"id": 0, "name": "a"}
TYPES = (
    "'classification', 'object-detection', 'keypoint-detection', 'instance-segmentation' or "
    "'semantic-segmentation'"
)

# The keys of the file that are changed, and the sentence after the name of the file.
PROJECT: list[tuple[dict[str, Any], str]] = [
    ({"datasources": {}}, "datasources is not a known key (did you mean datasource?)."),
    ({"datasource": GONE}, "datasource is missing."),
    ({"datasource": "./data"}, 'datasource is "./data"; it must be a mapping of keys to values.'),
    ({"datasource": None}, "datasource is null; it must be a mapping of keys to values."),
    ({"datasource": ROOTS | {"input": ""}}, "datasource.input is empty; it must not be."),
    ({"datasource": ROOTS | {"input": 3}}, "datasource.input is 3; it must be a text."),
    (
        {"datasource": ROOTS | {"xyz": "a"}},
        "datasource.xyz is not a known key; known are input, lightly, state.",
    ),
    (
        {"datasource": ROOTS | {"input": "s3:/bucket/x"}},
        "datasource.input: 's3:/bucket/x' is no URL: write s3://, or ./s3:/bucket/x for a folder.",
    ),
    (
        {"datasource": ROOTS | {"state": "input/"}, "frames": {"export": "png"}},
        "frames.export is 'png' and datasource.state is datasource.input, so exported frames would be taken "
        "for input; give the state a folder of its own.",
    ),
    ({"boxes": "cut"}, "boxes is \"cut\"; it must be 'clip' or 'strict'."),
    ({"include": "**"}, 'include is "**"; it must be a list.'),
    ({"include": []}, "include is empty; it must not be."),
    ({"probability_tolerance": "much"}, 'probability_tolerance is "much"; it must be a number.'),
    ({"probability_tolerance": 2}, "probability_tolerance is 2; it must be at most 0.5."),
    ({"frames": "png"}, 'frames is "png"; it must be a mapping of keys to values.'),
    ({"frames": {"export": "jpg"}}, "frames.export is \"jpg\"; it must be 'none' or 'png'."),
    ({"sensor": {"interval": 3}}, "sensor.interval is not a known key (did you mean interval_seconds?)."),
    ({"sensor": {"runs": 0.5}}, "sensor.runs is 0.5; it must be an integer."),
    ({"sensor": {"runs": 10**20}}, "sensor.runs is 100000000000000000000; it must be at most 10000."),
    (
        {"sensor": {"interval_seconds": 10**9}},
        "sensor.interval_seconds is 1000000000; it must be at most 604800.",
    ),
    ({"sensor": {"inputs": True}}, "sensor.inputs is true; it must be a number."),
    (
        {"dagster": {"freshness": {"fail_hours": 0.01}}},
        "dagster.freshness.fail_hours is 0.01; it must be at least 0.02.",
    ),
    (
        {"dagster": {"freshness": {"fail_hours": 1e9}}},
        "dagster.freshness.fail_hours is 1000000000.0; it must be at most 87600.",
    ),
    ({"dagster": {"keep_days": 1e6}}, "dagster.keep_days is 1000000.0; it must be at most 36500."),
    (
        {"dagster": {"pool": "gpu-0"}},
        "dagster.pool is 'gpu-0'; it must be letters, digits and '_', such as gpu_0.",
    ),
    (
        {"dagster": {"pool": "gpu_0\n"}},
        "dagster.pool is 'gpu_0\n'; it must be letters, digits and '_', such as gpu_0.",
    ),
    (
        {"storage": {"stall_seconds": float("inf")}},
        "storage.stall_seconds is Infinity; it must be a finite number.",
    ),
    ({"storage": {"stall_seconds": 1e300}}, "storage.stall_seconds is 1e+300; it must be at most 86400."),
    (
        {"storage": {"input": {"regio": "x"}}},
        "storage.input.regio is not a known key (did you mean region?).",
    ),
    ({"day_pattern": "x"}, "day_pattern 'x' must have the named groups year, month and day."),
    ({"base_dir": "/"}, "base_dir is not a known key."),
    ({"tasks": None}, "tasks is null; it must be a list."),
    ({"tasks": ["people"]}, 'tasks[0] is "people"; it must be a mapping of keys to values.'),
    (
        {"tasks": [TASK, TASK | {"name": "People"}]},
        "tasks has 'people' twice; names must differ in more than upper and lower case.",
    ),
]
# The keys of the task that are changed, and the sentence after "task 'people': ".
OF_TASK: list[tuple[dict[str, Any], str]] = [
    ({"task_type": "object_detection"}, f'task_type is "object_detection"; it must be {TYPES}.'),
    ({"task_type": GONE}, "task_type is missing."),
    ({"catgories": []}, "catgories is not a known key (did you mean categories?)."),
    ({"categories": []}, "categories is empty; it must not be."),
    ({"categories": ["person"]}, 'categories[0] is "person"; it must be a mapping of keys to values.'),
    ({"categories": [{"id": "0", "name": "a"}]}, 'categories[0].id is "0"; it must be an integer.'),
    ({"categories": [{"id": -1, "name": "a"}]}, "categories[0].id is -1; it must be at least 0."),
    ({"categories": [{"id": 0}]}, "categories[0].name is missing."),
    (
        {"categories": [TWICE, {"id": 0, "name": "b"}]},
        "categories: category id 0 is used by both 'a' and 'b'; ids must be unique.",
    ),
    ({"model": GONE}, "model is missing."),
    ({"model": "yolo.pt"}, 'model is "yolo.pt"; it must have a kind and what that kind needs.'),
]
# The keys of the task's model that are changed, and the sentence after "task 'people': ".
OF_MODEL: list[tuple[dict[str, Any], str]] = [
    (
        {"kind": "onx"},
        f"model.kind is 'onx'; allowed are {', '.join(KINDS.names)} (did you mean onnx?).",
    ),
    ({"kind": GONE}, f"model has no kind; allowed are {', '.join(KINDS.names)}."),
    ({"path": GONE}, "model.path is missing; a model of kind onnx needs it."),
    ({"path": ""}, "model.path is empty; it must name the model's file."),
    (
        {"layout": GONE},
        f"model.layout is missing; it says how the outputs are to be read: {', '.join(LAYOUTS.names)}.",
    ),
    ({"treshold": 0.5}, "model.treshold is not a known key (did you mean score_threshold?)."),
    ({"score_threshold": 2}, "model.score_threshold is 2; it must be at most 1."),
    ({"batch_size": 0}, "model.batch_size is 0; it must be at least 1."),
    ({"providers": "CUDA"}, 'model.providers is "CUDA"; it must be a list.'),
    (
        {"preprocess": {"std": [1, 0, 1]}},
        "model.preprocess.std is [1.0, 0.0, 1.0]; its numbers must be above 0.",
    ),
    ({"preprocess": "letterbox"}, 'model.preprocess is "letterbox"; it must be a mapping of keys to values.'),
]
NAMES: list[tuple[dict[str, Any], str]] = [
    (
        {"name": "my people"},
        "The task name 'my people' is not allowed; use at least two of the characters a-z, A-Z, 0-9, '.', "
        "'_' and '-', the first a letter or a digit.",
    ),
    ({"name": GONE}, "tasks[0].name is missing."),
    ({"name": 3}, "tasks[0].name is 3; it must be a text."),
]


def with_changes(given: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (copy.deepcopy(given) | changes).items() if value is not GONE}


def told(folder: Path, changes: dict[str, Any]) -> str:
    path = folder / "lightly.yaml"
    path.write_text(yaml.safe_dump(with_changes({"datasource": ROOTS, "tasks": [TASK]}, changes)))
    with pytest.raises(ConfigError) as caught:
        load_project(path)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(("changes", "sentence"), PROJECT, ids=range(len(PROJECT)))
def test_the_project(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    assert told(tmp_path, changes) == sentence


@pytest.mark.parametrize(("changes", "sentence"), OF_TASK, ids=range(len(OF_TASK)))
def test_a_task_is_named(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    assert told(tmp_path, {"tasks": [with_changes(TASK, changes)]}) == f"task 'people': {sentence}"


@pytest.mark.parametrize(("changes", "sentence"), OF_MODEL, ids=range(len(OF_MODEL)))
def test_a_model_is_found_by_its_task(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    model = with_changes(TASK["model"], changes)
    assert told(tmp_path, {"tasks": [TASK | {"model": model}]}) == f"task 'people': {sentence}"


@pytest.mark.parametrize(("changes", "sentence"), NAMES, ids=range(len(NAMES)))
def test_a_wrong_name_names_no_task(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    assert told(tmp_path, {"tasks": [with_changes(TASK, changes)]}) == sentence


def test_several_problems_have_a_line_each(tmp_path: Path) -> None:
    changes = {"datasource": {"input": "a"}, "tasks": [TASK | {"task_type": "boxes"}], "boxes": 3}
    head, *lines = told(tmp_path, changes).split("\n")
    assert head == f"{tmp_path / 'lightly.yaml'} has 4 problems:"
    assert lines == [
        "  datasource.lightly is missing.",
        "  datasource.state is missing.",
        "  boxes is 3; it must be 'clip' or 'strict'.",
        f"  task 'people': task_type is \"boxes\"; it must be {TYPES}.",
    ]
    head, *lines = told(tmp_path, {f"key_{number}": 1 for number in range(20)}).split("\n")
    assert head.endswith(" has 20 problems:") and len(lines) == 9
    assert lines[-1] == "  … and 12 more."


FILES: list[tuple[bytes, str]] = [
    (b"", " must be a mapping that starts with 'datasource:'."),
    (b"- a", " must be a mapping that starts with 'datasource:'."),
    (b"a: 1\na: 2", ", line 2 cannot be read as YAML: the key 'a' stands twice."),
    (b"a:\n\tb: 1", ", line 2 cannot be read as YAML: found character '\\t' that cannot start any token."),
    (b"a: \xff", " is not UTF-8 (byte 3); save it as UTF-8."),
]


@pytest.mark.parametrize(("content", "sentence"), FILES, ids=range(len(FILES)))
def test_a_file_that_is_no_project(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "lightly.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_project(path)
    assert str(caught.value) == f"{path}{sentence}"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'lightly.yaml'} does not exist; 'lightly-assets init' writes one, and -c names another."
    )


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lightly.yaml"
    path.write_text(
        yaml.safe_dump({"datasource": ROOTS, "storage": {"lightly": {"ca_file": "certificates/ca.pem"}}})
    )
    project = load_project(path)
    assert project.storage_of("lightly").ca_file == tmp_path / "certificates/ca.pem"
    assert project.storage_of("input").ca_file is None


@pytest.mark.parametrize(
    ("roots", "own"),
    [
        (ROOTS, (".lightly/",)),
        (ROOTS | {"state": "./input/state/"}, (".lightly/", "state/")),
        (dict.fromkeys(ROOTS, "s3://b/x") | {"state": "s3://b/x/ours/"}, (".lightly/", "ours/")),
        (ROOTS | {"input": ".", "state": "s3://b/state"}, (".lightly/", ".lightly_assets/")),
    ],
)
def test_what_is_ours_is_no_input(tmp_path: Path, roots: dict[str, str], own: tuple[str, ...]) -> None:
    path = tmp_path / "lightly.yaml"
    path.write_text(yaml.safe_dump({"datasource": roots}))
    assert load_project(path).own_folders == own


def all_settings(base: type[Settings] = Settings) -> Iterator[type[Settings]]:
    for one in base.__subclasses__():
        yield one
        yield from all_settings(one)


def numbers_of(model: type[Settings]) -> Iterator[str]:
    """Fields that are numbers, by the JSON Schema of the model."""
    for name, schema in model.model_json_schema().get("properties", {}).items():
        text = json.dumps(schema)
        if re.search('"type": "(integer|number)"', text) and not re.search('"boolean"|[$]ref|{}', text):
            yield name


def test_no_setting_that_is_a_number_takes_a_truth_or_what_is_not_finite() -> None:
    tried = 0
    for model in all_settings():
        for name in numbers_of(model):
            for value in (True, float("inf"), float("nan"), [True], [float("inf")], {0: True}):
                with pytest.raises(ValidationError) as caught:
                    model.model_validate({name: value})
                assert name in {one["loc"][0] for one in caught.value.errors() if one["loc"]}, (model, name)
                tried += 1
    assert tried > 300


def test_an_old_name_still_works_and_is_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings: dict[str, Any] = {"datasource": ROOTS, "sensor": {"stable_seconds": 5}}
    (tmp_path / "lightly.yaml").write_text(yaml.safe_dump(settings))
    project = load_project(tmp_path)
    assert project.sensor.trusted_age_seconds == 5
    # It is told by the command line, and by no process that works on a run.
    assert not caplog.messages
    for one in (project, project.model_copy(update={"on_damage": "keep"})):
        assert one.sensor.old_names == {"stable_seconds": "trusted_age_seconds"}
    settings["sensor"]["trusted_age_seconds"] = 6
    (tmp_path / "lightly.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigError, match="has both trusted_age_seconds and stable_seconds, its old name"):
        load_project(tmp_path)
