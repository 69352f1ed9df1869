"""What lies in ``deploy/`` is read by the schema or the parser of whoever will read it."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from botocore.validate import ParamValidator
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config

DEPLOY = Path(__file__).parents[2] / "deploy"
ROOT = DEPLOY.parent


def variables(folder: str) -> list[set[str]]:
    """The variables that each container of ours has."""
    if folder == "compose":
        services = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())["services"]
        return [set(services[name]["environment"]) for name in ("code", "daemon", "webserver")]
    containers = json.loads((DEPLOY / "ecs/task-definition.json").read_text())["containerDefinitions"]
    return [{each["name"] for each in one["environment"] + one["secrets"]} for one in containers]


@pytest.mark.parametrize("folder", ["compose", "ecs"])
def test_instances_keep_to_dagsters_schema(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in set.intersection(*variables(folder)):
        monkeypatch.setenv(name, "postgresql+psycopg2://dagster@127.0.0.1:1/dagster")
    text = (DEPLOY / folder / "dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(text)
    settings, _ = dagster_instance_config(str(tmp_path))
    for name in ("run_storage", "event_log_storage", "schedule_storage", "compute_logs", "run_launcher"):
        part = settings.get(name)
        if part:
            module = __import__(part["module"], fromlist=[part["class"]])
            schema = getattr(module, part["class"]).config_type()
            result = process_config(dg.Field(schema).config_type, part["config"])
            assert result.success, (name, [error.message for error in result.errors or []])


def test_the_task_definition_is_one_of_ecs() -> None:
    definition = json.loads((DEPLOY / "ecs" / "task-definition.json").read_text())
    client = boto3.client("ecs", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    shape = client.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
    report = ParamValidator().validate(definition, shape)
    assert not report.has_errors(), report.generate_report()
    for container in definition["containerDefinitions"]:
        assert container["user"] != "0"
        assert not any(
            "secret" in one["name"].lower() for one in container["environment"] if "ARN" not in one["name"]
        )


def test_nothing_but_the_proxy_is_reached_from_outside() -> None:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())["services"]
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert published == {"proxy": ["127.0.0.1:8080:8080"]}
    assert "basic_auth" in (DEPLOY / "compose" / "Caddyfile").read_text()


def test_no_secret_has_a_value() -> None:
    lines = (DEPLOY / "compose" / ".env.example").read_text().splitlines()
    assert all(line.startswith("#") or line.endswith("=") for line in lines)


def test_the_image_is_not_run_by_root_and_installs_from_the_lock() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    last = [line for line in lines if line.startswith(("FROM", "USER"))]
    # Kubernetes cannot tell from a name whether it is root's.
    (user,) = last[-1].split()[1:]
    assert int(user) > 0 and any(f"--uid {user} " in line for line in lines)
    assert sum("--require-hashes" in line for line in lines) == 1
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            assert all((ROOT / one).exists() for one in line.split()[1:-1]), line


def test_the_image_carries_all_licences() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = {one for line in lines if line.startswith("COPY") for one in line.split()[1:-1]}
    licences = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license-files"]
    assert [one for one in licences if one.split("/")[0] not in copied] == []


def test_the_chart_has_the_version_of_dagster_that_the_image_has() -> None:
    locked = re.search(r"^dagster==(\S+)", (ROOT / "requirements/deploy.lock").read_text(), re.MULTILINE)
    assert locked is not None
    assert f"--version {locked[1]} " in (DEPLOY / "kubernetes/values.yaml").read_text()


def test_the_page_says_whose_folder_the_containers_write() -> None:
    user = re.findall(r"^USER (\d+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[-1]
    assert f"sudo chown {user} project" in (DEPLOY / "README.md").read_text()
    definition = json.loads((DEPLOY / "ecs/task-definition.json").read_text())
    assert {one["user"] for one in definition["containerDefinitions"]} == {user}
