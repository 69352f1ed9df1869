"""The component, loaded from a folder as Dagster does."""

from pathlib import Path

import dagster as dg

from lightly_assets.component import LightlyPredictionsComponent
from tests.projects import SmallProject


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
        with sandbox.load_component_and_build_defs(path) as (component, defs):
            assert isinstance(component, LightlyPredictionsComponent)
            keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert {"videos", "frames", "squares/task_folder", "tasks_json"} <= keys
