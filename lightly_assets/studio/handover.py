"""What is handed on, as files that a program without this package can read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from lightly_assets.checker.check import listed_tasks, reader_of
from lightly_assets.checker.report import Report
from lightly_assets.folders.read import Folder, Root, Task, read_folder
from lightly_assets.folders.scores import file_scores
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.keys import validate_key
from lightly_assets.format.names.suffixes import input_kind, split_suffix
from lightly_assets.selection.figures import names_of
from lightly_assets.selection.samples import Samples
from lightly_assets.storage import Entry, Store, open_store
from lightly_assets.studio.errors import StudioError
from lightly_assets.studio.local_media import LocalMedia
from lightly_assets.studio.objects import TaskObjects
from lightly_assets.studio.vectors import NamedVectors, stored_vectors

TAG = "selected"
# What LightlyStudio takes for the path to a part of a value.
_PATH = re.compile(r"[.\[\]]")


@dataclass(frozen=True)
class Request:
    """What is handed on.

    Args:
        name: of the datasets.
        out: the folder of the databases; inputs that lie in a bucket are copied there.
        tasks: only these tasks; what is there of others stays.
        selected: names of frames that get the tag.
        skip: keys of inputs that are left out.
        vectors: of each kind of vectors its name, the names of frames, and their vectors (N, D); beside those
            that `select` has left in the state.
    """

    lightly: Root
    input: Root
    state: Root | None
    name: str
    out: Path
    tasks: Sequence[str] | None = None
    selected: Sequence[str] | None = None
    skip: Sequence[str] = ()
    vectors: Iterable[NamedVectors] = ()
    progress: Callable[[str], None] = lambda _: None


@dataclass
class _Input:
    """An image or a video, and the frames of it that predictions are of: their numbers and stems."""

    key: str
    entry: Entry
    frames: list[tuple[int, str]] = field(default_factory=list)
    digits: int = 1

    @property
    def kind(self) -> str:
        return str(input_kind(self.key))


def hand_over(request: Request, folder: Path) -> list[str]:
    """Writes the files; what a person should know about them, in sentences.

    Raises:
        StudioError: there is nothing, predictions have errors, or a name is of no frame.
        StorageError: a root is out of reach.
    """
    request.progress("reading and checking the predictions")
    found = read_folder(request.lightly, tasks=_tasks(request))
    _refuse_errors(found.report)
    if not found.tasks:
        raise StudioError("There are no predictions to hand on; run the project first.")
    samples = Samples(names_of(found), reader_of(request.lightly))
    store = request.input if not isinstance(request.input, str | Path) else open_store(request.input)
    inputs, orphans = _inputs(samples.stems, store, request.skip)
    if not inputs:
        raise StudioError(f"No image and no video of {store.url} has predictions.")
    places = {stem: (place, index) for place, one in enumerate(inputs) for index, stem in one.frames}
    tasks = [TaskObjects(task) for task in found.tasks.values()]
    media = LocalMedia(store, request.out / "media", request.progress)
    described = [_described(one, media) for one in inputs]
    document: dict[str, Any] = {
        "name": request.name,
        "databases": {kind: str(path.resolve()) for kind, path in databases(request.out).items()},
        "tag": TAG,
        "tasks": {one.name: one.kind for one in tasks},
        "categories": {name: list(task.schema.names.values()) for name, task in found.tasks.items()},
        "media": described,
        "selected": _selected(request.selected, samples, places),
        "vectors": list(_vectors(request, folder, places)),
    }
    request.progress(f"handing on {len(places):,} frames")
    digests = _write_frames(folder / "frames.jsonl", inputs, tasks, _Facts(found, samples))
    for about, digest in zip(described, digests, strict=True):
        about["digests"] = digest
    (folder / "handover.json").write_bytes(orjson.dumps(document))
    notes = [note for one in tasks if (note := one.left_out)]
    if orphans:
        notes.append(
            f"{len(orphans):,} prediction files are of no input, such as '{orphans[0]}'; they are left out."
        )
    return notes


def databases(out: Path) -> dict[str, Path]:
    """LightlyStudio shows one dataset of a database, so that images and videos have one each."""
    return {"image": out / "images.db", "video": out / "videos.db"}


def _tasks(request: Request) -> list[str]:
    listed = listed_tasks(request.lightly)
    if request.tasks is None:
        return listed
    if unknown := [name for name in request.tasks if name not in listed]:
        raise StudioError(
            f"There is no task '{unknown[0]}'; tasks.json lists {', '.join(map(repr, listed)) or 'none'}."
        )
    return list(request.tasks)


def _refuse_errors(report: Report) -> None:
    for group in report.groups:
        if group.severity == "error":
            first = group.examples[0]
            raise StudioError(
                f"Nothing is handed on of predictions with errors: {first.file}: {first.message} "
                "'lightly-assets check' names them all."
            )


def _inputs(stems: Iterable[str], store: Store, skip: Sequence[str]) -> tuple[list[_Input], list[str]]:
    """Inputs that have predictions, images first, and the stems that are of none."""
    inputs = {
        one.key: _Input(one.key, one)
        for one in store.list(skip=(".lightly/",))
        if input_kind(one.key) is not None
    }
    images = {split_suffix(key)[0]: one for key, one in inputs.items() if one.kind == "image"}
    if unknown := [key for key in skip if key not in inputs]:
        raise StudioError(f"--skip names '{unknown[0]}', which is no input.")
    orphans: list[str] = []
    for stem in stems:
        frame = parse_frame_name(f"{stem}.json")
        if stem in images:
            images[stem].frames.append((0, stem))
        elif frame is not None and frame.video in inputs:
            inputs[frame.video].frames.append((frame.index, stem))
            inputs[frame.video].digits = frame.width
        else:
            orphans.append(stem)
    used = [one for one in inputs.values() if one.frames and one.key not in skip]
    for one in used:
        validate_key(one.key)
        one.frames.sort()
    return sorted(used, key=lambda one: (one.kind, one.key)), orphans


def _described(one: _Input, media: LocalMedia) -> dict[str, Any]:
    last = one.frames[-1][0]
    return {
        "key": one.key,
        "kind": one.kind,
        "path": media.path(one.entry),
        "fingerprint": one.entry.fingerprint,
        "frames": last + 1,
        "digits": one.digits,
        "complete": len(one.frames) == last + 1,
    }


def _selected(
    names: Sequence[str] | None, samples: Samples, places: dict[str, tuple[int, int]]
) -> list[dict[str, int]] | None:
    if names is None:
        return None
    stem_of = dict(zip(samples.names, samples.stems, strict=True))
    if unknown := [name for name in names if name not in stem_of]:
        raise StudioError(
            f"'{unknown[0]}' is selected, but is no frame of the predictions; run 'lightly-assets select' "
            "again."
        )
    found = [places[stem_of[name]] for name in names if stem_of[name] in places]
    return [{"m": place, "i": index} for place, index in found]


def _vectors(request: Request, folder: Path, places: dict[str, tuple[int, int]]) -> Iterator[dict[str, Any]]:
    given = [(name, [split_suffix(one)[0] for one in names], rows) for name, names, rows in request.vectors]
    if request.state is not None:
        state = open_store(request.state) if isinstance(request.state, str | Path) else request.state
        given += stored_vectors(state)
    for number, (name, stems, vectors) in enumerate(given):
        rows = [row for row, stem in enumerate(stems) if stem in places]
        if rows:
            file = f"vectors-{number}.npy"
            np.save(folder / file, vectors[rows])
            yield {"name": name, "file": file, "frames": [places[stems[row]] for row in rows]}


class _Facts:
    """Numbers of frames that are not about one object: their names and active learning scores."""

    def __init__(self, folder: Folder, samples: Samples) -> None:
        self._names = dict(zip(samples.stems, samples.names, strict=True))
        self._scores = [_scores(task) for task in folder.tasks.values()]

    def of(self, stem: str) -> dict[str, str | float]:
        facts: dict[str, str | float] = {"frame": self._names[stem] or stem}
        for scores in self._scores:
            facts |= scores.get(stem, {})
        return facts


def _scores(task: Task) -> dict[str, dict[str, float]]:
    # LightlyStudio reads a dot as the way to a part of a value.
    name = _PATH.sub("_", task.name)
    columns = {f"{name} {score}": values.tolist() for score, values in file_scores(task).items()}
    return {
        stem: {key: round(float(values[row]), 6) for key, values in columns.items()}
        for row, stem in enumerate(task.columns.stems)
    }


def _write_frames(
    path: Path, inputs: Sequence[_Input], tasks: Sequence[TaskObjects], facts: _Facts
) -> list[dict[str, str]]:
    """A line for each frame; of each input a digest of each task, and of the facts under ``""``."""
    digests = []
    with path.open("wb") as file:
        for place, one in enumerate(inputs):
            hashes = {name: hashlib.sha256() for name in ("", *(task.name for task in tasks))}
            for number, (index, stem) in enumerate(one.frames):
                objects = {task.name: task.of(stem) for task in tasks}
                line: dict[str, Any] = {"m": place, "i": index, "meta": facts.of(stem), "objects": objects}
                for name, part in (("", line["meta"]), *objects.items()):
                    hashes[name].update(orjson.dumps([index, part]))
                if number == len(one.frames) - 1:
                    line["last"] = True
                file.write(orjson.dumps(line) + b"\n")
            digests.append({name: one.hexdigest() for name, one in hashes.items()})
    return digests
