"""Where what is published lies in the Lightly datasource, and under which names."""

from collections.abc import Iterator

from lightly_assets.format.names.frame_names import frame_name, prediction_path

PREDICTIONS = ".lightly/predictions"
TASKS_JSON = f"{PREDICTIONS}/tasks.json"


def task_folder(task: str) -> str:
    """The folder of a task."""
    return f"{PREDICTIONS}/{task}"


def schema_key(task: str) -> str:
    """The schema of a task."""
    return f"{task_folder(task)}/schema.json"


def file_name(key: str, index: int | None, frames: int | None) -> str:
    """What a prediction file says it is about."""
    return key if index is None or frames is None else frame_name(key, index, frames)


def file_key(task: str, name: str) -> str:
    """Where the predictions of an image or frame lie."""
    return f"{PREDICTIONS}/{prediction_path(task, name)}"


def file_keys(task: str, key: str, frames: int | None) -> Iterator[str]:
    """All prediction files of an input: one for an image (``frames=None``), else one per frame."""
    if frames is None:
        yield file_key(task, key)
        return
    for index in range(frames):
        yield file_key(task, frame_name(key, index, frames))
