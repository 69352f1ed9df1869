"""The tab of a task: its figures, what labels say, its frames, its classes."""

from __future__ import annotations

from typing import Any

from lightly_assets.report.markup import (
    Markup,
    bar,
    card,
    join,
    markup,
    number,
    percent,
    table,
    text,
    tile,
    tiles,
)

_MOST_VIDEOS = 200


def task_page(task: dict[str, Any], evaluation: dict[str, Any] | None) -> Markup:
    """The content of the tab; charts and frames are filled in by the page's code."""
    files, predictions = task["files"], task["predictions"]
    uncertain = task["uncertainty"][task["uncertain_by"]]["mean"]
    summary = tiles(
        tile(files, "files"),
        tile(predictions, "predictions"),
        tile(number(predictions / max(files, 1), 1), "per file"),
        tile(percent(task["empty"], files), "without a prediction"),
        tile(number(task["score"]["mean"], 2), "mean score"),
        tile(number(uncertain, 2), "mean uncertainty"),
    )
    judged = _judged(evaluation) if evaluation is not None else Markup("")
    frames = markup(
        '<div class="card"><h2>Frames to look at</h2><div class="gallery"></div>'
        "<noscript>The frames are drawn by the page's own code, which is switched off.</noscript></div>"
    )
    rest = join(_classes(task, evaluation), _videos(task, evaluation))
    confused = _confusion(evaluation) if evaluation is not None and "confusion" in evaluation else Markup("")
    return join(summary, judged, frames, Markup('<div class="grid charts"></div>'), rest, confused)


def _judged(result: dict[str, Any]) -> Markup:
    names = [
        ("map", "mAP .50:.95"), ("map50", "mAP .50"), ("map75", "mAP .75"), ("miou", "mIoU"),
        ("pixel_accuracy", "pixel accuracy"), ("accuracy", "accuracy"), ("precision", "precision"),
        ("recall", "recall"), ("ar", "average recall"),
    ]  # fmt: skip
    shown = [tile(number(result[key]), name) for key, name in names if result[key] is not None]
    notes = [markup("<li>{}</li>", one) for one in result["warnings"]]
    threshold = result["threshold"]
    note = f"{result['images']:,} images with labels: {result['labels']}."
    if threshold is not None:
        note += f" Precision, recall and faults count predictions of score {threshold:.2f} or more."
    return markup(
        '<div class="card"><h2>Against labels</h2><p class="soft">{}</p>{}{}</div>',
        note, tiles(*shown), markup('<ul class="plain">{}</ul>', join(*notes)) if notes else "",
    )  # fmt: skip


def _classes(task: dict[str, Any], evaluation: dict[str, Any] | None) -> Markup:
    most = max((one["predictions"] for one in task["categories"]), default=0)
    judged = {one["name"]: one for one in evaluation["per_category"]} if evaluation is not None else {}
    has_iou = any("iou" in one for one in judged.values())
    keys = ("labels", *(("iou",) if has_iou else ("ap", "ap50")), "precision", "recall")
    heads = {"iou": "IoU", "ap": "AP", "ap50": "AP50"}
    rows = []
    for one in sorted(task["categories"], key=lambda one: -one["predictions"]):
        row: list[Any] = [one["name"], bar(one["predictions"], most), one["predictions"], one["files"]]
        if evaluation is not None:
            found = judged.get(one["name"], {})
            row += [found.get(key) for key in keys]
        rows.append(row)
    rows += [
        [name, bar(0, most), 0, 0, *(found.get(key) for key in keys)]
        for name, found in judged.items()
        if name not in {one["name"] for one in task["categories"]}
    ]
    head = ["Class", "", "Predictions", "Files"]
    head += [heads.get(key, key.capitalize()) for key in keys] if evaluation is not None else []
    return card("Classes", table("The most predicted class first.", head, rows))


def _videos(task: dict[str, Any], evaluation: dict[str, Any] | None) -> Markup:
    if len(task["videos"]) < 2:
        return Markup("")
    judged = {one["video"]: one for one in evaluation["per_video"]} if evaluation is not None else {}
    key = next((key for key in ("map", "miou") if any(key in one for one in judged.values())), None)
    head = ["Video or folder", "Files", "Predictions", "Empty", "Mean uncertainty"]
    if evaluation is not None:
        head += [*([{"map": "mAP", "miou": "mIoU"}[key]] if key is not None else []), "Precision", "Recall"]
    rows = []
    videos = sorted(task["videos"], key=lambda one: -one["uncertainty"])
    for one in videos[:_MOST_VIDEOS]:
        row: list[Any] = [one["name"], one["files"], one["predictions"], one["empty"], one["uncertainty"]]
        if evaluation is not None:
            found = judged.get(one["name"], {})
            row += [found.get(name) for name in (*([key] if key is not None else []), "precision", "recall")]
        rows.append(row)
    left = len(videos) - _MOST_VIDEOS
    note = f"{left:,} more are not listed." if left > 0 else ""
    return card("Videos and folders", table("The most uncertain first.", head, rows), note=note)


def _confusion(evaluation: dict[str, Any]) -> Markup:
    names, counts = evaluation["confusion"]["names"], evaluation["confusion"]["counts"]
    rows = []
    for place, (name, line) in enumerate(zip(names, counts, strict=True)):
        total = sum(line)
        cells = [
            _heat(value, total, same=place == column and name != "") for column, value in enumerate(line)
        ]
        rows.append([name or "nothing labelled", *cells])
    unit = (
        "pixels"
        if evaluation["miou"] is not None
        else "images"
        if evaluation["accuracy"] is not None
        else "objects"
    )
    head = ["Labelled as", *(name or "missed" for name in names)]
    return card(
        "What is taken for what",
        table(
            f"Rows are labels, columns predictions, in {unit}; darker is more of the row.",
            head,
            rows,
            kind="heat",
        ),
    )


def _heat(value: int, total: int, *, same: bool) -> Markup:
    share = value / total if total else 0
    shown = markup("<b>{}</b>", number(value)) if same else text(number(value) if value else "·")
    return markup('<td style="background:rgba(var(--heat),{})">{}</td>', f"{0.55 * share:.2f}", shown)
