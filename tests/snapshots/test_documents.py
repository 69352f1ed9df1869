"""Every ``--json`` document: scripts read them, so that their keys and words stay."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import CliRunner

from lightly_assets.cli import app
from tests.snapshots.conftest import EARLIER, Made
from tests.snapshots.keep import unchanged

LABELS = {
    "images": [
        {"id": 1, "file_name": "images/a.png", "width": 96, "height": 64},
        {"id": 2, "file_name": "images/b.jpg", "width": 96, "height": 64},
    ],
    "categories": [{"id": 1, "name": "square"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 24, 16, 16], "area": 256, "iscrowd": 0}
    ],
}
# What the cases below show, by the name of the command; the document of demo is that of run.
SHOWN = {
    *("run", "status", "gc", "check", "probe", "extract", "import-coco", "import-labels", "export", "doctor"),
    *("evaluate", "report", "select", "embeddings", "studio", "demo"),
}
SELECTION = """
worker_run:
  dataset: streets
  input_type: images
  selection_config:
    n_samples: 2
    strategies:
      - input: {type: PREDICTIONS, task: objects, name: CATEGORY_COUNT}
        strategy: {type: WEIGHTS}
"""
TO = ["--task", "labels", "--lightly", "other", "--input", "input"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state that an earlier version left, and some label files and faulty folders."""
    folder = tmp_path / "project"
    shutil.copytree(EARLIER, folder)
    for path in (folder / "input").rglob("*"):
        os.utime(path, (1_750_000_000, 1_750_000_000))
    (folder / "labels.json").write_text(json.dumps(LABELS))
    (folder / "select.yaml").write_text((folder / "lightly.yaml").read_text() + SELECTION)
    (folder / "vectors.yaml").write_text((folder / "lightly.yaml").read_text() + "embeddings: {}\n")
    (folder / "yolo/labels/images").mkdir(parents=True)
    (folder / "yolo/labels/images/a.txt").write_text("0 0.25 0.5 0.25 0.25 0.75\n")
    (folder / "yolo/classes.txt").write_text("square\n")
    shutil.copytree(folder / "lightly", folder / "broken")
    objects = folder / "broken/.lightly/predictions/objects/images"
    content = json.loads((objects / "a.json").read_text())
    content["predictions"][0]["score"] = 1.5
    content["predictions"][0]["bbox"][0] = -1
    (objects / "a.json").write_text(json.dumps(content))
    (objects / "c.json").write_text("[]")
    (folder / "wrong.yaml").write_text("datasource: {input: ., lightly: ., state: ./state}\ntask: []\n")
    (folder / "damaged.mp4").write_bytes(b"no video")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    yield folder


def document(folder: Path, words: list[str]) -> dict[str, Any]:
    """What a command says, and how it ends, without this machine's folders and speed."""
    done = CliRunner().invoke(typer.main.get_command(app), words)
    text = done.stdout.replace(str(folder), "<project>").replace(str(folder.resolve()), "<project>")
    return {"exit_code": done.exit_code, "document": _steady(json.loads(text))}


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "<number>" if one and ("seconds" in key or key == "bytes") else _steady(one)
            for key, one in value.items()
        }
    return [_steady(one) for one in value] if isinstance(value, list) else value


CASES = {
    "run_nothing_to_do": ["run", "--json"],
    "run_wrong_config": ["run", "-c", "wrong.yaml", "--json"],
    "run_dry": ["run", "--dry-run", "--json"],
    "status": ["status", "--json"],
    "gc_dry": ["gc", "--dry-run", "--json"],
    "check": ["check", "lightly", "--input", "input", "--json"],
    "check_findings": ["check", "broken", "--input", "input", "--json"],
    "check_wrong_use": ["check", "nowhere", "--json"],
    "probe": ["probe", "input/drive 1.v2.mp4", "damaged.mp4", "--json"],
    "extract": ["extract", "input/drive 1.v2.mp4", "--out", "frames", "--json"],
    "import_coco": ["import-coco", "labels.json", "--task", "labels", "--lightly", "other", "--json"],
    "import_coco_refused": ["import-coco", "lightly.yaml", "--task", "no", "--lightly", "other", "--json"],
    "import_labels": ["import-labels", "yolo", *TO, "--json"],
    "import_labels_dry": ["import-labels", "yolo", *TO, "--dry-run", "--picture", "seen.png", "--json"],
    "import_labels_refused": ["import-labels", "lightly.yaml", *TO, "--json"],
    "export": [
        *("export", "lightly", "--task", "objects", "--format", "coco", "--out", "out.json"),
        *("--input", "input", "--json"),
    ],
    "doctor": ["doctor", "lightly", "--json"],
    "select": ["select", "-c", "select.yaml", "--out", "chosen", "--json"],
    "embeddings_missing": ["embeddings", "-c", "vectors.yaml", "--json"],
    "studio_refused": ["studio", "--python", "nowhere", "--json"],
    "report": ["report", "lightly", "--task", "objects", "--labels", "labels.json", "--json"],
    "evaluate": ["evaluate", "lightly", "--task", "objects", "--labels", "labels.json", "--json"],
}


@pytest.mark.parametrize("name", CASES)
def test_documents(folder: Path, name: str) -> None:
    if name == "run_dry":
        os.utime(folder / "input/images/a.png", (1, 1))
    unchanged(f"json_{name}.json", document(folder, CASES[name]))


def test_the_document_of_a_run(made: Made) -> None:
    unchanged("json_run.json", _steady(made.document))


def test_every_command_with_a_document_is_shown() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    with_json = {
        name for name, command in commands.items() if any("--json" in one.opts for one in command.params)
    }
    assert with_json == SHOWN
    assert {words[0] for words in CASES.values()} | {"demo"} == SHOWN
