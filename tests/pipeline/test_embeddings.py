"""Embeddings: one more output of the same pass, stored per input, and made again when something changes."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from lightly_assets.config import load_project
from lightly_assets.models.vectors.descriptor import SIZE, describe
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.running.outcome import RunSummary
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.status import project_status
from tests.pipeline.kills import run as run_and_kill
from tests.pipeline.test_run import decoded as decoded
from tests.pipeline.test_run import run
from tests.projects import SmallProject, positions, read_folder, task, write_image, write_video

# A vector that tells where the bright square is, and how large the picture is.
EMBED = """
import numpy as np
from pathlib import Path

LOG = Path(__file__).with_name("embed.log")


def look(images):
    with LOG.open("a") as log:
        log.write(f"{len(images)}\\n")
    return [vector(image) for image in images]


def vector(image):
    bright = image[:, :, 0].mean(axis=0)
    return [image.shape[0], image.shape[1], bright.argmax(), bright.mean()]
"""
MODEL = {"kind": "python", "call": "embed_model:look", "batch_size": 4}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallProject]:
    small = SmallProject(tmp_path / "project")
    (small.folder / "embed_model.py").write_text(EMBED)
    yield small


def embedding(small: SmallProject, *, objects: bool = False, **model: Any) -> None:
    section = {"model": MODEL | model, "normalise": False}
    small.write(embeddings=section | ({"objects": ["squares"]} if objects else {}))


def described(small: SmallProject) -> int:
    """Pictures that the embedding model was given since the last time."""
    log = small.folder / "embed.log"
    count = sum(map(int, log.read_text().split())) if log.exists() else 0
    log.unlink(missing_ok=True)
    return count


def stored(small: SmallProject, of: str = "images") -> dict[Any, list[float]]:
    """Vectors by file name, or by file name and object, as anybody can read them."""
    found: dict[Any, list[float]] = {}
    for path in sorted((small.state / "embeddings" / of).rglob("*.parquet")):
        table = pq.read_table(path)
        assert str(table.schema.field("vector").type).startswith("fixed_size_list<")
        for row in table.to_pylist():
            found[(row["file_name"], row["object"]) if "object" in row else row["file_name"]] = row["vector"]
    return found


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def own_vector(image: np.ndarray) -> list[float]:
    """What the model above says, without the package."""
    scope: dict[str, Any] = {"__file__": "/nowhere"}
    exec(EMBED, scope)
    found: list[float] = np.array(scope["vector"](image), dtype=np.float32).tolist()
    return found


def test_every_frame_has_its_vector_and_is_decoded_once(small: SmallProject, decoded: list[str]) -> None:
    video = write_video(small.input / "front/a.v2.mp4", positions(11))
    write_image(small.input / "b.png", 20)
    embedding(small)
    assert run(small).ok
    assert decoded == ["a.v2.mp4"]
    frames = frames_of(video)
    expected = {f"front/a.v2-{index:02d}-mp4.png": own_vector(frame) for index, frame in enumerate(frames)}
    found = stored(small)
    still = found.pop("b.png")
    assert found == expected and still[2] == 20
    assert described(small) == 12
    assert run(small).updated == [] and described(small) == 0
    # They are no task: nothing of them is published.
    assert small.read("tasks.json") == ["squares"]
    assert {path.name for path in small.predictions.iterdir()} == {"tasks.json", "squares"}


def test_every_object_has_the_vector_of_its_box(small: SmallProject, decoded: list[str]) -> None:
    video = write_video(small.input / "a.mp4", positions(11))
    embedding(small, objects=True)
    assert run(small).ok and decoded == ["a.mp4"]
    expected = {}
    for index, frame in enumerate(frames_of(video)):
        name = f"a-{index:02d}-mp4"
        for number, one in enumerate(small.read(f"squares/{name}.json")["predictions"]):
            x, y, w, h = map(int, one["bbox"])
            expected[f"{name}.png", number] = own_vector(frame[y : y + h, x : x + w])
    assert stored(small, "objects/squares") == expected
    assert len(expected) == 9


def test_the_descriptor_is_there_without_a_model(small: SmallProject) -> None:
    video = write_video(small.input / "a.mp4", positions(3))
    small.write(embeddings={})
    assert run(small).ok
    found = stored(small)
    for index, frame in enumerate(frames_of(video)):
        vector = np.array(found[f"a-{index}-mp4.png"], dtype=np.float32)
        assert vector.size == SIZE and np.isclose(np.linalg.norm(vector), 1, atol=1e-6)
        assert np.array_equal(vector, describe(frame))


def test_what_changes_is_made_again_and_nothing_else(small: SmallProject, decoded: list[str]) -> None:
    write_video(small.input / "a.mp4", positions(6))
    write_video(small.input / "b.mp4", positions(4))
    embedding(small, objects=True)
    run(small)
    before, small_calls = stored(small), small.images_seen()
    assert small_calls == 10
    described(small)
    decoded.clear()
    # A threshold changes which objects there are: they are described anew, of boxes that are stored.
    small.write(tasks=[task("squares", score_threshold=0.33)])
    assert run(small).ok and small.images_seen() == 0 and sorted(decoded) == ["a.mp4", "b.mp4"]
    left = list(stored(small, "objects/squares"))
    assert all(small.read(f"squares/{name[:-4]}.json")["predictions"] for name, _ in left)
    assert described(small) == len(left) > 0 and stored(small) == before
    # Another content, and another model.
    write_video(small.input / "b.mp4", positions(5))
    run(small)
    assert len(stored(small)) == 11 and described(small) == 5 + sum(name[0] == "b" for name, _ in left)
    (small.folder / "embed_model.py").write_text(EMBED.replace("bright.argmax()", "bright.argmin()"))
    small.images_seen()
    run(small)
    assert described(small) == 11 + len(stored(small, "objects/squares")) and small.images_seen() == 0
    # Replaced tables go with the run that replaces them, those of removed inputs with gc.
    (small.input / "b.mp4").unlink()
    with Session(load_project(small.config)) as session:
        collect(session)
    assert {name[0] for name in stored(small)} == {"a"}
    small.write(embeddings=None)
    with Session(load_project(small.config)) as session:
        collect(session)
        assert session.warehouse.garbage.unused_tables() == []
    assert stored(small) == {} and stored(small, "objects/squares") == {}


def test_added_later_they_take_the_boxes_that_are_stored(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(6))
    run(small)
    small.images_seen()
    embedding(small, objects=True)
    assert run(small).ok and small.images_seen() == 0
    assert len(stored(small)) == 6 and len(stored(small, "objects/squares")) == 5


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ("[float('nan'), 1]", "has NaN or infinite numbers"),
        ("[1e300, 1]", "has NaN or infinite numbers"),
        ("[[1, 2], [3, 4]]", "the embedding is (2, 2)"),
        ("[1] * (1 + image[24, 40, 0] // 128)", "has 2 numbers, but others have 1"),
        ("['a']", "embedding"),
        ("[]", "it must be D numbers for each image"),
    ],
)
def test_bad_vectors_are_a_sentence_and_stop_nothing_else(
    small: SmallProject, returned: str, sentence: str
) -> None:
    write_image(small.input / "a.png", None)
    write_image(small.input / "b.png", 35)
    (small.folder / "embed_model.py").write_text(
        f"def look(images):\n    return [{returned} for image in images]"
    )
    embedding(small, batch_size=1)
    summary = run(small)
    assert summary.failed and all(sentence in one["error"] for one in summary.failed)
    assert {one["task"] for one in summary.failed} == {"_embeddings"}
    assert len(read_folder(small.predictions / "squares")) == 3, "predictions are published all the same"


def test_zeros_cannot_be_made_of_length_one(small: SmallProject) -> None:
    write_image(small.input / "a.png", None)
    (small.folder / "embed_model.py").write_text("def look(images):\n    return [[0, 0] for image in images]")
    small.write(embeddings={"model": MODEL})
    assert "all zeros" in run(small).failed[0]["error"]
    small.write(embeddings={"model": MODEL, "normalise": False})
    assert run(small).ok and stored(small) == {"a.png": [0, 0]}


def test_another_length_needs_another_version(small: SmallProject) -> None:
    write_image(small.input / "one/a.png", 10)
    embedding(small, version="1")
    assert run(small).ok
    (small.folder / "embed_model.py").write_text("def look(images):\n    return [[1, 2] for image in images]")
    write_image(small.input / "one/b.png", 20)
    write_image(small.input / "two/c.png", 20)
    errors = [one["error"] for one in run(small).failed]
    assert len(errors) == 2 and all("another version" in error for error in errors)
    assert set(stored(small)) == {"one/a.png"}
    embedding(small, version="2")
    assert run(small).ok and set(map(len, stored(small).values())) == {2}


def test_objects_of_a_task_that_fails_fail_alone(small: SmallProject) -> None:
    model = small.folder / "square_model.py"
    good = model.read_text()
    model.write_text(good.replace('"bbox": [x', '"bbox": ["bad"'))
    write_video(small.input / "a.mp4", positions(6))
    embedding(small, objects=True)
    summary = run(small)
    assert [one["input"] for one in summary.failed] == ["a.mp4"]
    assert len(stored(small)) == 6 and stored(small, "objects/squares") == {}
    with Session(load_project(small.config)) as session:
        assert set(session.failures()["a.mp4"]) == {"squares", "_embeddings.squares"}
    model.write_text(good)
    assert run(small).ok and len(stored(small, "objects/squares")) == 5


def test_without_any_object_there_is_no_table_and_nothing_to_do(small: SmallProject) -> None:
    write_image(small.input / "a.png", None)
    embedding(small, objects=True)
    assert run(small).ok
    assert stored(small, "objects/squares") == {} and run(small).updated == []
    write_image(small.input / "b.png", 10)
    assert run(small).ok and set(stored(small, "objects/squares")) == {("b.png", 0)}


def test_lost_tables_are_made_again(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(6))
    embedding(small, objects=True)
    run(small)
    before = stored(small, "objects/squares")
    for path in (small.state / "singletons").rglob("*.parquet"):
        path.unlink()
    # The boxes are in none of the tables any more, so they are encoded again.
    (small.folder / "embed_model.py").write_text(EMBED + "\n")
    summary = run(small)
    assert summary.ok, summary.failed
    assert stored(small, "objects/squares") == before


def test_status_tells_of_them(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(6))
    run(small)
    embedding(small, objects=True)
    with Session(load_project(small.config)) as session:
        status = project_status(session)
        assert status.stale == {"a.mp4": {"_embeddings": "predictions", "_embeddings.squares": "predictions"}}
        assert "  a.mp4: embeddings, embeddings of squares" in list(status.to_lines(5))
    run(small)
    with Session(load_project(small.config)) as session:
        status = project_status(session)
    assert status.stale == {} and status.removed_tasks == []
    assert status.embeddings["embeddings of squares"] == {"inputs": 1, "vectors": 5}
    json.dumps(status.to_json())


@pytest.mark.parametrize("deadly", [3, 6, 9])
def test_killed_at_any_moment_the_next_run_heals(tmp_path: Path, deadly: int) -> None:
    whole = SmallProject(tmp_path / "whole")
    (whole.folder / "embed_model.py").write_text(EMBED)
    write_video(whole.input / "a.mp4", positions(6))
    write_image(whole.input / "b.png", 20)
    embedding(whole, objects=True)
    killed = SmallProject.at(shutil.copytree(whole.folder, tmp_path / "killed"))
    assert run_and_kill(whole.config, 0)
    run_and_kill(killed.config, deadly)
    summary = run(killed)
    assert summary.ok, summary.failed
    for of in ("images", "objects/squares"):
        assert stored(killed, of) == stored(whole, of)
    assert killed.files() == whole.files()
    with Session(load_project(killed.config)) as session:
        session.warehouse.state.delete_many(session.warehouse.garbage.unused_tables())
    assert read_folder(killed.state / "embeddings") == read_folder(whole.state / "embeddings")


def test_a_summary_counts_vectors(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(6))
    embedding(small, objects=True)
    summary: RunSummary = run(small)
    assert summary.vectors == {"_embeddings": 6, "_embeddings.squares": 5}
