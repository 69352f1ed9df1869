"""A run as the daemon's task on ECS launches it: Dagster's own launcher, a stand-in for AWS.

What is shipped is used as it is: the task definition, the instance's settings, the image's variables.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from dagster._cli.job import execute_launch_command
from dagster_shared.cli import WorkspaceOpts
from moto import mock_aws

DEPLOY = Path(__file__).parents[2] / "deploy"
REGION = "eu-central-1"
LIGHTLY = """\
datasource: {input: ./videos, lightly: ./lightly, state: ./state}
tasks:
  - name: cars
    task_type: object-detection
    categories: [{id: 0, name: car}]
    model: {kind: coco, path: a.json}
"""
# The most that ECS takes of what is to be another way in a task.
_MOST_OVERRIDES = 8192


@dataclass
class Amazon:
    """The stand-in, with the service's task that runs in it."""

    task: dict[str, Any]
    definition: dict[str, Any]
    actions: set[str] = field(default_factory=set)
    """What was asked of it since, as policies call it."""

    def container(self, name: str) -> dict[str, Any]:
        """A container of the service's task definition."""
        return next(one for one in self.definition["containerDefinitions"] if one["name"] == name)


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Amazon]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "stand-in")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with metadata() as (url, told), mock_aws(config={"core": {"passthrough": {"urls": [f"{url}.*"]}}}):
        boto3.setup_default_session()
        definition = json.loads((DEPLOY / "ecs/task-definition.json").read_text())
        for one in definition["containerDefinitions"]:
            one["memoryReservation"] = 512  # the stand-in cannot do without, ECS can
        ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
        ecs.register_task_definition(**definition)
        ecs.create_cluster(clusterName="ours", capacityProviders=["FARGATE", "FARGATE_SPOT"])
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}
        task = ecs.run_task(
            cluster="ours",
            taskDefinition=definition["family"],
            launchType="FARGATE",
            networkConfiguration=network,
        )["tasks"][0]
        told |= {"/": {"Name": "daemon"}, "/task": {"Cluster": "ours", "TaskARN": task["taskArn"]}}
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", url)
        found = Amazon(task, definition)

        def heard(model: Any, **_: Any) -> None:
            found.actions.add(f"{model.service_model.signing_name}:{model.name}")

        assert boto3.DEFAULT_SESSION is not None
        boto3.DEFAULT_SESSION.events.register("before-call", heard)
        yield found
    boto3.DEFAULT_SESSION = None


class _Metadata(BaseHTTPRequestHandler):
    told: dict[str, Any]

    def do_GET(self) -> None:
        body = json.dumps(self.told[self.path.rstrip("/") or "/"]).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def metadata() -> Iterator[tuple[str, dict[str, Any]]]:
    """The address that ECS gives each container to ask about itself, and the answers by path."""
    told: dict[str, Any] = {}
    server = HTTPServer(("127.0.0.1", 0), type("Metadata", (_Metadata,), {"told": told}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", told
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def instance(amazon: Amazon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of the daemon's container, but for its databases."""
    for one in amazon.container("daemon")["environment"]:
        monkeypatch.setenv(one["name"], one["value"])
    settings = yaml.safe_load((DEPLOY / "ecs/dagster.yaml").read_text())
    shipped = {name: settings[name] for name in ("run_launcher", "compute_logs", "telemetry")}
    direct = {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"}
    boto3.client("s3").create_bucket(
        Bucket="my-state-bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    (tmp_path / "home").mkdir()
    (tmp_path / "project/videos").mkdir(parents=True)
    (tmp_path / "project/lightly.yaml").write_text(LIGHTLY)
    monkeypatch.setenv("LIGHTLY_ASSETS_CONFIG", str(tmp_path / "project/lightly.yaml"))
    with dg.DagsterInstance.local_temp(
        str(tmp_path / "home"), overrides=shipped | {"run_coordinator": direct}
    ) as instance:
        amazon.actions.clear()
        yield instance


def launched(amazon: Amazon, instance: dg.DagsterInstance) -> tuple[dg.DagsterRun, dict[str, Any]]:
    """A run that the code location of the container was asked for, and its task."""
    target = WorkspaceOpts(module_name=("lightly_assets.definitions",))
    run = execute_launch_command(instance=instance, workspace_opts=target, job_name="predictions")
    ecs = boto3.client("ecs")
    arns = ecs.list_tasks(cluster="ours")["taskArns"]
    (new,) = set(arns) - {amazon.task["taskArn"]}
    return run, ecs.describe_tasks(cluster="ours", tasks=[new])["tasks"][0]


def test_a_run_gets_the_image_and_all_that_its_instance_asks_for(
    amazon: Amazon, instance: dg.DagsterInstance
) -> None:
    _, task = launched(amazon, instance)
    ecs = boto3.client("ecs")
    definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    daemon = amazon.container("daemon")
    assert container["name"] == "run" and container["image"] == daemon["image"]
    assert (definition["cpu"], definition["memory"]) == ("4096", "16384")
    # Whatever the settings of the instance take from the environment is there, and is no secret in the open.
    names = set(re.findall(r"\{env: (\w+)\}", (DEPLOY / "ecs/dagster.yaml").read_text()))
    open_ones = {one["name"] for one in container["environment"]}
    secrets = {one["name"]: one["valueFrom"] for one in container["secrets"]}
    assert names <= open_ones | set(secrets)
    assert secrets.keys() == {"DAGSTER_POSTGRES_URL", "LIGHTLY_TOKEN"} and not secrets.keys() & open_ones
    assert all(value.startswith("arn:aws:secretsmanager:") for value in secrets.values())


def test_what_it_is_told_fits_into_a_request(amazon: Amazon, instance: dg.DagsterInstance) -> None:
    _, task = launched(amazon, instance)
    (override,) = task["overrides"]["containerOverrides"]
    assert override["name"] == "run" and override["command"][:3] == ["dagster", "api", "execute_run"]
    assert len(json.dumps(task["overrides"])) < _MOST_OVERRIDES


def test_the_role_needs_what_the_page_says(amazon: Amazon, instance: dg.DagsterInstance) -> None:
    run, _ = launched(amazon, instance)
    assert instance.run_launcher.check_run_worker_health(run)
    assert instance.run_launcher.terminate(run.run_id)
    asked = amazon.actions - {"ecs:ListTasks"}  # of this test
    page = (DEPLOY / "README.md").read_text()
    assert {one for one in asked if f"`{one}`" not in page} == set()


def test_the_web_server_is_reached_from_its_load_balancer() -> None:
    definition = json.loads((DEPLOY / "ecs/task-definition.json").read_text())
    server = next(one for one in definition["containerDefinitions"] if one["name"] == "webserver")
    command, (port,) = server["command"], server["portMappings"]
    assert command[command.index("-p") + 1] == str(port["containerPort"])
    # A task has an address of its own: what listens on loopback is out of reach of all others.
    assert command[command.index("-h") + 1] == "0.0.0.0"


def test_all_tasks_have_the_image_of_runs() -> None:
    definition = json.loads((DEPLOY / "ecs/task-definition.json").read_text())
    for one in definition["containerDefinitions"]:
        variables = {each["name"]: each["value"] for each in one["environment"]}
        assert variables["DAGSTER_CURRENT_IMAGE"] == one["image"]
