"""The generated parts of ``docs/models.md``: ``python -m lightly_assets.models.documentation docs``.

The tables of kinds and layouts come from their registries, so that none is missing; a test compares them.
"""

import sys
from pathlib import Path
from typing import Any

from lightly_assets.models.config import KINDS
from lightly_assets.models.layouts.base import LAYOUTS, Layout, LayoutOptions
from lightly_assets.models.preprocess import IMAGENET_MEAN, Preprocess


def kinds_table() -> str:
    """Every kind of model, with the first sentence about it and the package that it needs."""
    rows = [f"| `{name}` | {_first_line(kind)} | {kind.needs} |" for name, kind in sorted(KINDS.items())]
    return "\n".join(["| kind | what it is | needs |", "|---|---|---|", *rows])


def layouts_table() -> str:
    """Every layout, with what it reads, for which tasks, and what follows from it."""
    head = "| layout | outputs | written by | tasks | suppression | default pixels |"
    return "\n".join(
        [head, "|---|---|---|---|---|---|", *(_row(kind) for _, kind in sorted(LAYOUTS.items()))]
    )


def options_table() -> str:
    """What layouts can be told beside ``layout``."""
    rows = [
        f"| `{name}` | `{option}` | {_description(kind.Options, option)} |"
        for name, kind in sorted(LAYOUTS.items())
        for option in kind.Options.model_fields
    ]
    return "\n".join(["| layout | key | meaning |", "|---|---|---|", *rows])


def _row(kind: type[Layout]) -> str:
    tasks = ", ".join(str(task) for task in kind.tasks)
    pixels = _pixels(kind.defaults, in_boxes=kind.in_boxes)
    return f"| `{kind.name}` | {kind.outputs} | {kind.families} | {tasks} | {kind.suppression} | {pixels} |"


def _pixels(defaults: Preprocess, *, in_boxes: bool) -> str:
    parts: list[str] = ["cut out around a box" if in_boxes else defaults.resize or "stretch"]
    if defaults.size is not None:
        parts.append("×".join(map(str, defaults.size)))
    if defaults.resize == "shortest":
        parts.append(f"{defaults.shortest} to {defaults.longest}")
    if defaults.interpolation is not None:
        parts.append(f"`{defaults.interpolation}`")
    if defaults.mean == IMAGENET_MEAN:
        parts.append("ImageNet")
    elif defaults.scale == 1:
        parts.append("0..255")
    else:
        parts.append("0..1")
    if defaults.channels == "bgr":
        parts.append("BGR")
    return ", ".join(parts)


def _description(options: type[LayoutOptions], name: str) -> str:
    return options.model_fields[name].description or ""


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0].rstrip(".")


GENERATED = {"kinds": kinds_table, "layouts": layouts_table, "options": options_table}


def page(text: str) -> str:
    """The page with everything between a pair of marks made anew."""
    for name, make in GENERATED.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{make()}\n{end}{after}"
    return text


if __name__ == "__main__":
    path = Path(sys.argv[1]) / "models.md"
    path.write_text(page(path.read_text()))
