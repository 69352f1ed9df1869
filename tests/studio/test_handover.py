"""What is handed on to LightlyStudio, beside the prediction files read as plain JSON."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.storage import open_store
from lightly_assets.studio.errors import StudioError
from lightly_assets.studio.filling import fill_studio
from lightly_assets.studio.handover import Request, hand_over
from tests.studio.folders import (
    CATEGORIES,
    FRAMES,
    IMAGES,
    NAMES,
    TASKS,
    VIDEO,
    predictions,
    write_input,
    write_predictions,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("studio")
    write_input(root / "input")
    write_predictions(root / "lightly")
    return root


def handed(root: Path, out: Path, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    folder = out / "folder"
    folder.mkdir(parents=True)
    request = Request(root / "lightly", root / "input", None, "a", out, **options)
    notes = hand_over(request, folder)
    lines = [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]
    return json.loads((folder / "handover.json").read_text()), lines, notes


def test_every_object_of_every_file(root: Path, tmp_path: Path) -> None:
    document, lines, notes = handed(root, tmp_path)
    assert [line["meta"]["frame"] for line in lines] == NAMES
    assert [(one["key"], one["kind"]) for one in document["media"]] == [
        *((name, "image") for name in IMAGES),
        (VIDEO, "video"),
    ]
    for task, kind in TASKS.items():
        files = predictions(root / "lightly", task)
        for line in lines:
            written = files[line["meta"]["frame"]]
            found = line["objects"][task]
            assert [CATEGORIES[one["category_id"]] for one in written] == [one[0] for one in found]
            for one, (_, score, shape) in zip(written, found, strict=True):
                assert score == (one["probabilities"][1] if kind == "classification" else one["score"])
                if "segmentation" in one:
                    assert shape == one["segmentation"]
                elif "bbox" in one:
                    assert shape == one["bbox"]
                elif kind == "keypoint-detection":
                    corner = one["keypoints"][:2]
                    assert np.allclose(shape, [*corner, 2, 2])
    objects = sum(
        bool(one["keypoints"]) for file in predictions(root / "lightly", "people").values() for one in file
    )
    assert len(notes) == 1 and f"keypoints of {objects:,} objects are left out" in notes[0]


def test_frames_are_numbered_as_their_names_say(root: Path, tmp_path: Path) -> None:
    document, lines, _ = handed(root, tmp_path)
    (video,) = (one for one in document["media"] if one["kind"] == "video")
    assert (video["frames"], video["digits"], video["complete"]) == (FRAMES, 2, True)
    assert [line["i"] for line in lines if line["m"] == 2] == list(range(FRAMES))
    assert [line.get("last", False) for line in lines] == [True, True, *[False] * (FRAMES - 1), True]


def test_digests_change_with_what_they_are_of(root: Path, tmp_path: Path) -> None:
    before, _, _ = handed(root, tmp_path / "one")
    other = tmp_path / "root"
    shutil.copytree(root, other)
    path = other / "lightly/.lightly/predictions/street/stills/c.json"
    document = json.loads(path.read_text())
    document["predictions"][0]["score"] = 0.123
    path.write_text(json.dumps(document))
    after, _, _ = handed(other, tmp_path / "two")
    changed = [
        (one["key"], task)
        for one, two in zip(before["media"], after["media"], strict=True)
        for task in one["digests"]
        if one["digests"][task] != two["digests"][task]
    ]
    assert ("stills/c.jpg", "street") in changed
    assert {key for key, _ in changed} == {"stills/c.jpg"} and {task for _, task in changed} <= {"street", ""}


def test_the_selection_and_what_is_skipped(root: Path, tmp_path: Path) -> None:
    document, _, _ = handed(root, tmp_path / "one", selected=[NAMES[4], NAMES[0]])
    assert document["selected"] == [{"m": 2, "i": 2}, {"m": 0, "i": 0}]
    document, lines, _ = handed(root, tmp_path / "two", skip=[VIDEO], selected=[NAMES[4], NAMES[0]])
    assert len(lines) == 2 and document["selected"] == [{"m": 0, "i": 0}]
    with pytest.raises(StudioError, match=r"'b\.png' is selected, but is no frame .*select' again"):
        handed(root, tmp_path / "three", selected=["b.png"])
    with pytest.raises(StudioError, match=r"--skip names 'b\.png', which is no input"):
        handed(root, tmp_path / "four", skip=["b.png"])
    with pytest.raises(StudioError, match=r"no task 'cars'; tasks\.json lists 'weather', "):
        handed(root, tmp_path / "five", tasks=["cars"])


def test_vectors_lead_to_their_frames(root: Path, tmp_path: Path) -> None:
    """Of a project's embeddings and of what select has left, in any order; others are left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    state = tmp_path / "state/embeddings/classic-1"
    state.mkdir(parents=True)
    kept = np.arange(4, dtype=np.float32).reshape(2, 2)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(kept.ravel(), pa.float32()), 2)
    stems = pa.array([NAMES[2].removesuffix(".png").encode(), b"gone"], pa.binary())
    pq.write_table(pa.table({"frame": stems, "vector": flat}), state / "a.parquet")
    given = np.random.default_rng(0).random((len(NAMES), 3)).astype(np.float32)
    folder = tmp_path / "folder"
    folder.mkdir()
    named = [("onnx 1234", NAMES[::-1], given)]
    request = Request(
        root / "lightly", root / "input", tmp_path / "state", "a", tmp_path / "out", vectors=named
    )
    hand_over(request, folder)
    first, second = json.loads((folder / "handover.json").read_text())["vectors"]
    assert (first["name"], second["name"]) == ("onnx 1234", "classic-1")
    places = [[0, 0], [1, 0], *([2, index] for index in range(FRAMES))]
    assert first["frames"] == places[::-1] and second["frames"] == [[2, 0]]
    assert np.array_equal(np.load(folder / first["file"]), given)
    assert np.array_equal(np.load(folder / second["file"]), kept[:1])


