"""A run without Dagster: what is published, what a second run does, and what fails alone."""

import gc
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from labelformat.formats import LightlyObjectDetectionInput
from PIL import Image

from lightly_assets.checker.check import check
from lightly_assets.config import load_project
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.inputs import listing as inputs_module
from lightly_assets.pipeline.inputs import pixels as reading
from lightly_assets.pipeline.planning.plan import Selection
from lightly_assets.pipeline.running.outcome import RunSummary
from lightly_assets.pipeline.running.unit_state import TaskState, UnitState
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state.index import Index
from lightly_assets.pipeline.state.records import Record
from lightly_assets.pipeline.status import project_status
from lightly_assets.storage import open_store
from tests.projects import SmallProject, picture, positions, read_folder, task, write_image, write_video


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallProject]:
    yield SmallProject(tmp_path / "project")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of videos whose pixels were decoded, or that were counted."""
    names: list[str] = []
    for function in ("open_video", "probe"):
        real = getattr(reading, function)

        def noting(path: str, *, _real: object = real, **options: object) -> object:
            names.append(Path(path).name)
            return _real(path, **options)  # type: ignore[operator]

        monkeypatch.setattr(reading, function, noting)
    return names


def run(small: SmallProject, selection: Selection | None = None, keys: list[str] | None = None) -> RunSummary:
    with Session(load_project(small.config)) as session:
        plan = session.plan(selection, keys)
        summary = RunSummary(inputs=len(session.scan.inputs), unchanged=len(plan.unchanged))
        summary.fail(plan.problems)
        for outcome in session.run(plan, sheets=False):
            summary.add(outcome)
        for name, problem in session.finish().items():
            summary.failed.append({"input": None, "task": name, "error": problem})
    return summary


def two_videos_and_images(small: SmallProject) -> None:
    write_video(small.input / "front/drive 1.v2.mp4", positions(23))
    write_video(small.input / "rear/loop.MOV", positions(9))
    write_image(small.input / "stills/here.png", 30)
    write_image(small.input / "stills/empty.jpg", None)
    write_image(small.input / "root.PNG", 8)


def page_script(dataset: Path, predictions_dir: Path, model: Path) -> None:
    """The specification's script for videos (and its rule for images), with the model of the project."""
    scope: dict[str, object] = {"__file__": str(model)}
    exec(model.read_text(), scope)
    model_predict = scope["boxes"]
    for path in (path for path in dataset.rglob("*") if path.suffix.lower() in (".mp4", ".mov")):
        predictions = []
        with av.open(str(path)) as container:
            for frame in container.decode(container.streams.video[0]):
                predictions.append(model_predict(frame.to_ndarray(format="rgb24")))  # type: ignore[operator]
        padding = len(str(len(predictions)))
        for index, found in enumerate(predictions):
            name = Path(
                f"{path.relative_to(dataset).with_suffix('')}-{index:0{padding}}-{path.suffix[1:]}.png"
            )
            _dump(predictions_dir / name.with_suffix(".json"), str(name), found)
    for path in (path for path in dataset.rglob("*") if path.suffix.lower() in (".png", ".jpg")):
        found = model_predict(np.asarray(Image.open(path)))  # type: ignore[operator]
        name = path.relative_to(dataset)
        _dump(predictions_dir / name.with_suffix(".json"), str(name), found)


