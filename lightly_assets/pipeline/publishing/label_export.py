"""The predictions of a task in the format of another tool."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from lightly_assets.errors import BadValue
from lightly_assets.format.names.frame_names import frame_name, parse_frame_name, prediction_path
from lightly_assets.format.names.paths import PREDICTIONS, schema_key, task_folder
from lightly_assets.format.names.suffixes import input_kind
from lightly_assets.format.schema import Schema
from lightly_assets.format.strict_json import parse_json
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.report import counted, some
from lightly_assets.labels.writing import WRITERS, Exported, Predicted
from lightly_assets.media.some_frames import Pictures
from lightly_assets.pipeline.publishing.label_input import LabelInput
from lightly_assets.pipeline.publishing.label_pictures import write_pictures
from lightly_assets.storage import NotFound, Store, open_store
from lightly_assets.tracking import track

if TYPE_CHECKING:
    from lightly_assets.media import VideoInfo

# Sizes of so many images are read at once.
_AT_ONCE = 1000
_NO_LIST = "{} has no list of predictions; 'lightly-assets check' says what is wrong."


def export_task(
    lightly: str | Path | Store,
    task: str,
    format: str,
    out: str | Path,
    *,
    input: str | Path | Store | None = None,
    selected: Collection[str] | None = None,
    pictures: str | Path | None = None,
) -> Exported:
    """Writes a task's predictions as another tool reads them; what is refused leaves no labels behind.

    Only inputs are read that the task has predictions of, of these only what is selected.

    Args:
        lightly: the Lightly datasource: a folder, a URL or a store.
        task: the task's name.
        format: one of :data:`~lightly_assets.labels.writing.WRITERS`.
        out: a file, or a folder, that is not there yet.
        input: the input datasource, for sizes of images and frames of videos; the Lightly datasource where
            both are one.
        selected: only these images and frames, by their own names.
        pictures: a folder for what the labels are of: frames as PNGs and copies of images, named as in the
            labels. They are written before the labels; what is there already is not done again. It may lie
            inside ``out``.

    Raises:
        LabelsError: there is no such task or format, the format cannot hold it, files are of no input, or
            an input that they are of is damaged.
        StorageError: a root is out of reach.
    """
    if format not in WRITERS:
        raise LabelsError(WRITERS.refusal("format", format))
    store = open_store(lightly) if isinstance(lightly, str | Path) else lightly
    schema = _schema(store, task)
    writer = WRITERS[format]
    if schema.task_type not in writer.task_types:
        fitting = [name for name in WRITERS.names if schema.task_type in WRITERS[name].task_types]
        raise LabelsError(
            f"The format {format} cannot hold {schema.task_type}; these can: {', '.join(fitting)}."
        )
    found = LabelInput(store if input is None else input)
    files = {key.removeprefix(f"{PREDICTIONS}/") for key in store.names(task_folder(task))}
    files = {key for key in files if key.endswith(".json") and key != f"{task}/schema.json"}
    if selected is not None:
        wanted = {prediction_path(task, name): name for name in selected}
        if missing := sorted(wanted.keys() - files):
            raise LabelsError(f"'{wanted[missing[0]]}' is selected, but '{task}' has no file for it.")
        files &= wanted.keys()
    places = _places(task, found, files)
    exported = Exported()
    if pictures is not None:
        done = _pictures(places, found, Path(out), Path(pictures))
        exported.pictures, exported.pictures_found = done.written + done.found, done.found
    with _whole(Path(out), pictures) as target:
        writer.write(_predicted(store, task, found, places), schema, target, exported)
    return exported


def _schema(store: Store, task: str) -> Schema:
    try:
        return Schema.parse(store.read(schema_key(task)))
    except NotFound:
        keys = (key.removeprefix(f"{PREDICTIONS}/") for key in store.names(PREDICTIONS))
        names = some(sorted({key.split("/")[0] for key in keys if "/" in key})) or "none"
        raise LabelsError(
            f"There is no task '{task}' with a schema.json in {store.url}; it has {names}."
        ) from None
    except BadValue as error:
        raise LabelsError(f"The task '{task}' cannot be exported: {error}") from None


@dataclass(frozen=True, slots=True)
class _Places:
    """What the files to export are of: keys of images, and the video and index of each path of a frame."""

    images: list[str]
    frames: dict[str, tuple[str, int]]


def _places(task: str, found: LabelInput, files: set[str]) -> _Places:
    """Images first and then video by video; what is of no input is an error."""
    images = [key for key in sorted(found.keys) if input_kind(key) == "image"]
    images = [key for key in images if prediction_path(task, key) in files]
    videos = _videos(task, found, files - {prediction_path(task, key) for key in images})
    frames = {
        path: (key, index)
        for key, info in videos.items()
        for index in range(info.frames or 0)
        if (path := prediction_path(task, frame_name(key, index, info.frames or 0))) in files
    }
    strays = files - frames.keys() - {prediction_path(task, key) for key in images}
    if strays:
        raise LabelsError(
            f"{len(strays):,} of {len(files):,} prediction files are of no image or frame of "
            f"{found.store.url}, such as {some(sorted(strays))}; name the input datasource with --input, or "
            "remove what is left over."
        )
    return _Places(images, frames)


def _videos(task: str, found: LabelInput, files: set[str]) -> dict[str, VideoInfo]:
    """The videos that files may be frames of, by their names; the others are not even opened."""
    named = {name.video for path in files if (name := parse_frame_name(path.removeprefix(f"{task}/")))}
    videos: dict[str, VideoInfo] = {}
    broken: list[str] = []
    for key in sorted(named.intersection(found.videos)):
        try:
            videos[key] = found.video(key)
        except LabelsError as error:
            broken.append(str(error).rstrip("."))
    if broken:
        more = f" (and {counted(len(broken) - 1, 'more video')})" if len(broken) > 1 else ""
        raise LabelsError(
            f"{broken[0]}{more}; '{task}' has predictions of it, so nothing is exported: mend it, or leave "
            "its frames out with --selected."
        )
    return videos


def _pictures(places: _Places, found: LabelInput, out: Path, folder: Path) -> Pictures:
    if out.exists() and (not out.is_dir() or any(one.resolve() != folder.resolve() for one in out.iterdir())):
        # The writer would say so, too, but only after all pictures.
        raise LabelsError(f"--out {out} is there already; nothing is overwritten.")
    wanted: dict[str, list[int]] = {}
    for key, index in places.frames.values():
        wanted.setdefault(key, []).append(index)
    return write_pictures(found, places.images, wanted, folder)


@contextmanager
def _whole(out: Path, pictures: str | Path | None) -> Iterator[Path]:
    """Where labels are written: nothing stays of what failed, and pictures may lie there already."""
    if pictures is None or not Path(pictures).resolve().is_relative_to(out.resolve()):
        taken = out.is_file() or (out.is_dir() and any(out.iterdir()))
        new = not out.exists()
        try:
            yield out
        except BaseException:
            if not taken:  # else the writer has refused it, and it is somebody's
                _remove_written(out, folder=new)
            raise
        return
    waiting = out.with_name(f".{out.name}.labels")
    shutil.rmtree(waiting, ignore_errors=True)
    try:
        yield waiting
        for one in waiting.iterdir():
            one.replace(out / one.name)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def _remove_written(out: Path, *, folder: bool) -> None:
    if out.is_file():
        out.unlink()
    elif out.is_dir():
        for one in list(out.iterdir()):
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        if folder:
            out.rmdir()


def _predicted(store: Store, task: str, found: LabelInput, places: _Places) -> Iterator[Predicted]:
    """What the files say."""
    images, frames = places.images, places.frames
    for start in track(range(0, len(images), _AT_ONCE), "Reading images"):
        part = images[start : start + _AT_ONCE]
        sizes = found.image_sizes(part)
        for key in part:
            singletons = _singletons(store, prediction_path(task, key))
            yield Predicted(key, singletons, sizes[key].width, sizes[key].height)
    for path, (key, index) in track(frames.items(), "Reading frames"):
        info = found.video(key)
        if info.resized_at is not None:
            raise LabelsError(
                f"The size of '{key}' changes at frame {info.resized_at}, so it cannot be exported."
            )
        count = info.frames or 0
        name = frame_name(key, index, count)
        size = (info.width or 0, info.height or 0)
        yield Predicted(name, _singletons(store, path), *size, key, index, count)


def _singletons(store: Store, path: str) -> list[dict[str, Any]]:
    data = store.read(f"{PREDICTIONS}/{path}")
    try:
        found = orjson.loads(data)["predictions"]
    except (ValueError, KeyError, TypeError):
        parse_json(data, path)  # says what is wrong with the JSON
        raise LabelsError(_NO_LIST.format(path)) from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise LabelsError(_NO_LIST.format(path))
    return found
