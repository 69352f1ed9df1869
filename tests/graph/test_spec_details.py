"""What the assets say of themselves: owners, tags, versions, links, freshness; wrong settings are told."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from lightly_assets.config import ConfigError, load_project, project_of_sections
from lightly_assets.definitions import build_definitions
from tests.graph.test_chain import run_keys
from tests.projects import SmallProject, positions, task, write_video

SETTINGS = {
    "owners": ["team:perception", "someone@example.com"],
    "tags": {"domain": "camera"},
    "freshness": {"fail_hours": 36, "warn_hours": 24},
    "code_url": "https://example.com/robots/blob/main/perception/",
    "report_url": "https://example.com/report.html",
}


def specs(small: SmallProject) -> dict[str, dg.AssetSpec]:
    found = build_definitions(small.config).resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec for spec in found}


def references(spec: dg.AssetSpec) -> list[Any]:
    return list(spec.metadata["dagster/code_references"].code_references)


def test_a_setting_is_on_the_assets_that_it_is_of(small: SmallProject) -> None:
    small.write(dagster=SETTINGS)
    found = specs(small)
    for spec in found.values():
        assert list(spec.owners) == SETTINGS["owners"] and spec.tags["domain"] == "camera"
        assert spec.metadata["report"].url == SETTINGS["report_url"]
        assert references(spec)[0].url.startswith(
            "https://example.com/robots/blob/main/perception/lightly.yaml"
        )
    fresh = {key: spec.freshness_policy for key, spec in found.items() if spec.freshness_policy}
    assert set(fresh) == {"squares/task_folder", "tasks_json"}
    policy: Any = fresh["tasks_json"]
    assert (policy.fail_window.to_timedelta(), policy.warn_window.to_timedelta()) == (
        timedelta(hours=36),
        timedelta(hours=24),
    )


def test_links_lead_to_the_task_and_to_its_model(small: SmallProject) -> None:
    """Of files here by default; of the repository's pages where its URL is set."""
    small.write(tasks=[task("others"), task("squares")])
    file, model = references(specs(small)["squares/predictions"])
    line = small.config.read_text().splitlines()[file.line_number - 1]
    assert (Path(file.file_path), line) == (small.config, "- name: squares")
    assert Path(model.file_path) == small.folder / "square_model.py"
    small.write(dagster=SETTINGS)
    shown = [one.url for one in references(specs(small)["squares/predictions"])]
    base = "https://example.com/robots/blob/main/perception"
    assert shown == [f"{base}/lightly.yaml#L{file.line_number}", f"{base}/square_model.py"]


def test_links_of_a_component_lead_into_its_file(small: SmallProject) -> None:
    sections = yaml.safe_load(small.config.read_text())
    text = yaml.safe_dump({"type": "some", "attributes": {"project": sections}}, sort_keys=False)
    place = small.folder / "defs.yaml"
    place.write_text(text)
    found = build_definitions(project_of_sections(sections, place)).resolve_all_asset_specs()
    spec = next(one for one in found if one.key == dg.AssetKey(["squares", "singletons"]))
    file = references(spec)[0]
    assert Path(file.file_path) == place
    assert text.splitlines()[file.line_number - 1].strip() == "- name: squares"


def test_code_versions_change_with_what_decides(small: SmallProject) -> None:
    """And with nothing else: "stale" where nothing is would be wrong."""

    def versions() -> dict[str, str | None]:
        return {key: spec.code_version for key, spec in specs(small).items() if spec.code_version}

    before = versions()
    assert len(before) == 4
    changes: list[tuple[dict[str, Any], set[str]]] = [
        ({"tasks": [task("squares", score_threshold=0.4)]}, {"squares/singletons"}),
        ({"tasks": [task("squares", "square_model:find_other")]}, {"squares/predictions"}),
        ({"tasks": [task("squares")], "sensor": {"interval_seconds": 5}}, set()),
        ({"tasks": [task("squares")], "on_damage": "keep"}, {"frames"}),
        ({"tasks": [task("squares")], "on_damage": "fail", "dagster": SETTINGS}, set()),
    ]
    for change, moved in changes:
        small.write(**change)
        now = versions()
        assert {key for key in before if now[key] != before[key]} == moved, change


def test_what_was_made_says_with_which_version(small: SmallProject, instance: dg.DagsterInstance) -> None:
    write_video(small.input / "a.mp4", positions(3))
    assert run_keys(small, instance, ["a.mp4"]).success
    for key, spec in specs(small).items():
        if spec.code_version:
            event = instance.get_latest_materialization_event(dg.AssetKey(key.split("/")))
            assert event is not None and event.asset_materialization is not None
            assert (event.asset_materialization.tags or {})["dagster/code_version"] == spec.code_version


def test_groups_are_listed_in_the_order_of_the_chain(small: SmallProject) -> None:
    groups = [spec.group_name for spec in specs(small).values()]
    assert sorted(set(groups), key=str) == ["input", "task_squares", "worker"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"owners": ["perception"]}, "an owner is an email address, or a team: team:perception"),
        ({"tags": {"a b": "c"}}, "keys and values are up to 63 letters"),
        (
            {"freshness": {"fail_hours": 3, "warn_hours": 4}},
            "warn_hours (4) must be less than fail_hours (3)",
        ),
        ({"freshness": {"fail_hours": 0}}, "fail_hours"),
        ({"code_url": "git@example.com:robots.git"}, "must begin with https:// or http://"),
    ],
)
def test_a_wrong_setting_is_told(small: SmallProject, settings: dict[str, Any], message: str) -> None:
    small.write(dagster=settings)
    with pytest.raises(ConfigError) as caught:
        load_project(small.config)
    assert message in str(caught.value) and str(small.config) in str(caught.value)
