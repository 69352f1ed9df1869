"""The containers of ``compose/`` as processes: their commands, variables and folders; PostgreSQL is real."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.postgres.conftest import Server
from tests.projects import SmallProject, positions, task, write_video
from tests.storage.servers import free_ports

COMPOSE = Path(__file__).parents[2] / "deploy/compose"
IMAGE = COMPOSE.parent / "Dockerfile"
BINARIES = Path(sys.executable).parent
PATIENCE = 180.0
OURS = ("code", "daemon", "webserver")


@dataclass
class Machine:
    """What a Docker engine would make of the file, with one name space of ports and one file system."""

    folder: Path
    project: Path
    ports: dict[str, int]
    services: dict[str, Any]

    def here(self, text: str, service: str) -> str:
        """What is said of a container, as it is on this machine."""
        changed = re.sub(r"(?<![\w./])/dagster(?![\w-])", str(self.folder / service), text)
        changed = changed.replace("0.0.0.0", "127.0.0.1")
        return str(self.ports.get(changed, changed))

    def command(self, words: list[str], service: str) -> list[str]:
        program, *others = [self.here(word, service) for word in words]
        return [str(BINARIES / program), *others]

    def environment(self, service: str) -> dict[str, str]:
        """Variables of the image and of the service, and no others."""
        image = dict(re.findall(r"^(?:ENV )?\s*([A-Z_]+)=(\S+?)(?: \\)?$", IMAGE.read_text(), re.MULTILINE))
        given = self.services[service]["environment"]
        found = {name: re.sub(r"\$\{(\w+)[^}]*\}", r"secret-\1", value) for name, value in given.items()}
        home = str(self.folder / service)
        names = {"DAGSTER_HOME": home, "LIGHTLY_ASSETS_CONFIG": str(self.project / "lightly.yaml")}
        assert {name: image[name] for name in names} == {
            "DAGSTER_HOME": "/dagster",
            "LIGHTLY_ASSETS_CONFIG": "/project/lightly.yaml",
        }
        path = f"{BINARIES}:{os.environ['PATH']}"
        return found | names | {"PATH": path, "HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}

    @contextmanager
    def running(self, service: str) -> Iterator[subprocess.Popen[bytes]]:
        """A container in the folder that the image says."""
        assert re.search("^WORKDIR /project$", IMAGE.read_text(), re.MULTILINE)
        log = (self.folder / f"{service}.log").open("wb")
        process = subprocess.Popen(
            self.command(self.services[service]["command"], service),
            env=self.environment(service),
            cwd=self.project,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)
            log.close()

    def is_healthy(self, service: str) -> bool:
        kind, *words = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        done = subprocess.run(
            self.command(words, service), env=self.environment(service), capture_output=True, check=False
        )
        return done.returncode == 0

    def ask(self, query: str, **variables: Any) -> Any:
        """The web server's answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        url = f"http://127.0.0.1:{self.ports['3000']}/graphql"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    small = SmallProject(tmp_path / "project")
    small.write(
        tasks=[task("squares")], sensor={"running": True, "interval_seconds": 1, "trusted_age_seconds": 0}
    )
    write_video(small.input / "a.mp4", positions(3))
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    ports = dict(zip(("4000", "3000"), free_ports(2), strict=True))
    with Server() as postgres:
        there = {"hostname: postgres": f"hostname: 127.0.0.1\n      port: {postgres.port}"}
        there |= {"db_name: dagster": "db_name: postgres", "host: code": "host: 127.0.0.1"}
        there["port: 4000"] = f"port: {ports['4000']}"
        for service in OURS:
            mount(tmp_path, service, services[service]["volumes"], there)
        yield Machine(tmp_path, tmp_path / "project", ports, services)


def mount(folder: Path, service: str, volumes: list[str], there: dict[str, str]) -> None:
    """The folder ``/dagster`` of a container: files of this repository, and what it shares with others."""
    (folder / service).mkdir()
    for volume in volumes:
        source, target = volume.split(":")[:2]
        if target == "/project":
            continue
        place = folder / service / Path(target).relative_to("/dagster")
        if source.startswith("./"):
            text = (COMPOSE / source).read_text()
            for old, new in there.items():
                text = text.replace(old, new)
            place.write_text(text)
        else:
            (folder / source).mkdir(exist_ok=True)
            place.symlink_to(folder / source)


def wait_for(what: Callable[[], Any], machine: Machine, *processes: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        logs = "\n".join(
            (machine.folder / f"{one}.log").read_text()[-2000:] for one in OURS[: len(processes)]
        )
        assert all(one.poll() is None for one in processes), logs
        try:
            if found := what():
                return found
        except OSError:
            pass
        time.sleep(1)
    raise AssertionError(logs)


def test_what_comes_in_is_published_and_its_log_is_shown(machine: Machine) -> None:
    with ExitStack() as stack:
        code = stack.enter_context(machine.running("code"))
        wait_for(lambda: machine.is_healthy("code"), machine, code)
        daemon = stack.enter_context(machine.running("daemon"))
        server = stack.enter_context(machine.running("webserver"))
        runs = "{ runsOrError { ... on Runs { results { runId status } } } }"

        def done() -> list[str]:
            found = machine.ask(runs)["runsOrError"]["results"]
            assert all(one["status"] not in ("FAILURE", "CANCELED") for one in found), found
            return [one["runId"] for one in found if one["status"] == "SUCCESS"]

        run, *_ = wait_for(done, machine, code, daemon, server)
        written = machine.project / "lightly/.lightly/predictions/squares"
        assert len(list(written.glob("a-*.json"))) == 3
        events = machine.ask(
            "query ($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { ... on "
            "LogsCapturedEvent { logKey: fileKey } } } } }",
            run=run,
        )["logsForRun"]["events"]
        (key,) = {one["logKey"] for one in events if one}
        text = machine.ask(
            "query ($key: [String!]!) { capturedLogs(logKey: $key) { stdout stderr } }",
            key=[run, "compute_logs", key],
        )["capturedLogs"]
        assert "RUN_START" in text["stderr"] or "STEP_START" in text["stderr"], text
