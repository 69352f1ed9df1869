"""Deployments, as far as parsers and stand-ins go: compose, Kubernetes, ECS, Secrets Manager."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from compose_spec import ComposeSpecification
from dagster._config import process_config
from dagster_aws.ecs import EcsRunLauncher
from dagster_k8s import K8sRunLauncher
from moto import mock_aws

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_compose_reads_it() -> None:
    data = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    parsed = ComposeSpecification(**{key: value for key, value in data.items() if not key.startswith("x-")})
    assert set(parsed.services or {}) == {"postgres", "store", "code", "daemon", "webserver", "proxy"}


def test_the_charts_launcher_takes_its_part() -> None:
    values = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
    part = values["runLauncher"]["config"]["k8sRunLauncher"]
    settings = {
        "service_account_name": "dagster",
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
        "instance_config_map": "instance",
        "env_secrets": [one["name"] for one in part["envSecrets"]],
        "volumes": part["volumes"],
        "volume_mounts": part["volumeMounts"],
        "resources": part["resources"],
    }
    result = process_config(dg.Field(K8sRunLauncher.config_type()).config_type, settings)
    assert result.success, [error.message for error in result.errors or []]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "stand-in")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield


def test_ecs_takes_the_task_and_the_launcher_finds_its_secret(aws: None) -> None:
    secret = boto3.client("secretsmanager").create_secret(Name="lightly-token", SecretString="stand-in")
    definition: dict[str, Any] = json.loads((DEPLOY / "ecs" / "task-definition.json").read_text())
    ecs = boto3.client("ecs")
    task = ecs.register_task_definition(**definition)["taskDefinition"]
    settings = yaml.safe_load((DEPLOY / "ecs" / "dagster.yaml").read_text())["run_launcher"]["config"]
    settings["secrets"] = [{"name": "LIGHTLY_TOKEN", "valueFrom": secret["ARN"]}]
    launcher = EcsRunLauncher(
        **{**settings, "container_name": "daemon"},
        task_definition=task["family"],
        use_current_ecs_task_config=False,
    )
    assert launcher.secrets == [{"name": "LIGHTLY_TOKEN", "valueFrom": secret["ARN"]}]
    strategy = launcher.run_task_kwargs["capacityProviderStrategy"]
    assert [one["capacityProvider"] for one in strategy] == ["FARGATE_SPOT", "FARGATE"]
