"""What was filled in, read back with LightlyStudio itself, beside the prediction files read as plain JSON.

Run by `make test-studio`.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

os.environ.setdefault("LIGHTLY_STUDIO_ANALYTICS_ENABLED", "false")
from lightly_studio import ImageDataset, VideoDataset
from lightly_studio.api.routes.video_frames_media import _decode_video_frame
from lightly_studio.core.annotation import CreateObjectDetection, CreateSegmentationMask
from lightly_studio.database import db_manager
from lightly_studio.resolvers import collection_embedding_model_resolver, sample_embedding_resolver

from lightly_assets.cli import app
from lightly_assets.documents import DOCUMENTS
from lightly_assets.media import open_video
from lightly_assets.studio.errors import StudioError
from lightly_assets.studio.filling import fill_studio
from lightly_assets.studio.handover import Request, databases
from tests.projects import positions, write_video
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

NAME = "awkward 'name'"
Found = dict[str, dict[str, list[Any]]]


def request(root: Path, **options: Any) -> Request:
    return Request(
        root / "lightly", root / "input", root / "state", "awkward 'name'", root / "out", **options
    )


@contextmanager
def opened(root: Path, kind: str) -> Iterator[Any]:
    """The frames of a database, as LightlyStudio gives them."""
    db_manager.connect(db_file=str(databases(root / "out")[kind]), must_exist=True)
    try:
        yield ImageDataset.load(NAME) if kind == "image" else VideoDataset.load(NAME).frames()
    finally:
        db_manager.close()


def read_back(root: Path) -> tuple[Found, dict[str, dict[str, Any]]]:
    """Annotations by frame and source, each as plain values; and metadata and tags of frames."""
    found: Found = {}
    about: dict[str, dict[str, Any]] = {}
    for kind in ("image", "video"):
        with opened(root, kind) as frames:
            for sample in frames:
                name = sample.metadata["frame"]
                sources: dict[str, list[Any]] = {}
                for one in sample.annotations:
                    box = [one.x, one.y, one.width, one.height] if hasattr(one, "x") else None
                    mask = one.segmentation_mask if hasattr(one, "segmentation_mask") else None
                    values = (one.class_name, one.confidence, box, mask)
                    sources.setdefault(one.annotation_source, []).append(
                        (*values, one.annotation_base.sample_id)
                    )
                assert name not in found, "no frame is there twice"
                found[name] = sources
                about[name] = {
                    "tags": sample.tags,
                    "id": sample.sample_id,
                    "metadata": dict(sample.sample_table.metadata_dict.data),
                    "number": getattr(sample, "frame_number", None),
                    "path": sample.parent_video.file_path_abs if kind == "video" else sample.file_path_abs,
                }
    return found, about


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("studio")
    write_input(root / "input")
    write_predictions(root / "lightly")
    (root / "state").mkdir()
    fill_studio(request(root, selected=[NAMES[5], NAMES[0]]))
    return root


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Path:
    """A copy that may be changed; its own database, because paths are absolute."""
    for folder in ("input", "lightly", "state"):
        shutil.copytree(filled / folder, tmp_path / folder)
    fill_studio(request(tmp_path, selected=[NAMES[5], NAMES[0]]))
    return tmp_path


class Size:
    """Of a frame, for LightlyStudio's own reading of run lengths."""

    width, height = 96, 64


def expected(kind: str, one: dict[str, Any]) -> tuple[Any, ...]:
    """A prediction as LightlyStudio can hold it; the boxes of masks are LightlyStudio's own."""
    name = CATEGORIES[one["category_id"]]
    if kind == "classification":
        return name, one["probabilities"][1], None, None
    if "segmentation" in one:
        made = CreateSegmentationMask.from_rle_mask(name, one["segmentation"], Size())  # type: ignore[arg-type]
        return name, one["score"], [made.x, made.y, made.width, made.height], one["segmentation"]
    points = np.array(one["keypoints"]).reshape(-1, 3) if kind == "keypoint-detection" else np.empty((0, 3))
    hull = [*points.min(axis=0)[:2], *np.ptp(points, axis=0)[:2]] if len(points) else None
    x, y, w, h = one.get("bbox") or hull
    left, top, right, bottom = (round(value) for value in (x, y, x + w, y + h))
    return name, one["score"], [left, top, max(1, right - left), max(1, bottom - top)], None


