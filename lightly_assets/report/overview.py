"""The first tab: all tasks at a glance, what ``check`` says, how tasks agree, what has moved."""

from __future__ import annotations

from html import escape
from typing import Any

from lightly_assets.checker.report import Group
from lightly_assets.report.comparisons import MOVED, MOVED_MUCH
from lightly_assets.report.gather import Gathered
from lightly_assets.report.markup import Markup, card, join, markup, number, percent, table, text, tile, tiles

_EXAMPLES = 3
_WORST = 3


def overview(gathered: Gathered) -> Markup:
    """The content of the tab."""
    tasks, report = gathered.figures["tasks"], gathered.report
    errors = sum(group.count for group in report.groups if group.severity == "error")
    warnings = sum(group.count for group in report.groups if group.severity == "warning")
    parts = [
        tiles(
            tile(len(tasks), "task" if len(tasks) == 1 else "tasks"),
            tile(report.files, "prediction files"),
            tile(sum(one["predictions"] for one in tasks), "predictions"),
            tile(len({video["name"] for one in tasks for video in one["videos"]}), "videos and folders"),
            tile(errors, "errors" if errors != 1 else "error", "bad" if errors else "good"),
            tile(warnings, "warnings" if warnings != 1 else "warning"),
        ),
        *(markup('<p class="note">{}</p>', note) for note in gathered.notes),
        _selected(gathered),
        _tasks(gathered),
        _worst(gathered),
        _findings(report.groups, report.unchecked),
    ]
    if gathered.agreement:
        parts.append(_agreement(gathered.agreement))
    if gathered.drift is not None:
        parts.append(_drift(gathered.drift))
    return join(*parts)


def _tasks(gathered: Gathered) -> Markup:
    rows = []
    for place, task in enumerate(gathered.figures["tasks"]):
        name = markup('<a href="#task-{}" data-open-task="{}">{}</a>', place, place, task["name"])
        uncertain = task["uncertainty"][task["uncertain_by"]]["mean"]
        rows.append(
            [
                name,
                markup('<td class="left">{}</td>', task["type"]),
                task["files"],
                task["predictions"],
                text(percent(task["empty"], task["files"])),
                text(number(task["predictions"] / max(task["files"], 1), 1)),
                uncertain,
                text(headline(gathered.evaluations[place])),
            ]
        )
    head = ["Task", "Type", "Files", "Predictions", "Empty", "Per file", "Mean uncertainty", "Against labels"]
    return card("Tasks", table("Open a task for its frames, classes and scores.", head, rows))


def _selected(gathered: Gathered) -> Markup:
    """The frames that a selection has chosen, in its order; each opens in the first task."""
    rows: list[tuple[int, list[Any]]] = []
    for one in gathered.galleries[0] if gathered.galleries else []:
        rank = one["why"].get("selected")
        if rank is not None:
            name = gathered.frames[one["f"]]["name"]
            rows.append((rank, [frame_link(0, name), rank + 1, one["n"], one["u"]]))
    if not rows:
        return Markup("")
    rows.sort(key=lambda row: row[0])
    task = gathered.figures["tasks"][0]["name"]
    head = ["Frame", "Order", f"Predictions of {task}", "Uncertainty"]
    return card("Selected frames", table("In the order of selection.", head, [row for _, row in rows]))


def frame_link(task: int, name: str) -> Markup:
    """Opens a frame in the tab of a task."""
    return markup(
        '<a href="#task-{}" data-open-task="{}" data-frame="{}"><bdi>{}</bdi></a>',
        task,
        task,
        Markup(escape(name)),
        name,
    )


def _worst(gathered: Gathered) -> Markup:
    """The frames with the most faults of each task that was judged."""
    rows = []
    for place, (task, judged) in enumerate(zip(gathered.figures["tasks"], gathered.evaluations, strict=True)):
        if judged is None or judged["miou"] is not None:
            continue
        for one in judged["worst"][:_WORST]:
            name = frame_link(place, one["file_name"])
            kind = markup('<td class="left">{}</td>', task["name"])
            rows.append([name, kind, one["missed"], one["wrong"], one["found"]])
    if not rows:
        return Markup("")
    head = ["Frame", "Task", "Missed", "Wrong", "Found"]
    return card("Frames with the most faults", table("A task's own tab shows them first.", head, rows))


def headline(evaluation: dict[str, Any] | None) -> str:
    """The one figure of an evaluation."""
    if evaluation is None:
        return "–"
    for key, name in (("map", "mAP"), ("miou", "mIoU"), ("accuracy", "accuracy")):
        if evaluation[key] is not None:
            return f"{name} {evaluation[key]:.3f}"
    return "no label"


def _findings(groups: list[Group], unchecked: tuple[str, ...]) -> Markup:
    if not groups:
        return card(
            "What check says", markup('<p><span class="badge fine">fine</span> Every file is right.</p>')
        )
    rows = [
        [
            markup('<span class="badge {}">{}</span> {}', group.severity, group.severity, group.rule),
            group.count,
            group.examples[0].message,
            ", ".join(found.file for found in group.examples[:_EXAMPLES])
            + (f" and {group.files - _EXAMPLES:,} more" if group.files > _EXAMPLES else ""),
        ]
        for group in groups
    ]
    note = "Files with errors are in none of the figures. "
    if unchecked:
        note += f"Not looked at, because their schema is wrong: {', '.join(unchecked)}."
    return card(
        "What check says", table("Findings by rule.", ["Rule", "Count", "Finding", "Where"], rows), note=note
    )


def _agreement(rows: list[dict[str, Any]]) -> Markup:
    shown = [
        [
            " and ".join(row["tasks"]),
            markup('<td class="left">{}</td>', row.get("measure", "–")),
            row["value"],
            row.get("problem", ""),
        ]
        for row in rows
    ]
    return card(
        "How tasks agree",
        table("Each two tasks of one type.", ["Tasks", "Measure", "Agreement", ""], shown),
        note="As if one were the labels of the other: F1 of objects with a score of .5 and more, mIoU, or "
        "the share of images with the same class.",
    )


def _drift(rows: list[dict[str, Any]]) -> Markup:
    shown = []
    for row in rows:
        index = row["index"]
        verdict = (
            "–"
            if index is None
            else "another one"
            if index > MOVED_MUCH
            else "moved"
            if index > MOVED
            else "the same"
        )
        before, now = row.get("means") or (None, None)
        shown.append(
            [f"{row['task']}: {row['what']}", index, markup('<td class="left">{}</td>', verdict), before, now]
        )
    return card(
        "Since the earlier report",
        table(
            "The most moved distribution first.",
            ["Distribution", "Stability index", "Reads as", "Mean before", "Mean now"],
            shown,
        ),
        note=f"Population stability index: below {MOVED} it is the same distribution, above {MOVED_MUCH} "
        "another one.",
    )
