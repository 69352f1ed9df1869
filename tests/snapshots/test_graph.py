"""What Dagster shows of a project: assets, checks, jobs, sensors; how they are named and described."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from lightly_assets.definitions import build_definitions
from tests.snapshots.conftest import EARLIER
from tests.snapshots.keep import unchanged

WORKER_RUN = {
    "dataset": "streets",
    "input_type": "videos",
    "selection_config": {
        "n_samples": 2,
        "strategies": [{"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}],
    },
}


def _project(folder: Path, **changes: Any) -> Path:
    settings = yaml.safe_load((EARLIER / "lightly.yaml").read_text()) | changes
    (folder / "lightly.yaml").write_text(yaml.safe_dump(settings))
    (folder / "models.py").write_bytes((EARLIER / "models.py").read_bytes())
    (folder / "input").mkdir()
    return folder / "lightly.yaml"


def _asset(spec: dg.AssetSpec) -> dict[str, Any]:
    partitions = spec.partitions_def
    return {
        "depends_on": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "group": spec.group_name,
        "description": spec.description,
        "kinds": sorted(spec.kinds),
        "tags": dict(sorted(spec.tags.items())),
        "metadata": sorted(spec.metadata),
        "owners": list(spec.owners),
        "code_version": spec.code_version,
        "partitions": None if partitions is None else [type(partitions).__name__, str(partitions.name)],  # type: ignore[attr-defined]
        "skippable": spec.skippable,
        "automation": str(spec.automation_condition),
    }


def _check(spec: dg.AssetCheckSpec) -> dict[str, Any]:
    return {
        "description": spec.description,
        "blocking": spec.blocking,
        "metadata": sorted(spec.metadata or {}),
        "partitioned": spec.partitions_def is not None,
    }


def specs(definitions: dg.Definitions) -> dict[str, Any]:
    """Everything that users see or refer to."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    checks = {
        f"{key.asset_key.to_user_string()}:{key.name}": graph.get_check_spec(key)
        for key in graph.asset_check_keys
    }
    names = [name for name in repository.job_names if not name.startswith("__")]
    jobs = {name: definitions.resolve_job_def(name) for name in names}
    return {
        "assets": {
            spec.key.to_user_string(): _asset(spec)
            for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key)
        },
        "checks": {name: _check(spec) for name, spec in sorted(checks.items())},
        "jobs": {
            name: {
                "description": job.description,
                "tags": dict(job.tags),
                "assets": sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys),
            }
            for name, job in sorted(jobs.items())
        },
        "sensors": {
            sensor.name: {
                "description": sensor.description,
                "seconds": sensor.minimum_interval_seconds,
                "default": sensor.default_status.value,
                "targets": [target.job_name for target in sensor.targets],
            }
            for sensor in repository.sensor_defs
        },
        "resources": sorted(definitions.resources or {}),
    }


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("videos", {}),
        ("days_and_worker", {"partitions": "day", "worker_run": WORKER_RUN, "sensor": {"running": True}}),
        ("no_tasks", {"tasks": []}),
    ],
)
def test_specs(tmp_path: Path, name: str, changes: dict[str, Any]) -> None:
    unchanged(f"graph_{name}.json", specs(build_definitions(_project(tmp_path, **changes))))