def test_everything_is_there_as_the_files_say(filled: Path) -> None:
    found, about = read_back(filled)
    assert found.keys() == set(NAMES)
    for task, kind in TASKS.items():
        for name, written in predictions(filled / "lightly", task).items():
            there = [one[:4] for one in found[name].get(task, [])]
            wanted = [expected(kind, one) for one in written]
            assert len(there) == len(wanted), (task, name)
            key = lambda one: json.dumps([one[0], round(one[1], 5), one[2], one[3]])  # noqa: E731
            for one, other in zip(sorted(there, key=key), sorted(wanted, key=key), strict=True):
                assert one[0] == other[0] and one[2:] == other[2:]
                assert one[1] == pytest.approx(other[1], abs=1e-6)  # LightlyStudio keeps 32 bits
    assert {name for name in NAMES if about[name]["tags"] == {"selected"}} == {NAMES[5], NAMES[0]}
    assert all(about[name]["tags"] <= {"selected"} for name in NAMES)
    assert [about[name]["number"] for name in NAMES] == [None, None, *range(FRAMES)]
    scores = about[NAMES[3]]["metadata"]
    share = predictions(filled / "lightly", "weather")[NAMES[3]][0]["probabilities"]
    assert scores["weather uncertainty_margin"] == pytest.approx(1 - abs(share[0] - share[1]), abs=1e-5)


def test_the_frames_are_those_of_the_names(filled: Path) -> None:
    """The pixels that LightlyStudio shows for a frame are those that the models saw."""
    shown: dict[int, Any] = {}
    with opened(filled, "video") as frames:
        for one in frames:
            args = (
                one.parent_video.file_path_abs,
                one.frame_number,
                one.sample_table and one.inner.frame_timestamp_pts,
            )
            shown[one.frame_number] = _decode_video_frame(*args).to_ndarray(format="rgb24")
    with open_video(filled / "input" / VIDEO) as stream:
        for frame in stream:
            assert np.array_equal(shown.pop(frame.index), frame.image)
    assert not shown


def test_again_nothing_changes_and_what_people_added_stays(root: Path) -> None:
    before, _ = read_back(root)
    with opened(root, "video") as frames:
        sample = frames.get_sample(frames[:1].to_list()[0].sample_id)
        sample.add_tag("mine")
        box = CreateObjectDetection(class_name="mine", x=1, y=2, width=3, height=4)
        sample.add_annotation(box, annotation_source="mine")
        mine = sample.metadata["frame"]
    again = fill_studio(request(root))
    assert again.counts["changed"] == 0 and again.counts["objects"] == sum(
        len(rows) for task in TASKS for rows in predictions(root / "lightly", task).values()
    )
    after, about = read_back(root)
    assert after[mine].pop("mine")[0][0] == "mine"
    assert after == before  # with the ids of annotations
    assert "mine" in about[mine]["tags"]
    # Without a selection the tag stays as it is; another selection moves it.
    assert {name for name in NAMES if "selected" in about[name]["tags"]} == {NAMES[5], NAMES[0]}
    fill_studio(request(root, selected=[NAMES[1]]))
    _, about = read_back(root)
    assert {name for name in NAMES if "selected" in about[name]["tags"]} == {NAMES[1]}
    assert "mine" in about[mine]["tags"]


def test_only_what_has_changed_is_done_again(root: Path) -> None:
    before, _ = read_back(root)
    path = root / "lightly/.lightly/predictions/street/stills/c.json"
    document = json.loads(path.read_text())
    document["predictions"] = document["predictions"][:1]
    path.write_text(json.dumps(document))
    assert fill_studio(request(root)).counts["changed"] == 1
    after, _ = read_back(root)
    (one,) = after[IMAGES[0]].pop("street")
    wanted = expected("semantic-segmentation", document["predictions"][0])
    assert (one[0], *one[2:4]) == (wanted[0], *wanted[2:])
    before[IMAGES[0]].pop("street")
    assert after == before


def test_a_task_alone_leaves_the_others(root: Path) -> None:
    before, _ = read_back(root)
    shutil.rmtree(root / "lightly")
    write_predictions(root / "lightly", seed=1)
    fill_studio(request(root, tasks=["people"]))
    after, _ = read_back(root)
    for name in NAMES:
        wanted = len(predictions(root / "lightly", "people")[name])
        assert len(after[name].pop("people", [])) == wanted
        before[name].pop("people", None)
    assert after == before


