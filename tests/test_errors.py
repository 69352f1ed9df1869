"""Users' errors have one base class, and bugs of the package are never taken for somebody's bad data."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from pydantic import BaseModel, ValidationError, field_validator
from typer.testing import CliRunner

import lightly_assets
from lightly_assets import LightlyAssetsError, child_processes, errors
from lightly_assets.cli import app
from lightly_assets.config import load_project
from lightly_assets.definitions import build_definitions
from lightly_assets.encoding import objects, ready_singletons
from lightly_assets.encoding.encode import encode_batch
from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.format.arrays import as_numpy
from lightly_assets.format.rules.messages import first_problem
from lightly_assets.format.schema import Schema
from lightly_assets.graph.keys import PLAIN
from lightly_assets.media.decoding import decoder_process
from lightly_assets.models.results import Detections
from lightly_assets.models.runtimes.coco import CocoLabels
from lightly_assets.pipeline.publishing.publisher import Publisher
from lightly_assets.pipeline.running import commit
from lightly_assets.pipeline.session import Session
from tests.pipeline.test_run import run
from tests.projects import SmallProject, positions, task, write_video

ROOT = Path(lightly_assets.__file__).parent
BUG = "operands could not be broadcast together with shapes (2,) (3,)"
# Between processes and threads of the package: they end up in an error for people, or show as a bug.
INTERNAL = {
    "BugInRunError",
    "ChannelClosedError",
    "ChildDiedError",
    "DecoderBugError",
    "NonsenseError",
    "Stopped",
}
# What these refuse only our own code can have got wrong.
CALLED_BY_US = {"format/registry.py", "media/png.py"}


# Compiled as if it stood in the package.
_HERE: dict[str, Any] = {"np": np}
exec(compile("def broken(*_, **__): np.zeros(2) + np.zeros(3)", errors.__file__, "exec"), _HERE)
broken = _HERE["broken"]


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    for name in "ab":
        write_video(small.input / f"{name}.mp4", positions(3))
    return small


def classes() -> Iterator[type[BaseException]]:
    for module in pkgutil.walk_packages([str(ROOT)], "lightly_assets."):
        if module.name.startswith("lightly_assets.studio.program."):
            continue  # a program of its own, in an environment that has LightlyStudio
        loaded = importlib.import_module(module.name)
        for _, value in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(value, BaseException) and value.__module__ == module.name:
                yield value


def test_all_errors_for_people_have_the_base_class() -> None:
    others = {one.__name__ for one in classes() if not issubclass(one, LightlyAssetsError)}
    assert {name for name in others if not name.startswith("_")} == INTERNAL
    assert {"ConfigError", "MediaError", "ModelError", "PublishError", "StorageError", "WorkerRunError"} < {
        one.__name__ for one in classes()
    }


def test_nothing_for_people_is_a_bare_error() -> None:
    bare = []
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT).as_posix()
        if place in CALLED_BY_US or place.startswith("pictures/"):
            continue
        text = path.read_text()
        if "ValueError(" not in text and "Exception(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = ast.unparse(node.exc.func)
                bare += [f"{path.name}:{node.lineno}"] * (name in ("ValueError", "Exception"))
    assert bare == []


def test_those_who_caught_value_errors_still_do() -> None:
    for wrong in (lambda: lightly_assets.encode(np.zeros(3)), lambda: as_numpy([[1], [2, 3]])):
        with pytest.raises(LightlyAssetsError) as caught:
            wrong()
        assert isinstance(caught.value, ValueError)


def test_a_bug_in_a_validator_is_not_the_users_mistake() -> None:
    class Settings(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def _check(cls, _: str) -> Any:
            return broken()

    with pytest.raises(ValidationError) as caught:
        Settings(name="x")
    with pytest.raises(ValueError, match="could not be broadcast"):
        first_problem(caught.value)


@pytest.mark.parametrize(
    "place", [(ready_singletons, "_fitted_bbox"), (commit, "merge"), (Publisher, "publish")]
)
def test_a_bug_ends_the_run_and_is_nobodys_failure(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str]
) -> None:
    monkeypatch.setattr(*place, broken)
    with pytest.raises(ValueError, match="could not be broadcast") as caught:
        run(small)
    assert not isinstance(caught.value, LightlyAssetsError)
    assert caught.traceback[-1].name == "broken"
    with Session(load_project(small.config)) as session:
        assert session.failures() == {} and session.quarantine() == {}
    monkeypatch.undo()
    assert run(small).ok and len(small.files()) == 8


def test_a_bug_in_the_encoder_of_a_batch_is_no_image_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = Schema.parse({"task_type": "object-detection", "categories": [{"id": 0, "name": "square"}]})
    found = Detections(boxes=np.ones((1, 4)) * [1, 1, 5, 5], scores=np.ones(1), category_ids=np.zeros(1, int))
    settings = TaskSettings(schema)
    assert len(encode_batch([found, found], settings, [(96, 64)] * 2)) == 2
    monkeypatch.setattr(objects, "fit_boxes", broken)
    with pytest.raises(ValueError, match="could not be broadcast") as caught:
        encode_batch([found, found], settings, [(96, 64)] * 2)
    assert not isinstance(caught.value, LightlyAssetsError)


def test_a_bug_in_the_decoder_is_not_the_videos_damage(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder_process.pool.close()
    start = "from lightly_assets.media.decoding import decoder\nimport numpy as np\n"
    bug = "def _frame(*_): np.zeros(2) + np.zeros(3)\ndecoder.Decoder._frame = _frame\n"
    imports, _, rest = child_processes._BOOT.partition("from {module}")
    boot = f"{imports.rstrip('; ')}\n{start}{bug}from {{module}}{rest}"
    monkeypatch.setattr(child_processes, "_BOOT", boot)
    with pytest.raises(RuntimeError, match=r"(?s)The decoder failed by itself.*in _frame.*broadcast"):
        run(small)
    with Session(load_project(small.config)) as session:
        assert session.failures() == {}


def test_a_bug_in_a_reader_of_labels_is_not_the_labels_fault(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small.folder / "labels.json").write_text('{"images": [], "annotations": [], "categories": []}')
    labels = {"kind": "coco", "path": "labels.json", "missing": "empty"}
    small.write(tasks=[task("squares") | {"model": labels}])
    monkeypatch.setattr(CocoLabels, "_singletons", broken)
    with pytest.raises(ValueError, match="could not be broadcast") as caught:
        run(small)
    assert not isinstance(caught.value, LightlyAssetsError)


def test_commands_say_one_sentence_or_show_the_trace(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    command = ["run", "-c", str(small.config)]
    wrong = CliRunner().invoke(app, [*command, "--select", "nothing.mp4"])
    assert wrong.exit_code == 1 and wrong.stderr.startswith("Error: No input is called 'nothing.mp4'")
    for place in ((Session, "plan"), (ready_singletons, "_fitted_bbox")):
        monkeypatch.setattr(*place, broken)
        shown = CliRunner().invoke(app, command)
        assert isinstance(shown.exception, ValueError | RuntimeError)
        assert BUG.split(" with")[0] in str(shown.exception) and shown.exit_code == 1
        assert "Error:" not in shown.stderr and "failed" not in shown.stdout
        monkeypatch.undo()


def test_dagster_shows_users_errors_without_retries_and_bugs_as_they_are(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("inputs", [])
        job = build_definitions(small.config).resolve_job_def(PLAIN.predictions_job)
        for error, shown in ((LightlyAssetsError("the sentence"), dg.Failure), (ValueError(BUG), ValueError)):

            def fail(*_: Any, error: Exception = error, **__: Any) -> Any:
                raise error

            monkeypatch.setattr("lightly_assets.graph.assets.chain._run", fail)
            config = {"ops": {"chain": {"config": {"partitions": [], "inputs": []}}}}
            with pytest.raises(shown, match=str(error)[:20]):
                job.execute_in_process(instance=instance, run_config=config)