def _dump(path: Path, file_name: str, predictions: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        json.dump({"file_name": file_name, "predictions": predictions}, file)


def test_every_file_equals_that_of_the_pages_own_script(small: SmallProject, tmp_path: Path) -> None:
    two_videos_and_images(small)
    summary = run(small)
    assert summary.ok and summary.frames == 23 + 9 + 3

    page_script(small.input, tmp_path / "reference", small.folder / "square_model.py")
    written = read_folder(small.predictions / "squares")
    assert json.loads(written.pop("schema.json")) == {
        "task_type": "object-detection",
        "categories": [{"id": 0, "name": "square"}],
    }
    assert written == read_folder(tmp_path / "reference")
    assert len(written) == 35
    assert small.read("tasks.json") == ["squares"]


def test_the_boxes_are_where_the_squares_are(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(12))
    run(small)
    for index, position in enumerate(positions(12)):
        content = small.read(f"squares/a-{index:02d}-mp4.json")
        assert content["file_name"] == f"a-{index:02d}-mp4.png"
        boxes = [one["bbox"] for one in content["predictions"]]
        assert boxes == ([] if position is None else [[position, 24, 16, 16]])


def test_labelformat_reads_the_folder(small: SmallProject, tmp_path: Path) -> None:
    write_video(small.input / "sub/a.b.mp4", positions(12))
    write_image(small.input / "stills/here.png", 30)
    run(small)
    # The reader wants the images, which the Worker extracts from the video by itself.
    images = tmp_path / "images"
    shutil.copytree(small.input / "stills", images / "stills")
    (images / "sub").mkdir()
    for index, position in enumerate(positions(12)):
        write_image(images / f"sub/a.b-{index:02d}-mp4.png", position)
    folder = small.predictions / "squares"
    reader = LightlyObjectDetectionInput(folder, images_rel_path=os.path.relpath(images, folder))
    found = {
        label.image.filename: [
            (one.box.xmin, one.box.ymin, one.box.xmax, one.box.ymax) for one in label.objects
        ]
        for label in reader.get_labels()
    }
    truth = {f"sub/a.b-{index:02d}-mp4.png": x for index, x in enumerate(positions(12))} | {
        "stills/here.png": 30
    }
    assert found == {name: [] if x is None else [(x, 24, x + 16, 40)] for name, x in truth.items()}


def test_the_folder_passes_its_check_and_a_second_run_does_nothing(
    small: SmallProject, decoded: list[str]
) -> None:
    two_videos_and_images(small)
    run(small)
    report = check(small.lightly, small.input)
    assert report.ok and report.findings == [] and report.files == 35
    before, _, _ = small.files(), small.calls(), decoded.clear()
    summary = run(small)
    assert (summary.updated, summary.unchanged, summary.files_written, summary.frames) == ([], 5, 0, 0)
    assert small.calls() == [] and decoded == []
    assert small.files() == before


def test_two_tasks_share_one_decode(small: SmallProject, decoded: list[str]) -> None:
    write_video(small.input / "a.mp4", positions(10))
    small.write(tasks=[task("squares"), task("others", "square_model:find_other", batch_size=3)])
    run(small)
    assert decoded == ["a.mp4"]
    assert sorted(small.calls()) == sorted(
        ["find 4", "find 4", "find 2", *["find_other 3"] * 3, "find_other 1"]
    )


def test_batches_fill_across_videos(small: SmallProject) -> None:
    for name in "abcd":
        write_video(small.input / f"{name}.mp4", positions(3))
    run(small)
    assert small.calls() == ["find 4"] * 3


def test_a_model_that_draws_on_its_images_changes_them_for_nobody_else(small: SmallProject) -> None:
    (small.folder / "vandal.py").write_text(
        "def predict(images):\n    images[:] = 0\n    return [[] for _ in images]\n"
    )
    two_videos_and_images(small)
    assert run(small).ok
    alone = {name: data for name, data in small.files().items() if name.startswith("squares/")}
    small.write(tasks=[task("vandal", "vandal:predict"), task("squares"), task("other", "vandal:predict")])
    small.write(frames={"export": "png"}, datasource=small.settings["datasource"] | {"state": "./anew"})
    for path in small.predictions.rglob("*.json"):
        path.unlink()
    assert run(small).ok
    assert {name: data for name, data in small.files().items() if name.startswith("squares/")} == alone
    pictures = sorted((small.folder / "anew").rglob("*.png"))
    assert len(pictures) > 12
    assert all(np.asarray(Image.open(path)).any() for path in pictures)


def test_a_threshold_changes_files_without_the_model(small: SmallProject, decoded: list[str]) -> None:
    write_video(small.input / "a.mp4", positions(20))
    run(small)
    small.calls(), decoded.clear()
    before = small.files()
    small.write(tasks=[task("squares", score_threshold=0.4)])
    summary = run(small)
    assert small.calls() == [] and decoded == [] and summary.frames == 0
    after = small.files()
    changed = {name for name in after if after[name] != before[name]}
    # Of the visible squares those left of column 20 score below 0.4.
    expected = {i for i, x in enumerate(positions(20)) if x is not None and 0.3 + x / 200 < 0.4}
    assert changed == {f"squares/a-{index:02d}-mp4.json" for index in expected}
    assert summary.files_written == len(changed)


def test_a_new_model_makes_only_its_own_task_stale(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(6))
    small.write(tasks=[task("squares"), task("others", "square_model:find_other")])
    run(small)
    small.calls()
    small.write(tasks=[task("squares"), task("others", "square_model:find_other", version="2")])
    with Session(load_project(small.config)) as session:
        assert project_status(session).stale == {"a.mp4": {"others": "predictions"}}
    run(small)
    assert small.calls() == ["find_other 4", "find_other 2"]


def test_a_longer_video_gets_new_names_and_the_old_ones_go(small: SmallProject, tmp_path: Path) -> None:
    write_video(small.input / "sub/a.mp4", positions(9))
    write_video(small.input / "sub/b.mp4", positions(4))
    run(small)
    assert (small.predictions / "squares/sub/a-8-mp4.json").exists()
    write_video(small.input / "sub/a.mp4", positions(11))
    summary = run(small)
    assert summary.updated == ["sub/a.mp4"] and summary.files_deleted == 9
    fresh = SmallProject(tmp_path / "fresh")
    shutil.copytree(small.input, fresh.input, dirs_exist_ok=True)
    run(fresh)
    assert small.files() == fresh.files()
    # And back: fewer digits again.
    write_video(small.input / "sub/a.mp4", positions(9))
    run(small)
    assert sum("/a-" in name for name in small.files()) == 9


def test_what_fails_fails_alone_and_says_why(small: SmallProject) -> None:
    two_videos_and_images(small)
    good = (small.input / "rear/loop.MOV").read_bytes()
    (small.input / "rear/cut.mp4").write_bytes(good[: len(good) // 2])
    (small.input / "stills/broken.png").write_bytes(b"no image")
    write_image(small.input / "twins/a.png", 3)
    write_image(small.input / "twins/a.jpg", 3)
    summary = run(small)
    assert sorted(one["input"] for one in summary.failed) == [
        "rear/cut.mp4",
        "stills/broken.png",
        "twins/a.jpg",
        "twins/a.png",
    ]
    assert all(one["input"].rpartition("/")[2].split(".")[0] in one["error"] for one in summary.failed)
    assert str(small.folder) not in json.dumps(summary.to_json())
    written = small.files()
    assert len(written) == 35 + 2
    assert not any("cut" in name or "broken" in name or "twins" in name for name in written)
    # Nothing is done twice, and the failures are still told.
    small.calls()
    again = run(small)
    assert len(again.failed) == 4 and small.calls() == []
    # Put right, it is published; and what is gone is forgotten.
    shutil.copy(small.input / "rear/loop.MOV", small.input / "rear/cut.mp4")
    (small.input / "stills/broken.png").unlink()
    (small.input / "twins/a.jpg").unlink()
    assert run(small).ok
    with Session(load_project(small.config)) as session:
        assert session.failures() == {}


def test_an_input_whose_files_cannot_be_named_or_are_in_the_way_of_others_fails_alone(
    small: SmallProject,
) -> None:
    deep = "/".join(["d" * 198] * 5)
    for key in ("a.mp4", f"{deep}/x.mp4", f"{'n' * 250}.mp4", "cam/b.mp4"):
        write_video(small.input / key, positions(5))
    for key in (f"{'i' * 251}.png", "i.png"):
        write_image(small.input / key, 3)
    small.predictions.mkdir(parents=True)
    (small.predictions / "squares").mkdir()
    (small.predictions / "squares" / "cam").write_text("a file of somebody else")
    for _ in range(2):
        summary = run(small)
        failed = {one["input"]: one["error"] for one in summary.failed}
        assert sorted(failed) == ["cam/b.mp4", f"{deep}/x.mp4", f"{'i' * 251}.png", f"{'n' * 250}.mp4"]
        assert "over 1024 bytes" in failed[f"{deep}/x.mp4"] and "over 255" in failed[f"{'n' * 250}.mp4"]
        assert "a file stands where a folder is needed" in failed["cam/b.mp4"]
    assert small.read("tasks.json") == ["squares"]
    assert len([name for name in small.files() if "/a-" in name or "/i.json" in name]) == 5 + 1


def test_a_model_that_raises_on_one_frame_costs_one_video(small: SmallProject) -> None:
    bad = """
def find(images):
    if any(image[30, 50].sum() > 500 for image in images):
        raise RuntimeError("out of luck")
    return [[] for _ in images]
"""
    (small.folder / "square_model.py").write_text(bad)
    write_video(small.input / "a.mp4", [0, 2, 4])
    write_video(small.input / "b.mp4", [0, 48, 4])
    write_video(small.input / "c.mp4", [0, 2, 4])
    summary = run(small)
    assert [one["input"] for one in summary.failed] == ["b.mp4"]
    error = summary.failed[0]["error"]
    assert "squares" in error and "b.mp4" in error and "out of luck" in error
    assert sorted({name.split("-")[0] for name in small.files() if "mp4" in name}) == [
        "squares/a",
        "squares/c",
    ]


def test_one_bad_result_is_named_with_its_frame(small: SmallProject) -> None:
    code = """
def find(images):
    return [[{"category_id": 7, "bbox": [0, 0, 5, 5], "score": 0.5}] for _ in images]
"""
    (small.folder / "square_model.py").write_text(code)
    write_video(small.input / "a.mp4", positions(3))
    summary = run(small)
    (failed,) = summary.failed
    assert "task 'squares'" in failed["error"] and "a.mp4, frame 0" in failed["error"]
    assert "7" in failed["error"]
    assert small.files() == {}


def test_a_failing_task_leaves_the_other_alone(small: SmallProject) -> None:
    code = (small.folder / "square_model.py").read_text() + "\ndef broken(images):\n    return None\n"
    (small.folder / "square_model.py").write_text(code)
    write_video(small.input / "a.mp4", positions(3))
    small.write(tasks=[task("squares"), task("broken", "square_model:broken")])
    summary = run(small)
    assert [one["task"] for one in summary.failed] == ["broken"]
    assert small.read("tasks.json") == ["squares"]
    assert sum(name.startswith("squares/a-") for name in small.files()) == 3


def test_lost_files_come_back_with_the_same_bytes(small: SmallProject) -> None:
    two_videos_and_images(small)
    run(small)
    before = small.files()
    small.calls()
    for name in (
        "tasks.json",
        "squares/schema.json",
        "squares/stills/here.json",
        "squares/rear/loop-3-MOV.json",
    ):
        (small.predictions / name).unlink()
    summary = run(small)
    assert summary.files_written == 2 and small.calls() == []
    assert small.files() == before


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:300])])
@pytest.mark.parametrize(
    ("stages", "asked"), [(("singletons",), False), (("singletons", "predictions"), True)]
)
def test_stored_tables_that_are_lost_or_damaged_are_made_again(
    small: SmallProject, stages: tuple[str, ...], asked: bool, damage: Callable[[Path], object]
) -> None:
    two_videos_and_images(small)
    run(small)
    before = small.files()
    small.calls()
    for stage in stages:
        (table,) = (small.state / stage).rglob("*loop*.parquet")
        damage(table)
    (small.predictions / "squares/rear/loop-3-MOV.json").unlink()
    summary = run(small)
    assert summary.ok and summary.updated == ["rear/loop.MOV"]
    assert bool(small.calls()) == asked
    assert small.files() == before
    assert run(small).updated == []


