"""The component, loaded from a folder as Dagster does."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from jsonschema import Draft202012Validator

from lightly_assets.component import LightlyPredictionsComponent
from lightly_assets.config import ConfigError, project_of_sections
from lightly_assets.definitions import build_definitions, defs
from lightly_assets.graph.keys import Names
from lightly_assets.graph.partitions import add_partitions
from tests.projects import SmallProject, positions, write_video


def test_a_defs_yaml_gives_the_graph(tmp_path: Path) -> None:
    small = SmallProject(tmp_path / "project")
    with dg.components.testing.create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            LightlyPredictionsComponent,
            defs_yaml_contents={
                "type": "lightly_assets.component.LightlyPredictionsComponent",
                "attributes": {"config": str(small.config)},
            },
        )
        with sandbox.load_component_and_build_defs(path) as (component, loaded):
            assert isinstance(component, LightlyPredictionsComponent)
            keys = {key.to_user_string() for key in loaded.resolve_asset_graph().get_all_asset_keys()}
    assert {"videos", "frames", "squares/task_folder", "tasks_json"} <= keys


def _sections(small: SmallProject) -> dict[str, object]:
    """A project without the keys of its file."""
    small.write()
    found = yaml.safe_load(small.config.read_text())
    assert isinstance(found, dict)
    return found


def test_two_projects_live_side_by_side(tmp_path: Path) -> None:
    """One from a file, one from its sections; each makes its own files and has its own partitions."""
    front, rear = (SmallProject(tmp_path / name) for name in ("front", "rear"))
    for index, small in enumerate((front, rear)):
        write_video(small.input / f"{index}.mp4", positions(3 + index))
        small.write()
    inline = project_of_sections(_sections(rear), rear.folder / "defs.yaml")
    both = dg.Definitions.merge(
        build_definitions(front.config, prefix="front"), build_definitions(inline, prefix="rear")
    )
    keys = {key.to_user_string() for key in both.resolve_asset_graph().get_all_asset_keys()}
    assert {"front/videos", "rear/videos", "front/squares/task_folder", "rear/tasks_json"} <= keys
    with dg.DagsterInstance.ephemeral() as instance:
        for index, (name, small) in enumerate((("front", front), ("rear", rear))):
            names = Names(name)
            add_partitions(instance, [f"{index}.mp4"], names)
            result = both.resolve_job_def(names.predictions_job).execute_in_process(
                instance=instance,
                run_config={"ops": {names.chain: {"config": {"partitions": [f"{index}.mp4"]}}}},
            )
            assert result.success
            events = result.get_asset_materialization_events()
            made = {event.asset_key.to_user_string() for event in events if event.asset_key}
            assert made == {f"{name}/{rest}" for rest in MADE}
            assert len([one for one in small.files() if one.startswith("squares/")]) == 3 + index + 1
        partitions = {
            name: instance.get_dynamic_partitions(Names(name).partitions) for name in ("front", "rear")
        }
    assert partitions == {"front": ["0.mp4"], "rear": ["1.mp4"]}


MADE = ("frames", "squares/predictions", "squares/singletons", "squares/task_folder", "tasks_json")


def test_a_project_with_an_executor_and_a_resource_of_its_own_takes_it_in(tmp_path: Path) -> None:
    """Nothing of theirs is changed, and nothing of ours is in their way."""
    theirs = dg.Definitions(
        executor=dg.multiprocess_executor,
        resources={"project": dg.ResourceDefinition.hardcoded_resource("theirs")},
    )
    both = dg.Definitions.merge(theirs, build_definitions(SmallProject(tmp_path / "project").config))
    assert both.executor is dg.multiprocess_executor
    assert both.resolve_job_def("predictions").executor_def is dg.in_process_executor


def test_the_sections_of_a_component_take_values_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELLED_INPUT", str(tmp_path / "somewhere"))
    sections = _sections(SmallProject(tmp_path / "project"))
    sections["datasource"] = {"input": "{{ env.LABELLED_INPUT }}", "lightly": "./lightly", "state": "./state"}
    with dg.components.testing.create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            LightlyPredictionsComponent,
            defs_yaml_contents={
                "type": "lightly_assets.LightlyPredictionsComponent",
                "attributes": {"project": sections, "prefix": "front"},
            },
        )
        with sandbox.load_component_and_build_defs(path) as (component, loaded):
            assert isinstance(component, LightlyPredictionsComponent) and component.project is not None
            assert component.project["datasource"]["input"] == str(tmp_path / "somewhere")
            keys = {key.to_user_string() for key in loaded.resolve_asset_graph().get_all_asset_keys()}
    assert "front/squares/task_folder" in keys


def _loaded(attributes: dict[str, object]) -> LightlyPredictionsComponent:
    with dg.components.testing.create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            LightlyPredictionsComponent,
            defs_yaml_contents={
                "type": "lightly_assets.LightlyPredictionsComponent",
                "attributes": attributes,
            },
        )
        with sandbox.load_component_and_build_defs(path) as (component, _):
            assert isinstance(component, LightlyPredictionsComponent)
            return component


def test_quoted_text_stays_text_and_templates_may_give_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH", "8")
    sections = _sections(SmallProject(tmp_path / "project"))
    sections["tasks"] = [
        {
            "name": "lamps",
            "task_type": "object-detection",
            "categories": [{"id": 0, "name": "1"}],
            "model": {"kind": "python", "call": "a:b", "batch_size": "{{ env.BATCH }}"},
        }
    ]
    project = _loaded({"project": sections}).project
    assert project is not None
    (task,) = project["tasks"]
    assert task["categories"] == [{"id": 0, "name": "1"}] and task["model"]["batch_size"] == 8


@pytest.mark.parametrize("attribute", ["project", "config"])
def test_a_variable_that_is_not_set_is_no_folder_called_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str
) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    sections = _sections(SmallProject(tmp_path / "project"))
    sections["datasource"] = {"input": "{{ env.NOWHERE }}/a", "lightly": "./b", "state": "./c"}
    with pytest.raises(Exception) as caught:
        _loaded({attribute: sections if attribute == "project" else "{{ env.NOWHERE }}/lightly.yaml"})
    assert "The environment variable NOWHERE is not set" in str(caught.value.__cause__)
    sections["datasource"] = {"input": "{{ env('NOWHERE', './a') }}", "lightly": "./b", "state": "./c"}
    project = _loaded({"project": sections}).project
    assert project is not None and project["datasource"]["input"] == "./a"


def test_a_component_is_scaffolded_with_a_project_in_it() -> None:
    with dg.components.testing.create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(LightlyPredictionsComponent)
        text = yaml.safe_load((path / "defs.yaml").read_text())
        assert text["attributes"]["project"]["tasks"][0]["name"] == "people"
        with sandbox.load_component_and_build_defs(path) as (_, loaded):
            assert dg.AssetKey(["people", "task_folder"]) in loaded.resolve_asset_graph().get_all_asset_keys()


def test_a_file_and_sections_are_one_too_many(tmp_path: Path) -> None:
    sections = _sections(SmallProject(tmp_path / "project"))
    with dg.components.testing.create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            LightlyPredictionsComponent,
            defs_yaml_contents={
                "type": "lightly_assets.LightlyPredictionsComponent",
                "attributes": {"project": sections, "config": "lightly.yaml"},
            },
        )
        with pytest.raises(Exception) as caught, sandbox.load_component_and_build_defs(path):
            pass
    assert isinstance(caught.value.__cause__, ConfigError)
    assert "not both; leave one out" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("prefixes", "words"),
    [
        (("", ""), "2 components of this kind have no prefix, so"),
        (("rear", "front", "rear"), "2 components of this kind have the prefix 'rear', so"),
        (("", "front", "rear"), None),
    ],
)
@pytest.mark.parametrize("one_file", [False, True])
def test_components_with_one_prefix_are_refused(
    tmp_path: Path, prefixes: tuple[str, ...], words: str | None, one_file: bool
) -> None:
    documents: list[dict[str, object]] = []
    for place, prefix in enumerate(prefixes):
        small = SmallProject(tmp_path / f"project{place}")
        small.write()
        attributes = {"config": str(small.config)} | ({"prefix": prefix} if prefix else {})
        documents.append({"type": "lightly_assets.LightlyPredictionsComponent", "attributes": attributes})
    with dg.components.testing.create_defs_folder_sandbox() as sandbox:
        for place, one in enumerate(documents[:1] if one_file else documents):
            path = sandbox.scaffold_component(
                LightlyPredictionsComponent, defs_path=f"place{place}", defs_yaml_contents=one
            )
        if one_file:
            (path / "defs.yaml").write_text(yaml.safe_dump_all(documents))
        if words is None:
            with sandbox.build_all_defs() as loaded:
                keys = {key.to_user_string() for key in loaded.resolve_asset_graph().get_all_asset_keys()}
            assert {"videos", "front/videos", "rear/videos"} <= keys
            return
        with pytest.raises(Exception) as caught, sandbox.build_all_defs():
            pass
    assert isinstance(caught.value.__cause__, ConfigError)
    assert words in str(caught.value.__cause__) and "'prefix: front'" in str(caught.value.__cause__)


def test_without_a_project_the_demos_graph_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for whoever types ``dg list defs`` in a fresh checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIGHTLY_ASSETS_CONFIG", raising=False)
    keys = {key.to_user_string() for key in defs().resolve_asset_graph().get_all_asset_keys()}
    assert {"videos", "tasks_json"} <= keys and not list(tmp_path.iterdir())


def test_editors_and_dg_know_the_keys_of_a_project() -> None:
    """Each value may be a template, as those of Dagster's own components."""
    schema = LightlyPredictionsComponent.get_model_cls().model_json_schema()  # type: ignore[union-attr]
    known = Draft202012Validator(schema)
    known.check_schema(schema)

    def allowed(**said: object) -> bool:
        model = {"kind": "onnx", "path": "a.onnx", "layout": "yolo"} | said
        task = {"name": "people", "task_type": "object-detection", "model": model}
        datasource = {"input": "{{ env.BUCKET }}", "lightly": "./lightly", "state": "./state"}
        return known.is_valid({"project": {"datasource": datasource, "tasks": [task]}})

    assert allowed() and allowed(score_threshold=0.3) and allowed(score_threshold="{{ env('LEAST') }}")
    assert allowed(preprocess={"size": 640, "resize": "{{ env.RESIZE }}"}) and allowed(nms="{{ env.NMS }}")
    assert (
        not allowed(scor_threshold=0.3) and not allowed(score_threshold="much") and not allowed(nms="never")
    )
    assert not allowed(preprocess={"size": [640, "x"]})
