"""Deployments, as far as parsers and stand-ins go: compose, and the pods that Dagster's chart has made."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from compose_spec import ComposeSpecification
from dagster._cli.job import execute_launch_command
from dagster._config import process_config
from dagster_k8s import K8sRunLauncher
from dagster_shared.cli import WorkspaceOpts

DEPLOY = Path(__file__).parents[2] / "deploy"
VALUES: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes/values.yaml").read_text())
IMAGE = "registry.example/lightly-assets:1"


def test_compose_reads_it() -> None:
    data = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    parsed = ComposeSpecification(**{key: value for key, value in data.items() if not key.startswith("x-")})
    assert set(parsed.services or {}) == {"postgres", "store", "code", "daemon", "webserver", "proxy"}


def launcher_settings() -> dict[str, Any]:
    """What Dagster's chart makes of the values, for the launcher."""
    part = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
    return {
        "service_account_name": "dagster",
        "postgres_password_secret": VALUES["global"]["postgresqlSecretName"],
        "instance_config_map": "instance",
        "dagster_home": "/opt/dagster/dagster_home",
        "security_context": part["securityContext"],
        "resources": part["resources"],
    }


def context_of_deployment() -> dict[str, Any]:
    """What it gives a code location to hand on to its runs."""
    (one,) = VALUES["dagster-user-deployments"]["deployments"]
    return {
        "k8s": {
            "image_pull_policy": one["image"]["pullPolicy"],
            "env_secrets": [secret["name"] for secret in one["envSecrets"]],
            "volumes": one["volumes"],
            "volume_mounts": one["volumeMounts"],
            "namespace": "default",
            "service_account_name": "user",
        }
    }


def test_the_charts_launcher_takes_its_part() -> None:
    result = process_config(dg.Field(K8sRunLauncher.config_type()).config_type, launcher_settings())
    assert result.success, [error.message for error in result.errors or []]


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a stand-in for Kubernetes' server, and what it was asked to make."""
    made: list[dict[str, Any]] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.append(json.loads(body))
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", made
    server.shutdown()
    server.server_close()


def test_the_pod_of_a_run_can_do_its_work(
    cluster: tuple[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, made = cluster
    cube = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(cube))
    (tmp_path / "home").mkdir()
    (tmp_path / "lightly.yaml").write_text("datasource: {input: ./v, lightly: ./l, state: ./s}\n")
    monkeypatch.setenv("LIGHTLY_ASSETS_CONFIG", str(tmp_path / "lightly.yaml"))
    monkeypatch.setenv("DAGSTER_CURRENT_IMAGE", IMAGE)
    monkeypatch.setenv("DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT", json.dumps(context_of_deployment()))
    ours = {"load_incluster_config": False, "kubeconfig_file": str(tmp_path / "kubeconfig")}
    launcher = {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": launcher_settings() | ours}
    direct = {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"}
    settings = {"run_launcher": launcher, "run_coordinator": direct}
    with dg.DagsterInstance.local_temp(str(tmp_path / "home"), overrides=settings) as instance:
        target = WorkspaceOpts(module_name=("lightly_assets.definitions",))
        execute_launch_command(instance=instance, workspace_opts=target, job_name="predictions")
    pod = made[0]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    volumes = [one["name"] for one in pod["volumes"]]
    assert sorted(volumes) == sorted(set(volumes)), "Kubernetes refuses a pod with two volumes of a name"
    assert {one["secretRef"]["name"] for one in container["envFrom"] if "secretRef" in one} == {
        "lightly-assets-env"
    }
    # The folder of the project is written to, so no volume that can only be read lies there.
    places = {one["mountPath"]: one.get("subPath") for one in container["volumeMounts"]}
    assert places["/project/lightly.yaml"] == "lightly.yaml" and "/project" not in places
    assert container["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["requests"] == {"cpu": "4", "memory": "8Gi"}