def test_lost_predictions_are_made_again_for_a_new_threshold(small: SmallProject) -> None:
    two_videos_and_images(small)
    run(small)
    for table in (small.state / "predictions").rglob("*.parquet"):
        table.unlink()
    small.write(tasks=[task("squares", score_threshold=0.5)])
    assert run(small).ok
    assert run(small).updated == []
    assert check(small.lightly, small.input).ok


def test_foreign_tasks_stay_and_a_corrupt_list_is_never_overwritten(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(3))
    small.predictions.mkdir(parents=True)
    (small.predictions / "tasks.json").write_text('["theirs"]')
    run(small)
    assert small.read("tasks.json") == ["theirs", "squares"]
    (small.predictions / "tasks.json").write_text('["theirs"')
    summary = run(small)
    assert not summary.ok and "tasks.json" in summary.failed[0]["error"]
    assert (small.predictions / "tasks.json").read_text() == '["theirs"'


def test_a_removed_input_is_an_orphan_until_gc(small: SmallProject) -> None:
    two_videos_and_images(small)
    run(small)
    (small.input / "rear/loop.MOV").unlink()
    foreign = small.predictions / "squares/rear/notes.txt"
    foreign.write_text("mine")
    assert run(small).ok
    with Session(load_project(small.config)) as session:
        assert len(project_status(session).orphans) == 9
        assert len(collect(session, dry_run=True).files) == 9
    assert sum("loop" in name for name in small.files()) == 9
    with Session(load_project(small.config)) as session:
        collect(session)
        assert project_status(session).orphans == []
    assert not any("loop" in name for name in small.files())
    assert foreign.exists()
    assert not list(small.state.rglob("*loop*"))


