"""What is said about a ``lightly.yaml`` that is wrong: one sentence, which names the file and the field."""

from pathlib import Path
from typing import Any

import pytest

from lightly_assets.config import ConfigError, load_project
from tests.projects import SmallProject

# Where in the file, what stands there instead, and what is said behind "lightly.yaml: ".
WRONG: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("task",), [], "task is not a known key (did you mean tasks?); known are datasource, include, "),
    (("sensor",), {"runing": True}, "sensor.runing is not a known key (did you mean running?); known are "),
    (
        ("storage",),
        {"lightly": {"regoin": "a"}},
        "storage.lightly.regoin is not a known key (did you mean region?)",
    ),
    (("storage",), {"secret_access_key": "GEHEIM"}, "storage.secret_access_key is not a known key"),
    (("boxes",), "crop", "boxes is \"crop\", but it should be 'clip' or 'strict'."),
    (("include",), "*.mp4", 'include is "*.mp4", but it should be a list.'),
    (("tasks",), {"a": 1}, 'tasks is {"a": 1}, but it should be a list.'),
    (("datasource",), {"input": "a", "lightly": "b"}, "datasource.state is missing."),
    (("base_dir",), "/", "base_dir is not a known key."),
    (("tasks", 0, "name"), "a/b", "task 'a/b': tasks[0].name: The task name 'a/b' is not allowed; use "),
    (("tasks", 0, "threshold"), 2, "task 'squares': tasks[0].threshold is not a known key; known are name, "),
    (
        ("tasks", 0, "task_type"),
        "boxes",
        "task 'squares': tasks[0].task_type is \"boxes\", but it should be ",
    ),
    (
        ("tasks", 0, "categories"),
        [],
        "task 'squares': tasks[0].categories is [], but it should have at least 1 e",
    ),
    (
        ("tasks", 0, "categories", 0, "id"),
        "zero",
        "task 'squares': tasks[0].categories[0].id is \"zero\", but it should be a whole number (1 more",
    ),
    (
        ("tasks", 0, "categories"),
        [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}],
        "task 'squares': tasks[0].categories: category id 0 is used by both 'a' and 'b'; ids must be unique.",
    ),
    (("tasks", 0, "model"), {}, "task 'squares': tasks[0].model has no kind; allowed are python, onnx, "),
    (
        ("tasks", 0, "model", "kind"),
        "keras",
        "task 'squares': tasks[0].model.kind is \"keras\"; allowed are python, onnx, torch, ",
    ),
    (
        ("tasks", 0, "model", "batchsize"),
        8,
        "task 'squares': tasks[0].model.batchsize is not known (did you mean batch_size?); a model of kind ",
    ),
    (
        ("tasks", 0, "model", "batch_size"),
        "many",
        "task 'squares': tasks[0].model.batch_size is \"many\", but it should be a whole number.",
    ),
    (
        ("tasks", 0, "model", "call"),
        "m.predict",
        "task 'squares': tasks[0].model.call is \"m.predict\"; it must be package.module:name.",
    ),
]


@pytest.mark.parametrize(("where", "value", "message"), WRONG)
def test_a_wrong_setting_is_named(
    where: tuple[str | int, ...], value: Any, message: str, tmp_path: Path
) -> None:
    small = SmallProject(tmp_path / "project")
    place: Any = small.settings
    for part in where[:-1]:
        place = place[part]
    place[where[-1]] = value
    small.write()
    with pytest.raises(ConfigError) as error:
        load_project(small.config)
    said = str(error.value)
    assert said.startswith(f"{small.config}: {message}")
    assert "\n" not in said and "GEHEIM" not in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "line 1: this is not YAML ("),
        ("a:\n\tb: 1", "line 2: this is not YAML ("),
        ("tasks: []\ntasks: []", "line 2: this is not YAML (the key 'tasks' stands twice)"),
        ("- 1", "must be a mapping that starts with 'datasource:'"),
        ("", "must be a mapping that starts with 'datasource:'"),
    ],
)
def test_what_is_no_mapping_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "lightly.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_project(tmp_path)
    assert message in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist; 'lightly-assets init' writes one"):
        load_project(tmp_path)
