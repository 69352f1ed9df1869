"""The gate before the Worker, with real folders, videos and images; behind it, the real SDK on loopback."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from lightly_assets.checker.expected import VideoSize
from lightly_assets.format.names.frame_names import frame_name, prediction_path
from lightly_assets.format.schema import Schema
from lightly_assets.storage import StorageError, open_store
from lightly_assets.worker import WorkerConfigError, WorkerRunError, WorkerRunSettings
from lightly_assets.worker.gate import (
    REQUEST_KEY,
    Gate,
    GateShut,
    gate,
    old_lists,
    require_ready,
    start_worker_run,
)
from tests.worker.platform_server import RUN_ID, Failure, Platform, lead_to, serve

WIDTH, HEIGHT = 32, 16
BOX = {"category_id": 0, "bbox": [1, 1, 5, 5], "score": 0.5}
SCHEMAS: dict[str, Any] = {
    "people": {"task_type": "object-detection", "categories": [{"id": 0, "name": "person"}]},
    "weather": {"task_type": "classification", "categories": [{"id": 0, "name": "sunny"}]},
}
TASKS = {name: Schema.parse(schema) for name, schema in SCHEMAS.items()}
SECTION: dict[str, Any] = {
    "dataset": "streets",
    "input_type": "videos",
    "selection_config": {
        "n_samples": 5,
        "strategies": [
            {"input": {"type": "EMBEDDINGS", "task": "people"}, "strategy": {"type": "DIVERSITY"}}
        ],
    },
}
SETTINGS = WorkerRunSettings.parse(SECTION)


class Project:
    """Two videos and an image with right predictions of both tasks."""

    def __init__(self, root: Path) -> None:
        self.input, self.lightly = root / "input", root / "lightly"
        self.predictions = self.lightly / ".lightly" / "predictions"
        self.add_video("a.mp4", 3)
        self.add_video("sub/b.mp4", 11)
        self.input.joinpath("still.png").parent.mkdir(exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(self.input / "still.png")
        for task in SCHEMAS:
            self.write(f"{task}/schema.json", SCHEMAS[task])
            self.write(f"{task}/still.json", self.document(task, "still.png"))
        self.write("tasks.json", list(SCHEMAS))

    def add_video(self, key: str, frames: int) -> None:
        path = self.input / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height = WIDTH, HEIGHT
            picture = av.VideoFrame.from_ndarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8), format="rgb24")
            for _ in range(frames):
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        for task in SCHEMAS:
            for index in range(frames):
                name = frame_name(key, index, frames)
                self.write(prediction_path(task, name), self.document(task, name))

    def document(self, task: str, name: str) -> Any:
        return {"file_name": name, "predictions": [BOX] if task == "people" else []}

    def write(self, file: str, document: Any) -> None:
        path = self.predictions / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    def gate(self, settings: WorkerRunSettings = SETTINGS, **options: Any) -> Gate:
        return gate(settings, TASKS, self.lightly, self.input, **options)

    def reason(self, **options: Any) -> str:
        """The one reason why the gate is shut."""
        verdict = self.gate(**options)
        assert not verdict.open
        (reason,) = verdict.reasons
        return reason


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def settings(**changes: Any) -> WorkerRunSettings:
    return WorkerRunSettings.parse(SECTION | changes)


def test_open(project: Project) -> None:
    verdict = project.gate()
    assert verdict.open
    assert verdict.inputs == ("a.mp4", "sub/b.mp4")
    assert verdict.notes == ("Left out, being no videos: 1 of the inputs.",)
    assert verdict.message == "The gate is open: 30 prediction files of 2 inputs are right."
    assert verdict.to_json() | {"notes": []} == {
        "open": True,
        "reasons": [],
        "notes": [],
        "inputs": 2,
        "files": 30,
    }


def test_a_store_is_as_good_as_a_folder(project: Project) -> None:
    verdict = gate(SETTINGS, TASKS, open_store(project.lightly), open_store(project.input))
    assert (verdict.open, verdict.inputs) == (True, ("a.mp4", "sub/b.mp4"))


def test_images(project: Project) -> None:
    images = settings(input_type="images")
    assert project.gate(images).inputs == ("still.png",)
    (project.predictions / "people" / "still.json").unlink()
    assert not project.gate(images).open
    assert project.gate().open, "a dataset of videos needs no predictions of images"


def test_a_missing_frame(project: Project) -> None:
    (project.predictions / "people" / "sub" / "b-07-mp4.json").unlink()
    assert project.reason() == (
        "people: prediction-missing: Frame 7 of 'sub/b.mp4' (11 frames) has no prediction file. "
        "[people/sub/b-07-mp4.json]"
    )


def test_a_video_grew(project: Project) -> None:
    """Nine more frames change the padding of all names."""
    project.predictions.rename(project.predictions.with_name("kept"))
    project.add_video("a.mp4", 12)
    project.predictions.rename(project.predictions.with_name("new"))
    project.predictions.with_name("kept").rename(project.predictions)
    reasons = project.gate().reasons
    padding = "'a.mp4' has 12 frames, so the file must be called 'people/a-00-mp4.json'"
    assert any(padding in one for one in reasons)
    assert any("prediction-missing" in one for one in reasons)


def test_a_new_input(project: Project) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(project.input / "new.png")
    assert project.gate().open
    (project.input / "new.mp4").write_bytes((project.input / "a.mp4").read_bytes())
    reasons = project.gate().reasons
    assert len(reasons) == 2
    assert all("Frame 0 of 'new.mp4' (3 frames) has no prediction file" in one for one in reasons)
    assert project.gate(inputs=["a.mp4", "sub/b.mp4"]).open, "an excluded or paused input is not asked for"


def test_paused_inputs_are_no_orphans(project: Project) -> None:
    verdict = project.gate(inputs=["a.mp4"])
    assert (verdict.open, verdict.inputs, verdict.notes) == (True, ("a.mp4",), ())


def test_an_input_is_gone(project: Project) -> None:
    (project.input / "a.mp4").unlink()
    assert project.gate().open, "its files are orphans, which the Worker does not look at"
    assert "prediction-orphan" in project.gate().notes[0]
    assert project.gate(inputs=["a.mp4", "sub/b.mp4"]).reasons == (
        "Gone from the input datasource: 'a.mp4'; bring the predictions up to date.",
    )


def test_a_damaged_video(project: Project) -> None:
    (project.input / "a.mp4").write_bytes(b"no video")
    assert "input-unreadable: The video 'a.mp4' cannot be decoded: " in project.reason()


def test_an_input_that_failed(project: Project) -> None:
    """Its old files are right in themselves."""
    failed = {"a.mp4": "it was replaced and is damaged.", "other.mp4": "not among the inputs"}
    assert project.reason(failed=failed) == (
        "'a.mp4' has no predictions of its present content: it was replaced and is damaged."
    )


def test_a_wrong_singleton(project: Project) -> None:
    box = {**BOX, "bbox": [30, 1, 20, 5]}
    project.write("people/a-1-mp4.json", {"file_name": "a-1-mp4.png", "predictions": [box]})
    assert "people: bbox-outside: " in project.reason()


def test_known_sizes_are_not_measured_again(project: Project) -> None:
    sizes = {"a.mp4": VideoSize(3, WIDTH, HEIGHT)}
    (project.input / "a.mp4").write_bytes(b"not looked at")
    assert project.gate(sizes=sizes).open
    reasons = project.gate(sizes={"a.mp4": VideoSize(4, WIDTH, HEIGHT)}).reasons
    assert reasons[0].startswith("people: prediction-missing: Frame 3 of 'a.mp4'")


def test_the_list_of_tasks(project: Project) -> None:
    project.write("tasks.json", ["people"])
    assert project.reason() == (
        "tasks.json does not list 'weather', so the Worker would not consider it; publish the task."
    )
    assert project.gate(settings(tasks=["people"])).open
    (project.predictions / "tasks.json").unlink()
    assert any("tasks-missing" in one for one in project.gate().reasons)
    (project.predictions / "tasks.json").write_text("[")
    assert any("json-invalid" in one for one in project.gate().reasons)


def test_an_unselected_task_is_not_checked_but_must_have_a_schema(project: Project) -> None:
    (project.predictions / "weather" / "a-1-mp4.json").write_text("{")
    people = settings(tasks=["people"])
    verdict = project.gate(people)
    assert verdict.open
    assert any("also lists 'weather'" in note for note in verdict.notes)
    project.write("weather/schema.json", {"task_type": "weather", "categories": []})
    (reason,) = project.gate(people).reasons
    assert reason.startswith("tasks.json lists 'weather', whose schema.json is wrong: ")
    (project.predictions / "weather" / "schema.json").unlink()
    assert project.gate(people).reasons == (
        "tasks.json lists 'weather', which has no schema.json; the Worker reports an error.",
    )


def test_another_schema_than_the_projects(project: Project) -> None:
    project.write("people/schema.json", SCHEMAS["people"] | {"categories": [{"id": 0, "name": "human"}]})
    assert project.reason() == (
        "'people' was published with another schema (category 0 was 'human', is now 'person'); "
        "publish it again."
    )


def test_nothing_to_select_from(project: Project) -> None:
    assert "There are no videos to select from" in project.reason(inputs=["still.png"])


def test_a_name_that_the_list_cannot_hold(project: Project) -> None:
    project.add_video("!c.mp4", 2)
    assert "cannot be named in the list of relevant filenames" in project.reason()


def test_settings_come_first(project: Project) -> None:
    with pytest.raises(WorkerConfigError, match="there is no task 'peple'"):
        project.gate(settings(tasks=["peple"]))


def test_a_root_out_of_reach(project: Project) -> None:
    with pytest.raises(StorageError):
        gate(SETTINGS, TASKS, project.lightly, project.input / "gone")


def test_shut_means_nothing_happens(project: Project) -> None:
    (project.predictions / "people" / "a-1-mp4.json").unlink()
    before = sorted(project.lightly.rglob("*"))
    with pytest.raises(GateShut) as caught:
        start_worker_run(SETTINGS, TASKS, project.lightly, project.input)
    assert str(caught.value).splitlines() == [
        "The gate is shut; no Worker run was started (29 prediction files of 2 inputs):",
        "people: prediction-missing: Frame 1 of 'a.mp4' (3 frames) has no prediction file. "
        "[people/a-1-mp4.json]",
    ]
    assert sorted(project.lightly.rglob("*")) == before


def test_without_a_token_the_request_is_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTLY_TOKEN", raising=False)
    run = start_worker_run(SETTINGS, TASKS, project.lightly, project.input)
    assert run.scheduled is None
    assert run.not_scheduled is not None
    assert run.not_scheduled.startswith("LIGHTLY_TOKEN is not set")
    assert run.written.request == REQUEST_KEY
    assert (project.lightly / run.written.relevant_filenames).read_text() == "a.mp4\nsub/b.mp4\n"
    written = (project.lightly / REQUEST_KEY).read_bytes()
    assert json.loads(written)["run"] == run.request["run"]
    start_worker_run(SETTINGS, TASKS, project.lightly, project.input)
    assert (project.lightly / REQUEST_KEY).read_bytes() == written
    assert require_ready(SETTINGS, TASKS, project.lightly, project.input).open, (
        "our files are in nobody's way"
    )


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Any:
    with serve() as platform:
        platform.add_dataset("streets", "Videos")
        lead_to(platform, monkeypatch)
        yield platform


def test_old_lists_of_relevant_filenames_are_garbage(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIGHTLY_TOKEN", raising=False)
    assert old_lists(open_store(project.lightly)) == []
    run = start_worker_run(SETTINGS, TASKS, project.lightly, project.input)
    folder = project.lightly / ".lightly"
    for name in ("relevant_filenames-0123456789abcdef.txt", "relevant_filenames.txt", "mine.txt"):
        (folder / name).write_text("a.mp4\n")
        os.utime(folder / name, (1e9, 1e9))
    (folder / "relevant_filenames-00000000000000aa.txt").write_text("a run may wait for it\n")
    os.utime(project.lightly / run.written.relevant_filenames, (1e9, 1e9))
    expected = [".lightly/relevant_filenames-0123456789abcdef.txt"]
    assert old_lists(open_store(project.lightly)) == expected


def test_all_the_way(project: Project, platform: Platform) -> None:
    run = start_worker_run(SETTINGS, TASKS, project.lightly, project.input)
    assert run.scheduled is not None
    assert run.scheduled.id == RUN_ID
    (sent,) = platform.sent("POST", "/v1/docker/worker/config/vX")
    file = sent["config"]["docker"]["relevantFilenamesFile"]
    assert (project.lightly / file).read_text() == "a.mp4\nsub/b.mp4\n"
    platform.failures = [Failure("/docker/worker/schedule", 422, 1)]
    with pytest.raises(WorkerRunError, match="422"):
        start_worker_run(SETTINGS, TASKS, project.lightly, project.input)
