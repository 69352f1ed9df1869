"""``check``, ``import-coco`` and ``doctor`` as scripts use them: exit codes, and one JSON document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from lightly_assets.cli import app

COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "sub/a.png", "width": 32, "height": 16}],
    "categories": [{"id": 0, "name": "person"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 0, "bbox": [1, 2, 40, 5]}],
}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def document(result: Result) -> Any:
    """Standard output must be one JSON document, and nothing else."""
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return json.loads(result.stdout)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An input with one image, and its imported labels."""
    (tmp_path / "input" / "sub").mkdir(parents=True)
    Image.new("RGB", (32, 16)).save(tmp_path / "input" / "sub" / "a.png")
    (tmp_path / "coco.json").write_text(json.dumps(COCO))
    result = import_coco(tmp_path, "--json")
    assert result.exit_code == 0
    printed = document(result)
    report = printed.pop("report")
    assert (report["listed"], report["matched"], report["unlisted"]["count"]) == (1, 1, 0)
    assert printed == {
        "ok": True,
        "task": "labels",
        "task_type": "object-detection",
        "files": 1,
        "predictions": 1,
        "clipped": 1,
        "dropped": 0,
        "skipped": 0,
        "problems": [],
        "leftovers": 0,
    }
    return tmp_path


def import_coco(root: Path, *more: str | Path) -> Result:
    options = ("--task", "labels", "--lightly", root / "lightly", "--input", root / "input")
    return run("import-coco", root / "coco.json", *options, *more)


def test_import_for_people(root: Path) -> None:
    COCO_SKIPPED = COCO | {"annotations": [*COCO["annotations"], {"id": 2, "image_id": 9}]}  # noqa: N806
    (root / "coco.json").write_text(json.dumps(COCO_SKIPPED))
    result = import_coco(root)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "'labels' (object-detection): 1 file with 1 prediction.",
        "1 box cut to their image.",
        "Left out: annotations[1]: there is no image with the id 9.",
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_import_fails(root: Path, as_json: bool) -> None:
    (root / "coco.json").write_text("{")
    result = import_coco(root, *(["--json"] if as_json else []))
    assert result.exit_code == 1
    if as_json:
        printed = document(result)
        assert (printed["ok"], printed["files"]) == (False, 0)
        assert "is not valid JSON" in printed["error"]
    else:
        assert result.stdout == ""
        assert "is not valid JSON" in result.stderr


@pytest.mark.parametrize("wrong", [["--task-type", "panoptic"], ["--default-score", "2"], ["--boxes", "x"]])
def test_import_used_wrongly(root: Path, wrong: list[str]) -> None:
    assert import_coco(root, *wrong).exit_code == 2


def test_check(root: Path) -> None:
    result = run("check", root / "lightly", "--input", root / "input", "--json")
    assert (result.exit_code, document(result)) == (0, {"ok": True, "files": 1, "findings": []})
    result = run("check", root / "lightly", "--input", root / "input")
    assert (result.exit_code, result.stdout) == (0, "1 prediction file: 0 errors, 0 warnings.\n")


def test_check_finds_errors(root: Path) -> None:
    Image.new("RGB", (8, 8)).save(root / "input" / "new.png")
    result = run("check", root / "lightly", "--input", root / "input", "--json")
    assert result.exit_code == 1
    printed = document(result)
    assert printed["findings"] == [
        {
            "severity": "error",
            "rule": "prediction-missing",
            "file": "labels/new.json",
            "pointer": "",
            "message": "'new.png' has no prediction file; write one with an empty list if nothing was found.",
            "count": 1,
        }
    ]
    assert not printed["ok"]
    result = run("check", root / "lightly", "--input", root / "input")
    assert result.exit_code == 1
    assert result.stdout.startswith("error   prediction-missing: 'new.png'")
    assert run("check", root / "lightly").exit_code == 0