def test_a_paused_input_is_left_alone_until_it_is_resumed(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(3))
    with Session(load_project(small.config)) as session:
        session.pause("a.mp4", "wrong camera")
    assert run(small).updated == []
    with Session(load_project(small.config)) as session:
        assert project_status(session).quarantined == {"a.mp4": "wrong camera"}
        session.resume("a.mp4")
    assert run(small).updated == ["a.mp4"]


def test_an_input_that_collides_can_be_paused(small: SmallProject) -> None:
    write_image(small.input / "a.png", 3)
    assert run(small).ok
    write_image(small.input / "a.bmp", 3)
    before = small.files()
    assert len(run(small).failed) == 2
    with Session(load_project(small.config)) as session:
        session.pause("a.bmp", "the same picture")
        session.pause("a.png", "until that is cleared")
    assert run(small).ok and small.files() == before
    with Session(load_project(small.config)) as session:
        status = project_status(session)
        assert status.quarantined == {"a.bmp": "the same picture", "a.png": "until that is cleared"}
        assert not status.failed and not status.orphans


def test_each_stage_alone_works_with_what_is_stored(small: SmallProject, decoded: list[str]) -> None:
    write_video(small.input / "a.mp4", positions(5))
    one = {
        stage: Selection({"squares": frozenset({stage})}, frames=False)
        for stage in ("predictions", "singletons", "task_folder")
    }
    missing = run(small, one["singletons"])
    assert not missing.ok and "materialise them first" in missing.failed[0]["error"]
    run(small, Selection({}, frames=True))
    assert decoded == ["a.mp4"] and small.calls() == []
    run(small, one["predictions"])
    assert small.images_seen() == 5 and small.files() == {}
    run(small, one["singletons"])
    assert small.files() == {}
    run(small, one["task_folder"])
    assert len(small.files()) == 5 + 2
    assert small.calls() == []


