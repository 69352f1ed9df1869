"""Every document that ``--json`` prints is what its JSON Schema says, by another package's reading of it."""

import json
import runpy
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lightly_assets.cli import COMMANDS, app
from lightly_assets.documents import DOCUMENTS
from tests import processes
from tests.graph.test_worker_run import SETTINGS
from tests.projects import SmallProject, positions, write_image, write_video

ROOT = Path(__file__).parents[2]
COUNT = {"type": "PREDICTIONS", "task": "squares", "name": "CATEGORY_COUNT"}
THRESHOLD = {"type": "THRESHOLD", "threshold": 0, "operation": "BIGGER"}
SELECTION = {"n_samples": 2, "strategies": [{"input": COUNT, "strategy": THRESHOLD}]}
LABELS = {
    "categories": [{"id": 0, "name": "square"}],
    "images": [{"id": 1, "file_name": "stills/x.png", "width": 96, "height": 64}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 0, "bbox": [10, 24, 16, 16], "area": 256, "iscrowd": 0}
    ],
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project that has run, with one video that is none."""
    small = SmallProject(tmp_path_factory.mktemp("documents") / "project")
    write_video(small.input / "cam/a.mp4", positions(6))
    write_image(small.input / "stills/x.png", 10)
    (small.input / "cam/broken.mp4").write_bytes(b"nothing")
    (small.input / "notes.txt").write_text("no input")
    write_image(small.folder / "images/stills/x.png", 10)
    (small.folder / "labels.json").write_text(json.dumps(LABELS))
    small.write(worker_run=SETTINGS | {"selection_config": SELECTION})
    return small


@pytest.fixture(scope="module")
def call(small: SmallProject) -> Callable[..., Any]:
    def called(*arguments: str, code: int | None = None) -> Any:
        done = processes.call(small.folder, *arguments, "--json")
        assert code is None or done.returncode == code, done.stdout + done.stderr
        found = json.loads(done.stdout)
        schema = json.loads(
            files("lightly_assets").joinpath("documents", "schemas", f"{arguments[0]}.json").read_text()
        )
        problems = [
            f"{'/'.join(map(str, one.absolute_path))}: {one.message}"
            for error in Draft202012Validator(schema).iter_errors(found)
            for one in (error, *(error.context or ()))
        ]
        assert not problems, "\n".join(problems)
        DOCUMENTS[arguments[0]].model_validate_json(done.stdout)
        return found

    return called


def test_every_command_that_knows_json_has_a_schema() -> None:
    import typer

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    knowing = {name for name in COMMANDS if any("--json" in one.opts for one in commands[name].params)}
    assert knowing == set(DOCUMENTS)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_shipped_schemas_are_those_of_the_models(name: str) -> None:
    text = runpy.run_path(str(ROOT / "docs" / "generate.py"))["schema_text"](name)
    shipped = files("lightly_assets").joinpath("documents", "schemas", f"{name}.json").read_text("utf-8")
    assert shipped == text, "run: python docs/generate.py"
    Draft202012Validator.check_schema(json.loads(shipped))


def test_the_schema_of_the_project_file_is_that_of_its_models() -> None:
    text = runpy.run_path(str(ROOT / "docs" / "generate.py"))["project_schema_text"]()
    shipped = files("lightly_assets").joinpath("documents", "schemas", "lightly.yaml.json").read_text("utf-8")
    assert shipped == text, "run: python docs/generate.py"
    Draft202012Validator.check_schema(json.loads(shipped))


def test_a_key_that_nobody_has_told_of_is_found() -> None:
    schema = json.loads(files("lightly_assets").joinpath("documents", "schemas", "doctor.json").read_text())
    assert Draft202012Validator(schema).is_valid({"ok": True, "roots": [], "dagster": []})
    assert not Draft202012Validator(schema).is_valid({"ok": True, "roots": [], "dagster": [], "more": 1})
    assert not Draft202012Validator(schema).is_valid({"ok": True})


def test_documents_of_a_project(small: SmallProject, call: Callable[..., Any]) -> None:
    assert call("run", "--dry-run", code=0)["planned"]["inputs"]
    ran = call("run", code=1)
    assert ran["failed"] and ran["failed"][0]["input"] == "cam/broken.mp4" and ran["skipped"] == {"txt": 1}
    assert call("status", code=1)["tasks"]["squares"]["inputs"] == 2
    assert call("select", code=0)["selected"]
    assert call("gc", "--dry-run", code=0)["orphans"] == []
    assert call("gc", code=0)["ok"]
    assert call("doctor", code=0)["roots"]
    assert call("doctor", "ftp://nowhere", code=1)["ok"] is False


def test_documents_of_failures(small: SmallProject, call: Callable[..., Any]) -> None:
    for command in ("run", "status", "gc", "select", "studio", "doctor", "check"):
        found = call(command, "-c", "nothing.yaml", code=2)
        assert found["ok"] is False and "nothing.yaml" in found["error"]
    for command in ("check", "report", "evaluate", "export"):
        more = {"evaluate": ["--task", "squares", "--labels", "labels.json"]}
        more["export"] = ["--task", "squares", "--format", "coco", "--out", "never.json"]
        assert call(command, "nowhere", *more.get(command, []))["ok"] is False
    assert call("run", "--select", "nowhere.mp4", code=1)["error"]
    assert call("run", "--watch", "--dry-run", code=2)["error"]
    labels = ["--task", "truth", "--lightly", "lightly", "--input", "input"]
    assert call("import-coco", "nowhere.json", *labels, code=1)["error"]
    assert call("import-labels", "nowhere.json", *labels, code=1)["error"]


def test_documents_about_predictions_and_videos(small: SmallProject, call: Callable[..., Any]) -> None:
    call("run")
    assert call("check", "lightly", "--input", "input")["files"] == 7
    assert (
        call("evaluate", "lightly", "--task", "squares", "--labels", "labels.json", code=0)["map"] is not None
    )
    assert call("report", "lightly", "--input", "input", "--frames", "3", code=0)["frames"] == 3
    assert call("probe", "input/cam/a.mp4", "input/cam/broken.mp4", code=1)[0]["frames"] == 6
    assert call("extract", "input/cam/a.mp4", "--out", "frames", code=0)[0]["written"] == 6
    assert call("extract", "input/cam/broken.mp4", "--out", "frames", code=1)[0]["errors"]


def test_documents_about_labels(small: SmallProject, call: Callable[..., Any]) -> None:
    labels = ["labels.json", "--task", "truth", "--lightly", "labelled", "--input", "images"]
    assert call("import-labels", *labels, "--dry-run", code=0)["drawn"] == "stills/x.png"
    assert call("import-labels", *labels, code=0)["predictions"] == 1
    assert call("import-coco", *labels, code=0)["files"] == 1
    target = ["--task", "truth", "--format", "coco", "--out", "out.json", "--input", "images"]
    exported = call("export", "labelled", *target, code=0)
    assert exported["predictions"] == 1


def test_semantic_figures_have_a_place(small: SmallProject, call: Callable[..., Any], tmp_path: Path) -> None:
    """Keys that only some types of tasks have."""
    for kind, prediction in {
        "semantic-segmentation": {"category_id": 0, "segmentation": [0, 6144]},
        "classification": {"category_id": 0, "score": 0.5},
    }.items():
        folder = tmp_path / kind / ".lightly/predictions"
        for name in ("a", "b"):
            (folder / name).mkdir(parents=True)
            schema = {"task_type": kind, "categories": [{"id": 0, "name": "square"}]}
            (folder / name / "schema.json").write_text(json.dumps(schema))
            document = {"file_name": "x.png", "predictions": [{**prediction, "score": 0.5}]}
            (folder / name / "x.json").write_text(json.dumps(document))
        (folder / "tasks.json").write_text('["a", "b"]')
        found = call("evaluate", str(tmp_path / kind), "--task", "a", "--labels", "b")
        assert found["ok"] is True, found
