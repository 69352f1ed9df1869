"""``import-labels`` and ``export`` as people and scripts use them."""

import json
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.labels.reading import FORMATS
from lightly_assets.labels.writing import WRITERS
from tests.labels.reading import write

COMMANDS = typer.main.get_command(app)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / "input").mkdir(exist_ok=True)
        Image.new("RGB", (80, 60)).save(tmp_path / "input" / name)
    write(tmp_path, {"yolo/labels/a.txt": "1 .5 .5 .25 .5 .75\n", "yolo/labels/b.txt": ""})
    write(tmp_path, {"yolo/data.yaml": "names: [person, car]\n"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, (done.stdout if done.exit_code == 0 else done.stderr).splitlines()


TO = ("--task", "cars", "--lightly", "lightly", "--input", "input")


def test_an_import_says_what_matched_and_what_did_not(root: Path) -> None:
    assert run("import-labels", "yolo", *TO) == (
        0,
        [
            "'cars' (object-detection): 2 files with 1 prediction.",
            "1 image or frame of the input not in the labels, such as 'c.png'.",
        ],
    )
    written = json.loads((root / "lightly/.lightly/predictions/cars/a.json").read_text())
    assert written["predictions"] == [{"category_id": 1, "bbox": [30, 15, 20, 30], "score": 0.75}]


def test_a_dry_run_shows_pairs_and_a_picture(root: Path) -> None:
    code, lines = run("import-labels", "yolo", *TO, "--dry-run")
    assert code == 0
    assert lines[:3] == [
        "'cars' (object-detection), yolo: 2 files would be written.",
        "Categories: 0 person, 1 car.",
        "  a → a.png",
    ]
    assert lines[-1] == "labels-preview.jpg shows 'a.png'."
    assert (root / "labels-preview.jpg").is_file() and not (root / "lightly").exists()


@pytest.mark.parametrize(
    "wrong", [["--task-type", "x"], ["--unlisted", "x"], ["--interpolate", "x"], ["--fps", "0"]]
)
def test_wrong_use_ends_with_2(root: Path, wrong: list[str]) -> None:
    assert run("import-labels", "yolo", *TO, *wrong)[0] == 2


def test_a_refusal_is_one_sentence(root: Path) -> None:
    code, lines = run("import-labels", "yolo", *TO, "--categories", "van,person")
    assert code == 1 and len(lines) == 1
    assert "0 'person', 1 'car'" in lines[0] and "0 'van', 1 'person'" in lines[0]


def test_what_is_exported_is_told(root: Path) -> None:
    assert run("import-labels", "yolo", *TO)[0] == 0
    assert run(
        "export", "lightly", "--task", "cars", "--format", "coco", "--out", "x.json", "--input", "input"
    ) == (
        0,
        ["x.json: 1 prediction of 2 images and frames of 'cars' as coco, in 1 file."],
    )
    code, lines = run(
        "export", "lightly", "--task", "cars", "--format", "coco", "--out", "x.json", "--input", "input"
    )
    assert (code, lines) == (1, ["Error: --out x.json is there already; nothing is overwritten."])


def test_the_help_names_all_formats() -> None:
    helps = {
        name: {one.name: one.help for one in COMMANDS.commands[name].params}
        for name in ("import-labels", "export")
    }  # type: ignore[attr-defined]
    assert all(name in helps["import-labels"]["format"] for name in FORMATS.names)
    assert all(name in helps["export"]["format"] for name in WRITERS.names)


def test_a_dry_run_refuses_what_the_import_would_refuse(root: Path) -> None:
    """The task is there already, with other categories; or what lists it is broken."""
    folder = root / "lightly/.lightly/predictions"
    (folder / "cars").mkdir(parents=True)
    schema = {"task_type": "object-detection", "categories": [{"id": 0, "name": "tree"}]}
    (folder / "cars/schema.json").write_text(json.dumps(schema))
    (folder / "tasks.json").write_text('["cars"]')
    mapped = ["--categories", "person,car"]
    tried, done = (run("import-labels", "yolo", *TO, *mapped, *more) for more in (["--dry-run"], []))
    assert tried == done and tried[0] == 1 and len(tried[1]) == 1
    (folder / "cars/schema.json").unlink()
    (folder / "tasks.json").write_text("{")
    tried, done = (run("import-labels", "yolo", *TO, *more) for more in (["--dry-run"], []))
    assert tried == done and tried[0] == 1 and "tasks.json" in tried[1][0]