def test_a_folder_of_images_may_grow_beyond_one_record(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs_module, "_SHARED", 4)
    for index in range(3):
        write_image(small.input / f"s/{index}.png", index)
    run(small)
    for index in range(3, 12):
        write_image(small.input / f"s/{index}.png", index)
    write_image(small.input / "s/1.png", 40)
    small.calls()
    run(small)
    assert small.images_seen() == 10
    assert small.read("squares/s/1.json")["predictions"][0]["bbox"][0] == 40
    # Every image is recorded once, also the one that has moved to another record.
    with Session(load_project(small.config)) as session:
        keys = [row.input for row in session.warehouse.index.entries("squares")]
        assert sorted(keys) == sorted({f"s/{index}.png" for index in range(12)})
    small.write(tasks=[task("squares", score_threshold=0.49)])
    run(small)
    assert small.calls() == []
    assert small.read("squares/s/1.json")["predictions"] != []
    assert small.read("squares/s/5.json")["predictions"] == []
    assert check(small.lightly, small.input).ok


def test_the_index_can_be_made_anew(small: SmallProject) -> None:
    two_videos_and_images(small)
    run(small)
    small.calls()
    (small.state / "index.sqlite").write_bytes(b"not a database")
    assert run(small).updated == []
    for path in small.state.glob("index.sqlite*"):
        path.unlink()
    assert run(small).updated == []
    assert small.calls() == []