def test_inputs_that_changed_or_are_gone(root: Path) -> None:
    _, before = read_back(root)
    write_video(root / "input" / VIDEO, positions(FRAMES)[::-1])
    (root / "input" / IMAGES[0]).unlink()
    for path in (root / "lightly").rglob("c.json"):
        path.unlink()
    done = fill_studio(request(root, selected=[NAMES[5]]))
    assert done.counts["removed"] == 1
    found, about = read_back(root)
    assert found.keys() == set(NAMES) - {IMAGES[0]}
    assert all(about[name]["id"] != before[name]["id"] for name in NAMES[2:])
    assert about[IMAGES[1]]["id"] == before[IMAGES[1]]["id"]
    for task in TASKS:
        for name, written in predictions(root / "lightly", task).items():
            assert len(found[name].get(task, [])) == len(written)
    assert about[NAMES[5]]["tags"] == {"selected"}


def counted(found: Found) -> Counter[Any]:
    return Counter((name, task, len(rows)) for name, by in found.items() for task, rows in by.items())


@pytest.mark.parametrize("lost", ["all", "half a line"])
def test_what_a_kill_left_behind_is_mended(root: Path, lost: str) -> None:
    before, _ = read_back(root)
    for path in (root / "out").glob("*.filled"):
        path.write_text("" if lost == "all" else path.read_text()[:-40])
    fill_studio(request(root))
    after, _ = read_back(root)
    count = Counter((name, task, len(rows)) for name, by in before.items() for task, rows in by.items())
    assert count == Counter(
        (name, task, len(rows)) for name, by in after.items() for task, rows in by.items()
    )


def test_vectors_of_the_state(root: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    folder = root / "state/embeddings/classic-1"
    folder.mkdir(parents=True)
    stems = [name.rpartition(".")[0].encode() for name in NAMES]
    for _ in range(2):
        vectors = random.random((len(NAMES), 8)).astype(np.float32)
        vectors[0] = 0.5  # stays
        flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), 8)
        pq.write_table(
            pa.table({"frame": pa.array(stems, pa.binary()), "vector": flat}), folder / "a.parquet"
        )
        assert fill_studio(request(root)).counts["vectors"] == len(NAMES)
        for kind, part in (("image", NAMES[:2]), ("video", NAMES[2:])):
            with opened(root, kind) as frames:
                model = collection_embedding_model_resolver.get_default_by_collection_id(
                    session=frames.session, collection_id=frames.collection_id
                )
                ids = {one.metadata["frame"]: one.sample_id for one in frames}
                rows = sample_embedding_resolver.get_by_sample_ids(
                    session=frames.session, sample_ids=[ids[name] for name in part], embedding_model_id=model
                )
                places = [NAMES.index(name) for name in part]
                assert np.array_equal(np.array([row.embedding for row in rows], np.float32), vectors[places])


def test_frames_that_studio_counts_otherwise_are_refused(root: Path) -> None:
    """Predictions of eleven frames of a video of twelve: one of them is of another frame, or none."""
    write_video(root / "input" / VIDEO, positions(FRAMES - 1))
    with pytest.raises(StudioError, match=r"decodes 11 frames of .*but the predictions are of 12; --skip"):
        fill_studio(request(root))
    done = fill_studio(request(root, skip=[VIDEO]))
    assert done.counts["frames"] == 2


def test_a_database_that_is_open_elsewhere(root: Path) -> None:
    program = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    path = str(root / "out/images.db")
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        with pytest.raises(StudioError, match="is open in another program"):
            fill_studio(request(root))
        other.communicate(b"\n")
    assert fill_studio(request(root)).counts["changed"] == 0


def test_the_document_of_the_command(root: Path) -> None:
    config = root / "lightly.yaml"
    roots = {name: name for name in ("input", "lightly", "state")}
    config.write_text(json.dumps({"datasource": roots}))
    done = CliRunner().invoke(app, ["studio", "-c", str(config), "--json"])
    found = DOCUMENTS["studio"].model_validate_json(done.stdout).model_dump()
    assert found["ok"] and found["frames"] == len(NAMES) and len(found["databases"]) == 2


def test_what_is_shown_turned_is_told(root: Path) -> None:
    picture, exif = Image.new("RGB", (96, 64)), Image.Exif()
    exif[0x0112] = 6
    picture.save(root / "input" / IMAGES[0], exif=exif)
    note = fill_studio(request(root)).notes[-1]
    assert note.startswith(f"1 inputs such as '{IMAGES[0]}' are shown turned")
