"""Warnings about predictions that look like an accident; they stop nothing."""

from pathlib import Path
from typing import Any

from tests.assets.conftest import Daemon
from tests.projects import SmallProject, positions, task, write_video

MODEL = """
def good(images):
    return [[box(0.3 + place / 20) for place in range(10)] for _ in images]


def without_sigmoid(images):
    return [[box(1.0) for _ in range(10)] for _ in images]


def outside(images):
    return [[box(0.3 + place / 20, width=5000) for place in range(10)] for _ in images]


def box(score, width=20):
    return {"category_id": 0, "bbox": [5, 5, width, 20], "score": score}
"""


def verdicts(result: Any, name: str) -> dict[str | None, str | None]:
    return {
        one.partition: one.description
        for one in result.get_asset_check_evaluations()
        if one.check_name == name and one.asset_key.path[0] == "squares"
    }


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
    assert verdicts(result, "every_class_predicted") == {None: None}
    # It stands until the predictions are made anew, whatever runs in between.
    small.write(tasks=[*small.settings["tasks"], task("others")])
    assert "differ strongly" in str(verdicts(run(daemon), "predictions_plausible")["a.mp4"])
    use(small, "outside")
    assert "250 of 250 boxes left their image" in str(verdicts(run(daemon), "predictions_plausible")["b.mp4"])
    # Records stay small.
    assert (
        max(path.stat().st_size for path in (small.state / "manifests/tasks/squares").rglob("*.json")) < 6000
    )
