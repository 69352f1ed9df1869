"""``lightly.yaml`` from what was found: a comment behind each line says why it stands there."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lightly_assets.format.schema import TaskType
from lightly_assets.proposal.candidates import BOXES_TASK
from lightly_assets.proposal.findings import Finding
from lightly_assets.proposal.found import ModelFound

OPEN = "# OPEN: "
_HEAD = """\
# Written by `lightly-assets init`. Behind each line stands what it was seen by: "guess" is what is usual,
# "OPEN" is what nobody but you can know. `lightly-assets run` brings everything up to date.
"""
_TASK_NAMES = {
    TaskType.CLASSIFICATION: "classes",
    TaskType.OBJECT_DETECTION: "objects",
    TaskType.KEYPOINT_DETECTION: "keypoints",
    TaskType.INSTANCE_SEGMENTATION: "instances",
    TaskType.SEMANTIC_SEGMENTATION: "surfaces",
}
_MOST_NAMES = 8


def project_text(folder: Path, root: str, found: ModelFound, listing: Finding | None) -> str:
    """The text of a ``lightly.yaml`` in a folder.

    Args:
        folder: where it will lie; paths in it are relative to that.
        root: the input, an absolute path or a URL.
        found: the model.
        listing: what lies in the input, if anybody looked.
    """
    lines = [_HEAD + "datasource:", f"  input: {_quoted(_relative(root, folder))}{_behind(listing)}"]
    lines += ["  lightly: ./lightly  # .lightly/predictions is written here"]
    lines += ["  state: ./state  # what is remembered between runs", "", "tasks:"]
    if found.in_boxes:
        lines += _boxes_task(found)
    lines += _task(folder, found)
    return "\n".join(lines) + "\n"


def with_input(template: str, root: str, folder: Path, listing: Finding | None) -> str:
    """The template with an input that was looked at."""
    line = f"  input: {_quoted(_relative(root, folder))}{_behind(listing)}"
    return re.sub(r"(?m)^  input: .*$", lambda _: line, template, count=1)


def _boxes_task(found: ModelFound) -> Iterator[str]:
    """The task in whose boxes the model looks, of which nothing is known."""
    yield f"  - name: {BOXES_TASK}"
    yield f"    task_type: {TaskType.OBJECT_DETECTION}"
    yield "    categories:  # with the names that the keypoints' task has, or say box_categories there"
    yield from _categories(found)
    yield f"    model: {{kind: onnx, path: detector.onnx, layout: yolo}}  {OPEN}the model of the boxes"


def _categories(found: ModelFound) -> Iterator[str]:
    yield from (f"      - {{id: {number}, name: {_quoted(name)}}}" for number, name in enumerate(found.names))


def _task(folder: Path, found: ModelFound) -> Iterator[str]:
    reasons = {finding.what: finding for finding in found.findings}
    yield f"  - name: {_TASK_NAMES[found.task_type]}  # as you like"
    yield f"    task_type: {found.task_type}{_behind(reasons.get('task'))}"
    if found.named_by == "file":
        shown = ", ".join(found.names[:_MOST_NAMES]) + (", …" if len(found.names) > _MOST_NAMES else "")
        why = f"the file names its {len(found.names)} classes ({found.facts.signals.get('names', '')})"
        yield f"    # categories may be left out: {why}: {' '.join(shown.split())}"
    else:
        missing = f"  {OPEN}the file does not name its classes; write them in the model's order"
        yield "    categories:" + (missing if found.named_by == "nobody" else "  # as you said")
        yield from _categories(found)
    yield "    model:"
    yield f"      kind: {found.kind}"
    yield f"      path: {_quoted(_relative(str(found.path), folder))}"
    if found.layout:
        yield f"      layout: {found.layout}{_behind(reasons.get('layout'))}"
    else:
        yield f"      layout: ???  {OPEN}{reasons['layout'].signal}"
    for name, value in found.options.items():
        why = "the task in whose boxes it looks" if name == "boxes" else "guess: the outputs' numbers fit so"
        yield f"      {name}: {json.dumps(value).strip(chr(34))}  # {why}"
    if not found.in_boxes and found.task_type not in (
        TaskType.CLASSIFICATION,
        TaskType.SEMANTIC_SEGMENTATION,
    ):
        yield "      score_threshold: 0.25  # guess: the usual one"
    yield from _pixels(found, reasons)


def _pixels(found: ModelFound, reasons: Mapping[str, Finding]) -> Iterator[str]:
    """What is said under ``preprocess:``, and what is used without being said, as comments."""
    used: Any = found.model
    settings = used.runtime.reader.preprocess.given() if used is not None else {}
    if not settings:
        return
    yield (
        "      preprocess:"
        if found.pixels
        else "      # preprocess:  # what is used without a word; to change it, say it"
    )
    for name in _WRITTEN:
        if name in found.pixels:
            why = _behind(reasons[name]) if name in found.guessed else "  # you said so"
            yield f"        {name}: {json.dumps(found.pixels[name])}{why}"
        elif name in settings and name in reasons:
            value = settings[name]
            shown = json.dumps(list(value) if isinstance(value, tuple) else value).strip('"')
            yield f"      #   {name}: {shown}{_behind(reasons[name])}"


_WRITTEN = (
    "size", "resize", "rounding", "pad_at", "multiple", "interpolation", "scale", "mean", "std", "channels",
)  # fmt: skip


def _behind(finding: Finding | None) -> str:
    if finding is None:
        return ""
    mark = {"found": "# ", "guess": "# guess: ", "open": OPEN}[finding.sureness]
    return f"  {mark}{' '.join(finding.signal.split())}"


def _relative(place: str, folder: Path) -> str:
    """A path from the project's folder, where that is short; a URL as it is."""
    if "://" in place:
        return place
    near = os.path.relpath(place, folder.resolve())
    return place if near.startswith("../../..") else near


def _quoted(text: str) -> str:
    """A string as YAML writes it on one line."""
    shown: str = yaml.safe_dump(text, allow_unicode=True, width=1 << 30)
    return shown.removesuffix("\n").removesuffix("\n...")