def test_a_record_that_is_replaced_while_the_index_reads_it(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(small.input / "a.mp4", positions(5))
    run(small)
    state = open_store(small.state)
    (key,) = state.names("manifests/tasks/squares")
    older = state.read(key)
    small.write(tasks=[task("squares", score_threshold=0.32)])
    run(small)
    newer = state.read(key)
    state.write(key, older)
    other = open_store(small.state)
    index, writers = (Index(small.state / "index.sqlite", store) for store in (state, other))
    real = state.read

    def read(name: str) -> bytes:
        data = real(name)
        if name == key:  # another process goes on at this moment
            other.write(key, newer)
            writers.put(Record.parse(newer, key), other.read_versioned(key)[1])
        return data

    monkeypatch.setattr(state, "read", read)
    index.refresh()
    (row,) = index.entries("squares")
    assert row.settings == Record.parse(newer, key).inputs["a.mp4"].settings
    index.close(), writers.close()


def test_on_damage_keep_publishes_what_decodes(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(40), codec="mpeg4")
    whole = (small.input / "a.mp4").read_bytes()
    middle = len(whole) // 2
    (small.input / "a.mp4").write_bytes(whole[:middle] + bytes(60) + whole[middle + 60 :])
    assert not run(small).ok and small.files() == {}
    small.write(on_damage="keep")
    summary = run(small)
    with Session(load_project(small.config)) as session:
        (row,) = session.warehouse.index.entries("squares")
    assert summary.ok and row.frames is not None and len(small.files()) == row.frames + 2
    assert row.damage


def test_on_damage_keep_has_nothing_to_keep_of_what_does_not_decode(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(3))
    (small.input / "broken.mp4").write_bytes((small.input / "a.mp4").read_bytes()[:300])
    small.write(on_damage="keep")
    for updated in (["a.mp4"], []):
        summary = run(small)
        assert summary.updated == updated
        (failed,) = summary.failed
        assert failed["input"] == "broken.mp4" and "0 frames decode" in failed["error"]


def test_same_root_for_everything(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(3))
    small.write(datasource={"input": "./input", "lightly": "./input", "state": "./input/.lightly/state"})
    assert run(small).ok
    assert run(small).updated == []
    assert check(small.input, small.input).ok


def test_pictures_are_what_the_tests_say() -> None:
    assert picture(None).max() == 16 and (picture(4) == 240).sum() == 16 * 16 * 3


def test_exported_frames_are_no_input_where_the_state_lies_below_it(small: SmallProject) -> None:
    small.write(
        frames={"export": "png"}, datasource=small.settings["datasource"] | {"state": "./input/state"}
    )
    write_video(small.input / "a.mp4", positions(3))
    assert run(small).updated == ["a.mp4"] and len(list(small.input.rglob("*.png"))) == 3
    assert run(small).updated == []


def test_frames_can_be_exported_on_the_way(small: SmallProject, decoded: list[str]) -> None:
    write_video(small.input / "sub/a.b.mp4", positions(12))
    write_image(small.input / "x.png", 3)
    small.write(frames={"export": "png"})
    assert run(small).ok
    assert decoded == ["a.b.mp4"]
    frames = small.state / "frames"
    names = sorted(path.relative_to(frames).as_posix() for path in frames.rglob("*") if path.is_file())
    assert names == [f"sub/a.b-{index:02d}-mp4.png" for index in range(12)]
    with av.open(str(small.input / "sub/a.b.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            stored = np.asarray(Image.open(frames / names[index]))
            assert np.array_equal(stored, frame.to_ndarray(format="rgb24"))
    assert run(small).updated == [] and decoded == ["a.b.mp4"]
    # Asked for later, it decodes again, and no model runs.
    small.write(frames={"export": "none"})
    run(small)
    small.calls(), decoded.clear(), shutil.rmtree(frames)
    small.write(frames={"export": "png"})
    run(small)
    assert decoded == ["a.b.mp4"] and small.calls() == [] and len(list(frames.rglob("*.png"))) == 12
    (small.input / "sub/a.b.mp4").unlink()
    with Session(load_project(small.config)) as session:
        collect(session)
    assert not list(frames.rglob("*.png"))


def test_what_is_done_is_let_go_of_at_once(small: SmallProject) -> None:
    """Not only when the garbage collector comes by, which knows nothing of the size of pictures."""
    two_videos_and_images(small)
    gc.collect()
    gc.disable()
    try:
        assert run(small).ok
        assert [one for one in gc.get_objects() if isinstance(one, UnitState | TaskState)] == []
    finally:
        gc.enable()