def test_errors_in_predictions_stop_it(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "root")
    path = tmp_path / "root/lightly/.lightly/predictions/street/stills/c.json"
    path.write_text("{")
    with pytest.raises(StudioError, match=r"predictions with errors: street/stills/c\.json"):
        handed(tmp_path / "root", tmp_path / "out")


def test_orphans_are_told(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "root")
    (tmp_path / "root/input" / IMAGES[0]).unlink()
    _, lines, notes = handed(tmp_path / "root", tmp_path / "out")
    assert len(lines) == len(NAMES) - 1
    assert notes[-1].startswith("1 prediction files are of no input, such as 'stills/c'")


def test_inputs_in_a_bucket_are_copied_once(root: Path, tmp_path: Path) -> None:
    class Remote:
        """As a bucket looks: nothing of it lies on this machine."""

        local_root = None

        def __init__(self) -> None:
            self._store = open_store(root / "input")
            self.read = 0

        def local_file(self, entry: Any) -> Any:
            self.read += 1
            return self._store.local_file(entry)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

    remote = Remote()
    for number in (1, 2):
        folder = tmp_path / f"folder{number}"
        folder.mkdir()
        hand_over(Request(root / "lightly", remote, None, "a", tmp_path), folder)  # type: ignore[arg-type]
        assert remote.read == 3
    document = json.loads((folder / "handover.json").read_text())
    for one in document["media"]:
        assert Path(one["path"]).is_relative_to(tmp_path / "media")
        assert Path(one["path"]).read_bytes() == (root / "input" / one["key"]).read_bytes()


def test_without_lightlystudio_one_sentence_says_what_to_do(root: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    (bare / "bin").mkdir(parents=True)
    python = bare / "bin/python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')  # this Python without any package
    python.chmod(0o755)
    request = Request(root / "lightly", root / "input", None, "a", tmp_path / "out")
    with pytest.raises(StudioError, match=r"not installed for .*lightly-assets\[studio\].*--python"):
        fill_studio(request, str(python))
    with pytest.raises(StudioError, match="--python: 'nowhere' cannot be started"):
        fill_studio(request, "nowhere")
    config = tmp_path / "lightly.yaml"
    config.write_text(
        f"datasource: {{input: {root}/input, lightly: {root}/lightly, state: {tmp_path}/state}}\n"
    )
    arguments = ["studio", "-c", str(config), "--python", str(python), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert json.loads(done.stdout) | {"error": ""} == {"ok": False, "databases": [], "notes": [], "error": ""}
