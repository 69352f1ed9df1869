"""Downstream: uses what is published, if it is right."""

import json

import dagster as dg

from camera_project.places import data
from lightly_assets import check


@dg.asset(deps=[dg.AssetKey(["front", "tasks_json"])], group_name="use", kinds={"python"})
def lamps_seen() -> dg.MaterializeResult:
    """How many frames show a lamp, and which predictions are the surest."""
    root = data() / "lightly" / "front"
    report = check(root, input=data() / "front")
    if not report.ok:
        raise dg.Failure(f"Not used: {report.findings[0].message}", allow_retries=False)
    frames, best = 0, ("", 0.0)
    for path in sorted((root / ".lightly" / "predictions" / "lamps").rglob("*.json")):
        if path.name == "schema.json":
            continue
        content = json.loads(path.read_bytes())
        scores = [one["score"] for one in content["predictions"]]
        frames += bool(scores)
        best = max(best, (content["file_name"], max(scores, default=0.0)), key=lambda one: one[1])
    return dg.MaterializeResult(metadata={"frames_with_lamps": frames, "surest": best[0]})
