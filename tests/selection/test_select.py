"""``lightly-assets select`` on folders whose right selection is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from lightly_assets.cli import app
from lightly_assets.models.vectors.descriptor import SIZE, describe
from lightly_assets.tracking import listening
from tests.commands.terminal import on_terminal, without_escapes
from tests.evaluation.folders import write_task
from tests.report.projects import EMPTY, FRAMES, UNCERTAIN, write_project

SCORE = {"type": "SCORES", "task": "boxes", "score": "uncertainty_entropy"}
COUNT = {"type": "PREDICTIONS", "task": "boxes", "name": "CATEGORY_COUNT"}
CLASSES = {"type": "PREDICTIONS", "task": "boxes", "name": "CLASS_DISTRIBUTION"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("select")
    write_project(folder)
    return folder


def entry(given: dict[str, Any], **strategy: Any) -> dict[str, Any]:
    return {"input": given, "strategy": strategy}


def run(root: Path, config: dict[str, Any], *arguments: object) -> tuple[Result, dict[str, Any]]:
    task = {"name": "boxes", "task_type": "object-detection", "categories": [{"id": 0, "name": "car"}]}
    project = {
        "datasource": {"input": "./input", "lightly": "./lightly", "state": "./state"},
        "tasks": [task | {"model": {"kind": "python", "call": "nothing:predict"}}],
        "worker_run": {"dataset": "some data", "input_type": "videos", "selection_config": config},
    }
    (root / "lightly.yaml").write_text(yaml.safe_dump(project))
    out = root / "out"
    result = CliRunner().invoke(
        app, ["select", "-c", str(root / "lightly.yaml"), "--out", str(out), "--json", *map(str, arguments)]
    )
    return result, json.loads(result.stdout)


def selected(root: Path, config: dict[str, Any], *arguments: object) -> list[int]:
    """Numbers of the frames."""
    result, document = run(root, config, *arguments)
    assert result.exit_code == 0, result.stdout
    assert document["of"] == FRAMES
    return [int(name.removeprefix("cam/v-")[:2]) for name in document["selected"]]


def test_the_most_uncertain_come_first(root: Path) -> None:
    assert selected(root, {"n_samples": 1, "strategies": [entry(SCORE, type="WEIGHTS")]}) == [UNCERTAIN]


def test_number_and_share(root: Path) -> None:
    strategies = [entry({"type": "RANDOM", "random_seed": 3}, type="WEIGHTS")]
    assert len(selected(root, {"proportion_samples": 0.3, "strategies": strategies})) == 9
    assert len(selected(root, {"n_samples": -1, "strategies": strategies})) == FRAMES
    first = selected(root, {"n_samples": 99, "strategies": strategies}, "--n", 7)
    assert len(first) == 7 and first == selected(root, {"n_samples": 7, "strategies": strategies})
    other = [entry({"type": "RANDOM", "random_seed": 4}, type="WEIGHTS")]
    assert first != selected(root, {"n_samples": 7, "strategies": other})


def test_thresholds_come_first_and_all_hold(root: Path) -> None:
    config = {
        "n_samples": 10,
        "strategies": [
            entry(COUNT, type="THRESHOLD", threshold=2, operation="BIGGER"),
            entry(SCORE, type="WEIGHTS"),
        ],
    }
    assert selected(root, config) == [4]
    config["strategies"].append(entry(COUNT, type="THRESHOLD", threshold=5, operation="SMALLER"))  # type: ignore[attr-defined]
    _, document = run(root, config)
    assert document["selected"] == [] and document["ok"]
    assert "0 of 10 frames" in document["notes"][0]
    assert document["strategies"][0]["achieved"] == {"kept": 1, "of": FRAMES}


def test_counts_of_some_categories(root: Path) -> None:
    cars = COUNT | {"categories": ["car"]}
    found = selected(root, {"n_samples": 2, "strategies": [entry(cars, type="WEIGHTS")]})
    assert found[0] == 4 and EMPTY not in found


def test_a_sum_of_weights_ends_a_selection(root: Path) -> None:
    strategy = entry(COUNT, type="WEIGHTS", stopping_condition_max_sum=16)
    assert len(selected(root, {"n_samples": 20, "strategies": [strategy]})) == 3  # 12 + 2 + 2


def test_balance_with_less_than_all_of_the_target(tmp_path: Path) -> None:
    kinds = {f"{place:03}.jpg": place % 20 for place in range(200)}
    files = {
        name: [{"category_id": 0 if kind == 0 else 1 if kind < 4 else 2, "score": 1.0}]
        for name, kind in kinds.items()
    }
    (tmp_path / "input").mkdir()
    write_task(tmp_path / "lightly", "kind", "classification", {0: "rare", 1: "some", 2: "usual"}, files)
    given = {"type": "PREDICTIONS", "task": "kind", "name": "CLASS_DISTRIBUTION"}
    for strategy, achieved in (
        ({"target": {"rare": 0.3, "some": 0.2}}, {"rare": 0.3, "some": 0.2, "all others": 0.5}),
        ({"distribution": "UNIFORM"}, {"rare": 0.35, "some": 0.35, "usual": 0.3}),
        ({"distribution": "INPUT"}, {"rare": 0.05, "some": 0.15, "usual": 0.8}),
    ):
        config = {"n_samples": 20, "strategies": [entry(given, type="BALANCE", **strategy)]}
        _, document = run(tmp_path, config)
        found = document["strategies"][0]
        assert found["wanted"].keys() == achieved.keys()
        assert found["achieved"] == pytest.approx(achieved, abs=0.051), strategy


def test_frames_that_look_alike_are_not_taken_twice(root: Path) -> None:
    """Greys get lighter from frame to frame; three that are far apart are the two ends and one between."""
    config = {"n_samples": 3, "strategies": [entry({"type": "EMBEDDINGS"}, type="DIVERSITY")]}
    found = selected(root, config)
    assert len(set(found)) == 3
    stored = list((root / "state/embeddings").rglob("*.parquet"))
    assert len(stored) == 1
    before = stored[0].stat().st_mtime_ns
    assert selected(root, config) == found and stored[0].stat().st_mtime_ns == before
    # What is damaged, or of other frames, is computed again.
    stored[0].write_bytes(stored[0].read_bytes()[:-40])
    assert selected(root, config) == found and stored[0].stat().st_mtime_ns != before


def test_similar_to_named_frames(root: Path) -> None:
    (root / "like.txt").write_text("cam/v-28-mp4.png\n")
    config = {"n_samples": 3, "strategies": [entry({"type": "EMBEDDINGS"}, type="SIMILARITY")]}
    assert 28 in selected(root, config, "--similar-to", root / "like.txt")
    result, document = run(root, config)
    assert result.exit_code == 1 and "--similar-to" in document["error"]


def test_typical_frames_and_objects(root: Path) -> None:
    config = {
        "n_samples": 4,
        "strategies": [
            entry({"type": "EMBEDDINGS"}, type="TYPICALITY", num_nearest_neighbors=5),
            entry({"type": "EMBEDDINGS", "task": "boxes"}, type="DIVERSITY"),
        ],
    }
    assert len(set(selected(root, config))) == 4


class Told:
    """Hears of steps: how many items of each are done, and of how many."""

    def __init__(self) -> None:
        self.steps: list[list[Any]] = []

    def begin(self, what: str, total: int | None) -> int:
        self.steps.append([what, 0, total])
        return len(self.steps) - 1

    def advance(self, step: int, count: int) -> None:
        self.steps[step][1] += count

    def expect(self, step: int, total: int) -> None:
        self.steps[step][2] = total

    def end(self, step: int) -> None:
        pass


def test_long_steps_say_how_far_they_are(tmp_path: Path) -> None:
    write_project(tmp_path)
    folder = tmp_path / "lightly/.lightly/metadata"
    folder.mkdir()
    (folder / "schema.json").write_text(json.dumps([{"name": "speed", "path": "speed", "defaultValue": 1}]))
    strategies = [
        entry({"type": "METADATA", "key": "speed"}, type="WEIGHTS"),
        entry({"type": "EMBEDDINGS"}, type="DIVERSITY"),
        entry({"type": "EMBEDDINGS", "task": "boxes"}, type="DIVERSITY"),
    ]
    told = Told()
    with listening(told):
        selected(tmp_path, {"n_samples": 4, "strategies": strategies})
    # Of the thirty frames, one has no object.
    for step in (
        ["Reading boxes", 30, 30],
        ["Reading metadata 'speed'", 30, 30],
        ["Describing frames", 30, 30],
        ["Frames of cam/v.mp4", 30, 30],
        ["Describing objects of boxes", 29, 29],
        ["Selecting frames", 4, 4],
        ["Decoding frames", 4, 4],
    ):
        assert step in told.steps, (step, told.steps)


def test_a_terminal_gets_bars_and_no_lines_between_them(root: Path) -> None:
    run(root, {"n_samples": 2, "strategies": [entry({"type": "EMBEDDINGS"}, type="DIVERSITY")]})
    code, said = on_terminal(["select", "--out", "out"], root, width=120)
    text = without_escapes(said)
    assert code == 0 and "2 of 30 frames selected." in text, text
    assert "… reading" not in text and "… describing" not in text, text


def test_a_datapool_is_not_selected_again(root: Path) -> None:
    (root / "pool.txt").write_text(f"cam/v-{UNCERTAIN:02}-mp4.png\n")
    config = {"n_samples": 5, "strategies": [entry(SCORE, type="WEIGHTS")]}
    found = selected(root, config, "--datapool", root / "pool.txt")
    assert len(found) == 5 and UNCERTAIN not in found
    (root / "pool.txt").write_text("other.png\n")
    _, document = run(root, config, "--datapool", root / "pool.txt")
    assert "names 'other.png', which is no frame" in document["error"]


def test_metadata(root: Path, tmp_path: Path) -> None:
    folder = root / "lightly/.lightly/metadata"
    (folder / "cam").mkdir(parents=True, exist_ok=True)
    schema = [{"name": "speed", "path": "drive.speed", "defaultValue": 0, "valueDataType": "NUMERIC_FLOAT"}]
    (folder / "schema.json").write_text(json.dumps(schema))
    (folder / "cam/v-07-mp4.json").write_text(json.dumps({"metadata": {"drive": {"speed": 12.5}}}))
    given = {"type": "METADATA", "key": "drive.speed"}
    assert selected(root, {"n_samples": 1, "strategies": [entry(given, type="WEIGHTS")]}) == [7]
    result, document = run(
        root,
        {
            "n_samples": 1,
            "strategies": [entry({"type": "METADATA", "key": "lightly.sharpness"}, type="WEIGHTS")],
        },
    )
    assert result.exit_code == 1 and "describes no metadata 'lightly.sharpness'" in document["error"]


def test_files_that_are_written(root: Path) -> None:
    _, document = run(root, {"n_samples": 2, "strategies": [entry(SCORE, type="WEIGHTS")]})
    out = root / "out"
    assert (out / "selected.txt").read_text().splitlines() == document["selected"]
    assert (out / "relevant_filenames.txt").read_text() == "cam/v.mp4\n"
    first = json.loads((out / "selection.json").read_text())["frames"][0]
    assert first["order"] == 1 and first["why"][0]["rank"] == 1
    # Its surest box has .5, the two other categories .25 each.
    assert first["why"][0]["value"] == pytest.approx(1.5 / np.log2(3), abs=1e-6)
    page = (out / "selection.html").read_bytes()
    kept = {name: (out / name).read_bytes() for name in ("selection.json", "selection.html")}
    run(root, {"n_samples": 2, "strategies": [entry(SCORE, type="WEIGHTS")]})
    assert {name: (out / name).read_bytes() for name in kept} == kept
    assert page.count(b'"selected":0') == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"n_samples": 1, "strategies": []}, "at least one strategy"),
        ({"n_samples": 1, "strategies": [entry(SCORE | {"task": "boxs"}, type="WEIGHTS")]}, "boxes"),
        ({"n_samples": 1, "strategies": [entry(SCORE, type="DIVERSITY")]}, "cannot be combined"),
        (
            {"n_samples": 1, "strategies": [entry(CLASSES, type="BALANCE", target={"bus": 1.0})]},
            "no category",
        ),
    ],
)
def test_configurations_that_do_not_fit(root: Path, config: dict[str, Any], message: str) -> None:
    result, document = run(root, config)
    assert result.exit_code == 1 and message in document["error"] and document["selected"] == []


def test_predictions_with_errors_are_not_selected_from(tmp_path: Path) -> None:
    wrong = [{"category_id": 0, "bbox": [0, 0, 5, 5], "score": 1.5}]
    (tmp_path / "input").mkdir()
    write_task(tmp_path / "lightly", "boxes", "object-detection", {0: "car"}, {"a.png": wrong})
    result, document = run(tmp_path, {"n_samples": 1, "strategies": [entry(SCORE, type="WEIGHTS")]})
    assert result.exit_code == 1 and "boxes/a.json" in document["error"]


def test_a_project_without_a_selection(root: Path) -> None:
    (root / "lightly.yaml").write_text(yaml.safe_dump({"datasource": {
        "input": "./input", "lightly": "./lightly", "state": "./state"}, "tasks": []}))  # fmt: skip
    result = CliRunner().invoke(app, ["select", "-c", str(root / "lightly.yaml"), "--json"])
    assert result.exit_code == 2
    assert "selection_config is missing" in json.loads(result.stdout)["error"]


def test_descriptions_tell_pictures_apart() -> None:
    random = np.random.default_rng(0)
    dark, light = np.zeros((90, 160, 3), np.uint8), np.full((90, 160, 3), 220, np.uint8)
    stripes = np.zeros((90, 160, 3), np.uint8)
    stripes[:, np.arange(160) // 8 % 2 == 1] = 220
    vectors = [describe(one) for one in (dark, light, stripes, stripes.transpose(1, 0, 2))]
    assert all(one.shape == (SIZE,) and one.dtype == np.float32 for one in vectors)
    assert np.linalg.norm(vectors[1]) == pytest.approx(1, abs=1e-5)
    noisy = np.clip(stripes.astype(int) + random.integers(-5, 6, stripes.shape), 0, 255).astype(np.uint8)
    near = np.linalg.norm(describe(noisy) - vectors[2])
    assert near < 0.2 < np.linalg.norm(vectors[3] - vectors[2])
    assert describe(np.zeros((1, 1, 3), np.uint8)).shape == (SIZE,)


@pytest.mark.parametrize(
    ("config", "strategy", "sentence"),
    [
        ({"lightly_path_regex": "(.*)"}, {}, "lightly_path_regex is not run here"),
        ({"auto_tasks": [{"name": "x"}]}, {}, "auto_tasks is not run here"),
        ({}, {"target_range": {"min_sum": 3}}, "target_range is not run here"),
    ],
)
def test_what_only_the_platform_does_is_refused(
    root: Path, config: dict[str, Any], strategy: dict[str, Any], sentence: str
) -> None:
    strategies = [entry(SCORE, type="WEIGHTS", **strategy)]
    result, document = run(root, {"n_samples": 3, "strategies": strategies} | config)
    assert result.exit_code == 1 and sentence in document["error"]
