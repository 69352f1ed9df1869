"""``select`` by the embeddings of a project: of frames, of objects, and of pictures to look for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightly.utils.io import check_embeddings, load_embeddings
from PIL import Image
from typer.testing import CliRunner

from lightly_assets.cli import app
from tests.projects import SmallProject, picture, task, write_image, write_video

# The vector of a picture is where its bright square is, and of a square how grey it is.
EMBED = """
def look(images):
    return [[float((image[:, :, 0].mean(axis=0) > 50).argmax()), float(image.mean())] for image in images]
"""
FRAMES = [10, 12, 14, 60, 62, 11, 13]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    small = SmallProject(tmp_path_factory.mktemp("vectors") / "project")
    (small.folder / "embed_model.py").write_text(EMBED)
    write_video(small.input / "v.mp4", FRAMES)
    write_image(small.input / "empty.png", None)
    small.write(
        embeddings={
            "model": {"kind": "python", "call": "embed_model:look"},
            "normalise": False,
            "objects": ["squares"],
        }
    )
    assert CliRunner().invoke(app, ["run", "-c", str(small.config)]).exit_code == 0
    return small


def selected(
    small: SmallProject, given: dict[str, Any], strategy: dict[str, Any], *options: object
) -> list[str]:
    entry = {"input": {"type": "EMBEDDINGS"} | given, "strategy": strategy}
    config = {"n_samples": 8, "strategies": [entry]}
    small.write(worker_run={"dataset": "d d", "input_type": "videos", "selection_config": config})
    arguments = ["select", "-c", str(small.config), "--out", str(small.folder / "out"), "--json"]
    result = CliRunner().invoke(app, [*arguments, *map(str, options)])
    document = json.loads(result.stdout)
    assert document["ok"], document
    names: list[str] = document["selected"]
    return names


def places(names: list[str]) -> list[int | None]:
    """Where the squares are."""
    return [FRAMES[int(name[2])] if name.startswith("v-") else None for name in names]


def test_frames_far_apart(small: SmallProject) -> None:
    found = places(selected(small, {}, {"type": "DIVERSITY"}, "--n", 3))
    # Columns 0, 10…14 and 60…62: one of each.
    assert {None if one is None else one // 30 for one in found} == {None, 0, 2}


def test_frames_and_pictures_that_are_looked_for(small: SmallProject) -> None:
    (small.folder / "like.txt").write_text("v-3-mp4.png\n")
    like = small.folder / "like.txt"
    assert places(selected(small, {}, {"type": "SIMILARITY"}, "--similar-to", like))[:2] == [60, 62]
    folder = small.folder / "looked for"
    folder.mkdir(exist_ok=True)
    Image.fromarray(picture(64)).save(folder / "a.png")
    assert places(selected(small, {}, {"type": "SIMILARITY"}, "--similar-to", folder))[:2] == [62, 60]


def test_objects_that_are_looked_for(small: SmallProject) -> None:
    """All squares look the same but by the codec; the frame without one comes last."""
    given = {"task": "squares"}
    like = small.folder / "like.txt"
    like.write_text("v-3-mp4.png\n")
    found = selected(small, given, {"type": "SIMILARITY"}, "--similar-to", like)
    assert found[-1] == "empty.png"
    frames = json.loads((small.folder / "out/selection.json").read_text())["frames"]
    values = {one["file_name"]: one["why"][0]["value"] for one in frames}
    assert values["v-3-mp4.png"] == 1 == max(values.values()) and values["empty.png"] == 0


def test_typical_frames_and_objects(small: SmallProject) -> None:
    """Five squares are near each other; two are not, and one frame has none."""
    found = places(selected(small, {}, {"type": "TYPICALITY", "num_nearest_neighbors": 3}))
    assert set(found[:5]) == {10, 11, 12, 13, 14} and found[-1] is None
    objects = selected(small, {"task": "squares"}, {"type": "TYPICALITY", "num_nearest_neighbors": 3})
    assert objects[-1] == "empty.png"


def test_diverse_objects(small: SmallProject) -> None:
    assert len(set(selected(small, {"task": "squares"}, {"type": "DIVERSITY"}))) == 8


def refused(small: SmallProject, given: dict[str, Any], *options: object) -> str:
    entry = {"input": {"type": "EMBEDDINGS"} | given, "strategy": {"type": "SIMILARITY"}}
    small.write(
        worker_run={
            "dataset": "d d",
            "input_type": "videos",
            "selection_config": {"n_samples": 1, "strategies": [entry]},
        }
    )
    arguments = ["select", "-c", str(small.config), "--out", str(small.folder / "out"), "--json"]
    document = json.loads(CliRunner().invoke(app, [*arguments, *map(str, options)]).stdout)
    assert not document["ok"]
    return str(document["error"])


def test_refusals(small: SmallProject, tmp_path: Path) -> None:
    assert "--similar-to" in refused(small, {})
    (tmp_path / "nothing").mkdir()
    assert "holds no picture" in refused(small, {}, "--similar-to", tmp_path / "nothing")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.png").write_bytes(b"no picture")
    assert "a.png' cannot be read" in refused(small, {}, "--similar-to", tmp_path / "bad")
    empty = tmp_path / "empty.txt"
    empty.write_text("empty.png\n")
    assert "have no object" in refused(small, {"task": "squares"}, "--similar-to", empty)


def test_what_is_stale_or_not_embedded_is_said(tmp_path: Path) -> None:
    small = SmallProject(tmp_path / "project")
    write_image(small.input / "a.png", 10)
    small.write(embeddings={})
    assert CliRunner().invoke(app, ["run", "-c", str(small.config)]).exit_code == 0
    like = tmp_path / "like.txt"
    like.write_text("a.png\n")
    wrong = refused(small, {"task": "squares"}, "--similar-to", like)
    assert "add it to embeddings.objects" in wrong
    small.write(embeddings={"normalise": False})
    assert "'a.png' has no present embedding (1 of 1 have none)" in refused(small, {}, "--similar-to", like)
    small.write(tasks=[task("squares")], embeddings={"objects": ["squares"]})
    assert "No object of 'squares'" in refused(small, {"task": "squares"}, "--similar-to", like)


def test_lightlys_own_reader_takes_the_file(small: SmallProject) -> None:
    result = CliRunner().invoke(app, ["embeddings", "-c", str(small.config), "--json"])
    path = small.lightly / ".lightly/embeddings/embeddings.csv"
    assert json.loads(result.stdout) == {"ok": True, "vectors": 8, "out": str(path)}
    check_embeddings(str(path))
    vectors, labels, names = load_embeddings(str(path))
    found = dict(zip(names, np.asarray(vectors, dtype=np.float32).tolist(), strict=True))
    assert set(labels) == {0} and [found[f"v-{index}-mp4.png"][0] for index in range(7)] == FRAMES
    before = path.read_bytes()
    out = small.folder / "mine.csv"
    assert CliRunner().invoke(app, ["embeddings", "-c", str(small.config), "--out", str(out)]).exit_code == 0
    assert out.read_bytes() == before and list(path.parent.iterdir()) == [path]
