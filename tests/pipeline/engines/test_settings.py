"""``engine:`` in ``lightly.yaml``: what it refuses, in one sentence, and which files it sends to workers."""

import sys
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.config import ConfigError, load_project, parse_project
from lightly_assets.pipeline.engines.cluster.ray_crew import with_own_paths
from lightly_assets.pipeline.engines.cluster.shipping import files_of, unpack
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.pipeline.session import Session
from tests.projects import SmallProject, task, write_image

ROOTS = {"datasource": {"input": "./i", "lightly": "./l", "state": "./s"}}


@pytest.mark.parametrize(
    ("engine", "sentence"),
    [
        ({"kind": "spark"}, "engine.kind is \"spark\"; it must be 'local' or 'ray'."),
        (
            {"kind": "local", "gpus": 1},
            "engine.gpus is no key of an engine of kind local, which has workers, devices, stall_seconds.",
        ),
        (
            {"kind": "ray", "devices": [0]},
            "engine.devices is no key of an engine of kind ray, which has workers, stall_seconds, address, "
            "cpus, gpus, shared, runtime_env.",
        ),
        (
            {"devices": [0, 1, 2], "workers": 2},
            "engine.workers is 2, but there are 3 devices; leave workers out, or give each device at "
            "least one.",
        ),
        ({"workers": 2, "stall_seconds": 0}, "engine.stall_seconds is 0; it must be more than 0."),
        (
            {"stall_seconds": 60},
            "engine.stall_seconds is about workers, and the run's own process does the work; set workers to "
            "at least 2, or devices, or leave it out.",
        ),
        ({"workers": 0}, "engine.workers is 0; it must be auto or an integer, at least 1."),
        (
            {"workers": 100_000},
            "engine.workers is 100000; an engine of kind local has at most 1,024 processes.",
        ),
        (
            {"devices": [0, 1, "00"]},
            "engine.devices holds 0 twice; name each device once, and set workers to have several processes "
            "on each.",
        ),
        (
            {"kind": "ray", "gpus": 1.5},
            "engine.gpus is 1.5; it must be 0, a share from 0.0001 to 1, or a whole number.",
        ),
        (
            {"kind": "ray", "gpus": 0.00001},
            "engine.gpus is 1e-05; it must be 0, a share from 0.0001 to 1, or a whole number.",
        ),
        ({"kind": "ray", "cpus": 0}, "engine.cpus is 0; it must be at least 0.0001."),
        ({"kind": "ray", "cpus": float("inf")}, "engine.cpus is Infinity; it must be a finite number."),
        ({"kind": "ray", "gpus": True}, "engine.gpus is true; it must be a number."),
        (
            {"kind": "ray", "address": "ray://user:hush@head:10001"},
            "engine.address is none that Ray knows; it must be auto, ray://HOST:PORT or HOST:PORT.",
        ),
        (
            {"kind": "ray", "address": "ray:head:10001"},
            "engine.address is 'ray:head:10001'; it must be auto, ray://HOST:PORT or HOST:PORT.",
        ),
        (
            {"kind": "ray", "address": "head:70000"},
            "engine.address is 'head:70000'; it must be auto, ray://HOST:PORT or HOST:PORT.",
        ),
        (
            {"kind": "ray", "runtime_env": {"pips": ["opencv"]}},
            "engine.runtime_env.pips is not a known key (did you mean pip?).",
        ),
        (
            {"kind": "ray", "runtime_env": {"env_vars": {"OMP_NUM_THREADS": 2}}},
            "engine.runtime_env.env_vars.OMP_NUM_THREADS is no text; put names and values in quotes.",
        ),
        (
            {"devices": [0, "0,1"]},
            'engine.devices holds "0,1"; each is a number from 0, or a name such as GPU-7a1c.',
        ),
        (
            {"kind": "ray", "address": "http://head"},
            "engine.address is 'http://head'; it must be auto, ray://HOST:PORT or HOST:PORT.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(engine: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_project(ROOTS | {"engine": engine}, Path("lightly.yaml"))
    assert str(caught.value) == f"lightly.yaml: {sentence}"


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "LIGHTLY_TOKEN",
        "db_password",
        "API_KEY",
        "X-Credentials",
        "PGPASSWORD",
        "awsSecretAccessKey",
        "OPENAI_APIKEY",
    ],
)
def test_secrets_are_not_shown_to_all_who_see_the_cluster(name: str) -> None:
    settings = {"kind": "ray", "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "2", name: "hush-4711"}}}
    with pytest.raises(ConfigError) as caught:
        parse_project(ROOTS | {"engine": settings}, Path("lightly.yaml"))
    assert name in str(caught.value) and "hush-4711" not in str(caught.value)
    variables = {"OMP_NUM_THREADS": "2", "KEYPOINTS": "17", "TOKENIZERS_PARALLELISM": "false"}
    harmless = {"kind": "ray", "runtime_env": {"env_vars": variables}}
    project = parse_project(ROOTS | {"engine": harmless}, Path("lightly.yaml"))
    assert project.engine.runtime_env == harmless["runtime_env"]


def test_a_url_with_a_password_is_a_secret_whatever_its_name() -> None:
    variables = {"DATABASE": "postgresql://user:hush-4711@host/x", "PAGE": "https://host:8080/x@y"}
    for name, refused in (("DATABASE", True), ("PAGE", False)):
        settings = {"kind": "ray", "runtime_env": {"env_vars": {name: variables[name]}}}
        try:
            parse_project(ROOTS | {"engine": settings}, Path("lightly.yaml"))
        except ConfigError as error:
            assert refused and name in str(error) and "hush-4711" not in str(error)
        else:
            assert not refused


def test_files_of_the_runtime_env_lie_beside_the_project(tmp_path: Path) -> None:
    for name in ("requirements.txt", "tools/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "torch").mkdir()
    given = {"working_dir": ".", "py_modules": ["tools", "s3://b/m.zip"], "pip": "requirements.txt"}
    settings = {"kind": "ray", "runtime_env": given | {"conda": "torch", "excludes": ["*.mp4"]}}
    project = parse_project(ROOTS | {"engine": settings}, tmp_path / "lightly.yaml")
    assert with_own_paths(project).runtime_env == {
        "working_dir": str(tmp_path),
        "py_modules": [str(tmp_path / "tools"), "s3://b/m.zip"],
        "pip": str(tmp_path / "requirements.txt"),
        "conda": "torch",
        "excludes": ["*.mp4"],
    }


def test_without_ray_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    small = SmallProject(tmp_path / "project")
    write_image(small.input / "a.png", 10)
    small.write(engine={"kind": "ray"})
    with Session(load_project(small.config)) as session, pytest.raises(EngineError) as caught:
        list(session.run(session.plan()))
    assert str(caught.value) == (
        "An engine of kind ray needs Ray; install it with: pip install 'lightly-assets[ray]'."
    )


def test_what_a_model_is_made_of_arrives_where_it_was_beside_it(tmp_path: Path) -> None:
    small = SmallProject(tmp_path / "somewhere" / "project")
    (small.folder / "package").mkdir()
    (small.folder / "package" / "__init__.py").write_text("from package.inner import find\n")
    (small.folder / "package" / "inner.py").write_text("def find(images):\n    return []\n")
    above = tmp_path / "somewhere" / "models"
    above.mkdir()
    for name in ("model.xml", "model.bin", "metadata.yaml", "other.bin"):
        (above / name).write_text(name)
    (small.folder / "weights.bin").write_text("weights")
    boxes = {"kind": "openvino", "path": "../models/model.xml", "layout": "yolo"}
    small.write(
        tasks=[
            task("squares", "package:find", args={"weights": "weights.bin", "where": "no file"}),
            task("boxes") | {"model": boxes},
        ]
    )
    files = files_of(load_project(small.config))
    assert [one.place for one in files] == [
        "../models/metadata.yaml",
        "../models/model.bin",
        "../models/model.xml",
        "package/__init__.py",
        "package/inner.py",
        "square_model.py",
        "weights.bin",
    ]
    asked: list[str] = []

    def fetch(path: str) -> bytes:
        asked.append(path)
        return Path(path).read_bytes()

    sent: list[tuple[str, str, Any]] = [(one.place, one.digest, str(one.path)) for one in files]
    for number in (1, 2):
        base = unpack(sent, fetch, tmp_path / "kept", tmp_path / f"worker-{number}")
        assert {one.place: (base / one.place).resolve().read_bytes() for one in files} == {
            one.place: one.path.read_bytes() for one in files
        }
        assert (base / "../models/model.xml").resolve().is_relative_to(tmp_path / f"worker-{number}")
    assert len(asked) == len(files), "a host asks for each content once"


def test_content_that_was_spoiled_on_the_way_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"^weights\.bin has not arrived at a worker as it was sent"):
        unpack([("weights.bin", "0" * 64, None)], lambda _: b"other", tmp_path / "kept", tmp_path / "worker")
    assert list((tmp_path / "kept").iterdir()) == []
