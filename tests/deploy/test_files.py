"""What lies in ``deploy/`` is read by the schema or the parser of whoever will read it."""

import json
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
# What only the machine that they run on has.
VARIABLES = {
    "DAGSTER_POSTGRES_URL": "postgresql+psycopg2://dagster@127.0.0.1:1/dagster",
    "LIGHTLY_ASSETS_LOG_BUCKET": "logs",
    "LIGHTLY_TOKEN_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:token",
}


@pytest.mark.parametrize("folder", ["compose", "ecs"])
def test_instances_keep_to_dagsters_schema(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
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
    assert last[-1].split() == ["USER", "lightly"]
    assert sum("--require-hashes" in line for line in lines) == 1
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            assert all((ROOT / one).exists() for one in line.split()[1:-1]), line