def test_check_of_one_task(root: Path) -> None:
    tasks = root / "lightly" / ".lightly" / "predictions" / "tasks.json"
    tasks.write_text('["labels", "broken"]')
    assert run("check", root / "lightly").exit_code == 1
    assert run("check", root / "lightly", "--task", "labels", "--processes", "2").exit_code == 0
    result = run("check", root / "lightly", "--task", "label", "--json")
    assert result.exit_code == 2
    assert document(result) == {
        "ok": False,
        "files": 0,
        "findings": [],
        "error": "tasks.json does not list 'label'; it lists 'labels', 'broken'.",
    }


def test_check_without_tasks(root: Path) -> None:
    """A folder that holds no predictions is found wrong; one that is not there cannot be checked."""
    result = run("check", root / "input", "--json")
    assert result.exit_code == 1
    assert [one["rule"] for one in document(result)["findings"]] == ["tasks-missing"]


@pytest.mark.parametrize("arguments", [["gone"], ["lightly", "--input", "gone"]])
def test_check_of_folders_that_are_not_there(
    root: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    result = run("check", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the folder 'gone' does not exist" in result.stderr
    result = run("check", *arguments, "--json")
    assert result.exit_code == 2
    assert document(result)["ok"] is False


def test_check_of_a_url_of_no_kind(root: Path) -> None:
    result = run("check", "ftp://host/folder", "--json")
    assert result.exit_code == 1
    assert "not ftp://" in document(result)["error"]


def test_doctor(root: Path) -> None:
    before = sorted(root.rglob("*"))
    result = run("doctor", root / "lightly", "--json")
    assert result.exit_code == 0
    printed = document(result)
    (diagnosed,) = printed["roots"]
    assert printed["ok"] and diagnosed["ok"] and diagnosed["writable"]
    assert diagnosed["root"] == str(root / "lightly")
    names = ["list", "read a range", "write and delete", "compare and swap", "durable writes"]
    assert [one["name"] for one in diagnosed["checks"]] == names
    assert [path for path in sorted(root.rglob("*")) if path.is_file()] == [p for p in before if p.is_file()]
    result = run("doctor", root / "input", "--read-only")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"{root / 'input'}:"
    assert "  ok    list: " in result.stdout


def test_doctor_of_a_project(root: Path) -> None:
    config = root / "lightly.yaml"
    config.write_text("datasource: {input: ./input, lightly: ./lightly, state: ./state}\ntasks: []\n")
    result = run("doctor", "-c", config, "--json")
    assert result.exit_code == 0
    assert [(one["root"], one["writable"]) for one in document(result)["roots"]] == [
        ("input", False),
        ("lightly", True),
        ("state", True),
    ]
    config.write_text("datasource: {input: ./gone, lightly: ./lightly, state: ./state}\ntasks: []\n")
    result = run("doctor", "-c", config, "--json")
    assert result.exit_code == 1
    assert [one["ok"] for one in document(result)["roots"]] == [False, True, True]


def test_doctor_without_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("doctor", "--json")
    assert result.exit_code == 2
    result = run("doctor", "ftp://host/folder", "--json")
    assert result.exit_code == 1
    assert "not ftp://" in document(result)["roots"][0]["checks"][0]["message"]
    secret = "s3://some-key:canary-secret@bucket/x"
    for more in ([], ["--json"]):
        result = run("doctor", secret, str(tmp_path), *more)
        assert result.exit_code == 1 and "canary" not in result.stdout + result.stderr
    assert [one["ok"] for one in document(result)["roots"]] == [False, True]


def test_the_commands_load_little() -> None:
    """Help has to come at once: what is heavy is imported by the commands that need it."""
    import subprocess

    script = "import sys, lightly_assets.cli; print([m for m in %r if m in sys.modules])"
    heavy = [
        "dagster",
        "numpy",
        "av",
        "pyarrow",
        "PIL",
        "obstore",
        "lightly",
        "lightly_assets.checker.check",
    ]
    done = subprocess.run([sys.executable, "-c", script % heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
