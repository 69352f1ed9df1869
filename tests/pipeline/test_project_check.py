"""``check`` of a project says what its ``run`` says."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.pipeline.inputs.globs import glob_pattern
from tests.media.corpus_files import encode, truncate
from tests.projects import SmallProject

NOTHING = """
def find(images):
    return [[] for _ in images]
"""
EVERYTHING = """
def find(images):
    sizes = [(image.shape[1], image.shape[0]) for image in images]
    return [[{"category_id": 0, "bbox": [0, 0, w, h], "score": 0.9}] for w, h in sizes]
"""


def invoke(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    small = SmallProject(tmp_path)
    (tmp_path / "square_model.py").write_text(NOTHING)
    small.write(exclude=["out/**", "/lead.png"])
    (tmp_path / "input/out").mkdir()
    for name in ("a.png", "lead.png", "out/b.png"):
        Image.new("RGB", (20, 10)).save(tmp_path / "input" / name)
    encode(tmp_path / "input/v.mp4", numbers=range(12))
    return tmp_path


def findings(*arguments: str | Path) -> list[tuple[str, str]]:
    status, out = invoke("check", *arguments, "--json")
    document = json.loads(out)
    assert status == (0 if document["ok"] else 1)
    return [(one["rule"], one["message"]) for one in document["findings"]]


def test_what_run_leaves_out_is_not_missing(folder: Path) -> None:
    for name in ("film.mkv", "film.3gp", "x.webp", "y.MKV"):
        (folder / "input" / name).write_bytes(b"x")
    status, out = invoke("run")
    said = "Left out of the input: 2 × .mkv, 1 × .3gp, 1 × .webp (the Worker reads only .avi, .bmp,"
    # Nobody is told of what he has excluded himself, but by check and status.
    assert (status, said in out, "2 excluded." in out) == (0, True, False), out
    assert findings() == []
    assert findings("-c", "lightly.yaml") == []
    assert findings("lightly", "--input", "input") == []
    status, out = invoke("check")
    assert (status, said in out, "2 excluded." in out) == (0, True, True), out
    # Without the project nobody knows of what it excludes.
    (folder / "lightly.yaml").rename(folder / "other.yaml")
    assert {rule for rule, _ in findings("lightly", "--input", "input")} == {"prediction-missing"}
    assert findings("-c", "other.yaml") == []
    assert findings("lightly", "--input", "input", "-c", "other.yaml") == []
    status, out = invoke("check", "input", "-c", "other.yaml")
    assert (status, "ROOT is 'input'" in out) == (2, True)
    status, out = invoke("check")
    assert (status, "Name ROOT" in out) == (2, True)


def test_a_folder_without_any_input(folder: Path) -> None:
    for path in list((folder / "input").rglob("*.*")):
        path.rename(path.with_suffix(".heic"))
    status, out = invoke("run")
    assert status == 0
    assert "Nothing to do: there is no input in" in out
    # One of the four lies in a folder that is excluded.
    assert "3 × .heic (the Worker reads only" in out


def test_a_damaged_video_is_said_to_be(folder: Path) -> None:
    encode(folder / "whole.mp4", numbers=range(40), container={"movflags": "+faststart"})
    truncate(folder / "whole.mp4", folder / "input/cut.mp4", 0.7)
    status, out = invoke("run")
    assert (status, "is cut off" in out) == (1, True)
    ((rule, message),) = findings()
    assert rule == "input-unreadable"
    assert message.startswith("The video 'cut.mp4' cannot be decoded: it is damaged (")
    # The same without the project, which has the same default, and for who keeps damaged videos.
    assert (rule, message) in findings("lightly", "--input", "input")
    SmallProject.at(folder).write(on_damage="keep")
    assert invoke("run")[0] == 0
    assert findings() == []
    assert findings("lightly", "--input", "input") == []
    assert {rule for rule, _ in findings("--on-damage", "fail")} == set()  # the records know its frames
    path = folder / "input/cut.mp4"
    assert [invoke("probe", path, *keep)[0] for keep in ([], ["--on-damage", "keep"])] == [1, 0]


def test_why_a_task_lacks_files_is_told_once(folder: Path) -> None:
    (folder / "square_model.py").write_text("def find(images):\n    raise ValueError('no GPU')\n")
    assert invoke("run")[0] == 1
    found = findings()
    assert [rule for rule, _ in found].count("prediction-missing") <= 2
    (folder / "square_model.py").write_text(NOTHING)
    assert invoke("run")[0] == 0
    assert findings() == []


def test_paused_inputs(folder: Path) -> None:
    assert invoke("pause", "v.mp4", "--reason", "blurred")[0] == 0
    assert invoke("run")[0] == 0
    assert findings() == []


def test_bad_keys_are_several_lines_and_a_collision_one(folder: Path) -> None:
    for name in ("a.jpg", "x\ty.png", "x\tz.png"):
        Image.new("RGB", (20, 10)).save(folder / "input" / name)
    status, out = invoke("run")
    assert status == 1
    failed = [line for line in out.splitlines() if line.startswith("Failed: ")]
    assert len(failed) == 3
    assert sum("rename or exclude one of them" in line for line in failed) == 1
    status, out = invoke("check")
    assert sum(line.startswith("error   input-key") for line in out.splitlines()) == 2
    assert out.count("rename or exclude one of them") == 1


def test_a_video_that_changes_its_size(folder: Path) -> None:
    halves = [
        encode(folder / f"{index}.h264", numbers=range(10), size=size, options={"bf": "0"})
        for index, size in enumerate([(96, 64), (160, 96)])
    ]
    path = folder / "input/v.mp4"
    path.write_bytes(b"".join(half.read_bytes() for half in halves))
    (folder / "square_model.py").write_text(EVERYTHING)
    status, out = invoke("run")
    assert status == 0, out
    assert findings() == []
    assert findings("lightly", "--input", "input") == []
    document = json.loads((folder / "lightly/.lightly/predictions/squares/v-19-mp4.json").read_text())
    assert document["predictions"][0]["bbox"] == [0, 0, 160, 96]
    # A box that only the second size has room for is wrong in a frame of the first.
    first = folder / "lightly/.lightly/predictions/squares/v-00-mp4.json"
    first.write_text(json.dumps(document | {"file_name": "v-00-mp4.png"}))
    assert [rule for rule, _ in findings()] == ["bbox-outside"]
    assert [rule for rule, _ in findings("lightly", "--input", "input")] == ["bbox-outside"]


def test_turned_tiff_files_have_the_size_of_their_stored_pixels(folder: Path) -> None:
    for orientation in range(1, 9):
        image = folder / f"input/{orientation}/a.tif"
        image.parent.mkdir()
        Image.new("RGB", (40, 10)).save(image, tiffinfo={274: orientation})
    (folder / "square_model.py").write_text(EVERYTHING)
    status, out = invoke("run")
    assert status == 0, out
    for orientation in range(1, 9):
        assert (f"EXIF orientation is {orientation}" in out) == (orientation > 1), out
    assert findings() == []


def test_how_grey_of_sixteen_bits_is_read_makes_images_stale_and_no_videos(folder: Path) -> None:
    Image.fromarray(np.linspace(7000, 8500, 200).astype(np.uint16).reshape(10, 20)).save(
        folder / "input/thermal.png"
    )
    square = "def find(images):\n    return [{squares}[: int(image.max() > 200)] for image in images]\n"
    square = square.replace("{squares}", '[{"category_id": 0, "bbox": [1, 1, 5, 5], "score": 0.9}]')
    (folder / "square_model.py").write_text(square)
    assert invoke("run")[0] == 0
    written = folder / "lightly/.lightly/predictions/squares/thermal.json"
    assert json.loads(written.read_text())["predictions"] == []
    SmallProject.at(folder).write(images={"sixteen_bit": "minmax"})
    planned = json.loads(invoke("run", "--dry-run", "--json")[1])["planned"]["inputs"]
    assert sorted(one["input"] for one in planned) == ["a.png", "thermal.png"]
    assert invoke("run")[0] == 0
    assert len(json.loads(written.read_text())["predictions"]) == 1
    SmallProject.at(folder).write(images={"sixteen_bit": "low-byte"})
    status, out = invoke("run")
    assert (status, "images.sixteen_bit" in out, "minmax" in out) == (2, True, True)


def test_a_glob_with_a_slash_in_front() -> None:
    pattern = glob_pattern(["/lead.mp4", "./b.mp4"])
    assert all(pattern.fullmatch(key) for key in ("/lead.mp4", "lead.mp4", "b.mp4", "./b.mp4"))
    assert not pattern.fullmatch("sub/lead.mp4")
