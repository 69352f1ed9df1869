"""``lightly-assets init``: a ``lightly.yaml`` to start from, or one that fits a model and an input."""

import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightly_assets.commands.shared import DEFAULT_CONFIG, FAILED, WRONG_USE, errors_for_people, program, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightly_assets.proposal.findings import Finding
    from lightly_assets.proposal.found import ModelFound

PICTURE = "lightly-init.png"
"""The frame that the model was tried on, beside the project file."""
TEMPLATE = """\
# A Lightly Assets project. Paths are relative to this file; s3://bucket/prefix/ works too, with the usual AWS
# variables. `lightly-assets run` brings everything up to date.
datasource:
  input: ./input      # videos and images; only read
  lightly: ./lightly  # .lightly/predictions is written here
  state: ./state      # what is remembered between runs

# include: ["**"]     # globs on input keys; exclude: ["test/**"]
# boxes: clip         # clip boxes that leave their image, or strict: refuse them
# partitions: video   # video | day
# sensor: {running: true}  # look for new and changed input by itself, see docs/incremental.md
# orphans: keep       # keep | delete: what inputs that are gone have left behind
# on_damage: fail     # fail | keep: what decodes of a damaged video is published

tasks:
  - name: people                  # the task's folder and its name in selection configurations
    task_type: object-detection   # classification, keypoint-detection, instance- or semantic-segmentation
    categories:
      - {id: 0, name: person}
    model:
      kind: onnx                  # onnx, python, torch, ultralytics, coco, lightly
      path: models/people.onnx
      layout: yolo                # how the outputs are to be read, see docs/models.md
      score_threshold: 0.25
    # Your own function, called as predict(images) with (N, H, W, 3) uint8 RGB:
    # model: {kind: python, call: my_models:predict, batch_size: 16}
    # Labels as predictions:
    # model: {kind: coco, path: labels.json}
"""


def init_command(
    folder: Annotated[Path, typer.Argument(help="Where lightly.yaml is written.")] = Path(),
    model: Annotated[
        Path | None, typer.Option(help="A model's file; what it needs is found out.", metavar="FILE")
    ] = None,
    input_root: Annotated[
        str | None, typer.Option("--input", help="Videos and images: a folder or a URL.", metavar="ROOT")
    ] = None,
) -> None:
    """Write a commented lightly.yaml: one to start from, or one that fits a model and an input.

    With --model and --input, prints what was found and by which signal, runs one frame and draws it.
    """
    path = folder / DEFAULT_CONFIG
    if path.exists():
        say(
            f"Error: {path} exists already and is left as it is; name another folder, or rename it.",
            error=True,
        )
        raise typer.Exit(WRONG_USE)
    with errors_for_people():
        settled = _propose(folder, path, model, input_root)
    if not settled:
        raise typer.Exit(FAILED)


def _propose(folder: Path, path: Path, model: Path | None, input_root: str | None) -> bool:
    """Writes the file. Returns whether it can be run as it stands."""
    if model is None and input_root is None:
        _write(path, TEMPLATE)
        say(f"{path} is written. Put in folders, categories and model, then: {program()} run -c {path}")
        return True
    from lightly_assets.proposal.inputs import look_at_input
    from lightly_assets.proposal.model import look_at_model
    from lightly_assets.proposal.writing import project_text, with_input

    root = _absolute(input_root or "input", folder if input_root is None else Path())
    seen = None
    if input_root is not None:
        seen = look_at_input(root, folder)
        _show("Input", seen.findings)
    if model is None:
        _write(path, with_input(TEMPLATE, root, folder, seen.findings[0] if seen else None))
        say(f"{path} is written. Put in your categories and model, then: {program()} run -c {path}")
        return True
    with _guesses_told_once():
        found = look_at_model(model.resolve(), seen.frames if seen is not None else ())
        _show("Model", found.findings)
        if found.model is not None:
            _ask(found)
            _try(found, folder)
    _write(path, project_text(folder, root, found, seen.findings[0] if seen else None))
    say()
    _tell_what_is_open(path, found)
    return found.model is not None


@contextmanager
def _guesses_told_once() -> "Iterator[None]":
    """The table of findings says what is a guess; models that are tried need not say it again, each."""
    from lightly_assets.models.metadata.agree import log

    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _absolute(root: str, base: Path) -> str:
    return root if "://" in root else str((base / Path(root).expanduser()).resolve())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _show(title: str, findings: "list[Finding]") -> None:
    say(title)
    for finding in findings:
        mark = {"found": "", "guess": "guess: ", "open": "OPEN: "}[finding.sureness]
        say(f"  {finding.what:<14} {finding.value}  ({mark}{finding.signal})")


def _ask(found: "ModelFound") -> None:
    """On a terminal only."""
    from lightly_assets.proposal.asking import ask_what_is_open

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return

    def ask(question: str, otherwise: str) -> str:
        answer: str = typer.prompt(f"{question} [{otherwise}]", default="", show_default=False)
        return answer.strip()

    ask_what_is_open(found, ask)


def _try(found: "ModelFound", folder: Path) -> None:
    """One frame: what is found on it, as a table and as a picture."""
    if found.frame is None:
        say("No frame was tried: there is no --input with one.")
        return
    from lightly_assets.proposal.trial import draw_trial, other_ranges, try_model

    trial = try_model(found, found.frame)
    picture = folder / PICTURE
    folder.mkdir(parents=True, exist_ok=True)
    draw_trial(trial, found, picture)
    say(f"Tried on {found.frame.source}, drawn to {picture}")
    for name, value in trial.rows:
        say(f"  {name:<28} {value}")
    for doubt in trial.doubts:
        say(f"  doubtful: {doubt}")
    if table := other_ranges(found, found.frame):
        say("  The range of pixels is a guess. What other ranges would give:")
        for name, value in table:
            say(f"    {name:<26} {value}")


def _tell_what_is_open(path: Path, found: "ModelFound") -> None:
    if found.model is None:
        say(
            f"{path} is written, but cannot be run: its layout is open. docs/models.md says what is read.",
            error=True,
        )
        return
    todo = [one.what for one in found.findings if one.sureness == "open"]
    rest = f", after what is marked OPEN in it ({', '.join(todo)})" if todo else ""
    say(f"{path} is written. Next{rest}: {program()} run -c {path}")
