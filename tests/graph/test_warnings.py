"""Warnings about predictions that look like an accident; they stop nothing."""

import base64
import io
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.graph.conftest import Daemon
from tests.projects import SmallProject, positions, task, write_video

MODEL = """
def good(images):
    return [[box(0.3 + place / 20) for place in range(10)] for _ in images]


def without_sigmoid(images):
    return [[box(1.0) for _ in range(10)] for _ in images]


def outside(images):
    return [[box(0.3 + place / 20, width=5000) for place in range(10)] for _ in images]


def corners(images):
    return [[box(0.9, x=60 + place, y=30 + place, width=80 + place) for place in range(10)] for _ in images]


def box(score, width=20, x=5, y=5):
    return {"category_id": 0, "bbox": [x, y, width, 20 + y], "score": score}
"""


def verdicts(result: Any, name: str) -> dict[str | None, str | None]:
    return {
        one.partition: one.description
        for one in result.get_asset_check_evaluations()
        if one.check_name == name and one.asset_key.path[0] == "squares"
    }


def evidence(daemon: Daemon, result: Any, name: str, partition: str) -> dict[str, Any]:
    """As the check's page reads it: the events of the process and of the run have no pictures."""
    key = dg.AssetCheckKey(dg.AssetKey(["squares", "singletons"]), name)
    history = daemon.instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    told = [one.event.dagster_event for one in history if one.event and one.run_id == result.run_id]
    (found,) = [
        one.asset_check_evaluation_data
        for one in told
        if one
        and one.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and one.asset_check_evaluation_data.partition == partition
    ]
    return {label: value.value for label, value in found.metadata.items()}


def pixels(markdown: str) -> NDArray[np.uint8]:
    """Of the picture that a text embeds."""
    data = base64.b64decode(markdown.partition("base64,")[2].rstrip(")"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def use(small: SmallProject, name: str, *categories: str) -> None:
    changed = task("squares", f"odd_model:{name}")
    changed["categories"] = [{"id": number, "name": one} for number, one in enumerate(categories or ("box",))]
    small.write(tasks=[changed])


def run(daemon: Daemon) -> Any:
    (request,) = daemon.tick()
    result = daemon.launch(request)
    assert result.success
    return result


def test_scores_that_shift_boxes_that_are_cut_and_classes_that_never_come(
    small: SmallProject, daemon: Daemon
) -> None:
    Path(small.folder / "odd_model.py").write_text(MODEL)
    for name in "ab":
        write_video(small.input / f"{name}.mp4", positions(25))
    use(small, "good", "box", "ball")
    result = run(daemon)
    assert verdicts(result, "predictions_plausible") == {"a.mp4": None, "b.mp4": None}
    assert verdicts(result, "every_class_predicted") == {
        None: "Never predicted: 'ball', in 500 predictions. Are the category ids right?"
    }
    use(small, "without_sigmoid")
    result = run(daemon)
    text = str(verdicts(result, "predictions_plausible")["a.mp4"])
    assert "'a.mp4': Scores differ strongly from those before" in text
    shown = evidence(daemon, result, "predictions_plausible", "a.mp4")
    assert (shown["predictions"], shown["implausible"]) == (250, 1)
    # The upper half of the picture is what was, left and in the middle; the lower one is now, at the right.
    before, now = np.split(pixels(shown["scores"]), 2)
    blue = now[:, :, 2].astype(int) - now[:, :, 0] > 60
    assert blue[:, -50:].sum() > 1000 and blue[:, :-50].sum() < 500
    assert not (before[:, :, 2].astype(int) - before[:, :, 0] > 60).any()
    assert shown["preview"].startswith("![predictions](data:image/webp;base64,")
    assert verdicts(result, "every_class_predicted") == {None: None}
    # It stands until the predictions are made anew, whatever runs in between.
    small.write(tasks=[*small.settings["tasks"], task("others")])
    assert "differ strongly" in str(verdicts(run(daemon), "predictions_plausible")["a.mp4"])
    use(small, "outside")
    result = run(daemon)
    assert "250 of 250 boxes left their image" in str(verdicts(result, "predictions_plausible")["b.mp4"])
    assert evidence(daemon, result, "boxes_are_xywh", "b.mp4")["boxes_clipped"] == 250
    # Records stay small.
    assert (
        max(path.stat().st_size for path in (small.state / "manifests/tasks/squares").rglob("*.json")) < 6000
    )


def test_settings_are_meant_to_change_what_is_predicted(small: SmallProject, daemon: Daemon) -> None:
    Path(small.folder / "odd_model.py").write_text(MODEL)
    write_video(small.input / "a.mp4", positions(40))

    def said(name: str, **settings: Any) -> str | None:
        small.write(tasks=[task("squares", f"odd_model:{name}", **settings)])
        return verdicts(run(daemon), "predictions_plausible")["a.mp4"]

    assert said("good") is None
    # Two of ten are left of what the model said.
    assert said("good", score_threshold=0.7) is None
    # The model says something else, and settings are others.
    text = str(said("without_sigmoid", score_threshold=0.5))
    assert "There are 10.00 predictions a frame, and there were 2.00 before" in text
    assert "settings such as score_threshold have changed as well; look at the pictures" in text
    # The model alone.
    text = str(said("good", score_threshold=0.5))
    assert "Scores differ strongly" in text and "settings" not in text


def test_corners_are_shown(small: SmallProject, daemon: Daemon) -> None:
    Path(small.folder / "odd_model.py").write_text(MODEL)
    write_video(small.input / "a.mp4", positions(25))
    use(small, "corners")
    result = run(daemon)
    # Although they were cut, and lie in their image now.
    assert "look like corners" in str(verdicts(result, "boxes_are_xywh")["a.mp4"])
    shown = evidence(daemon, result, "boxes_are_xywh", "a.mp4")
    assert shown["boxes_clipped"] == 250 and pixels(shown["preview"]).shape[2] == 3
    assert verdicts(result, "predictions_plausible") == {"a.mp4": None}
    # It stands, whatever runs in between.
    small.write(tasks=[*small.settings["tasks"], task("others")])
    assert "look like corners" in str(verdicts(run(daemon), "boxes_are_xywh")["a.mp4"])
