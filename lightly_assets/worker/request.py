"""From settings to exactly what is sent: plain JSON, and the list of relevant filenames."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lightly_assets.format.rules.messages import more_problems
from lightly_assets.format.schema import Schema
from lightly_assets.worker.errors import WorkerConfigError
from lightly_assets.worker.models import model_problem
from lightly_assets.worker.selection import Tasks, auto_task_names, selection_problems
from lightly_assets.worker.settings import WorkerRunSettings
from lightly_assets.worker.words import suggestion

DATASET_TYPES = {"videos": "Videos", "images": "Images"}

# Options that the Worker's configuration had in version V4, for when the package ``lightly`` is not there.
_WORKER_OPTIONS = (
    "cache_size",
    "checkpoint",
    "checkpoint_run_id",
    "corruptness_check",
    "crops",
    "datasource",
    "embeddings",
    "enable_training",
    "normalize_embeddings",
    "num_processes",
    "num_threads",
    "output_image_format",
    "pretagging",
    "pretagging_upload",
    "selected_sequence_length",
    "shutdown_when_job_finished",
    "training",
    "upload_report",
    "use_datapool",
)
_LIGHTLY_OPTIONS = (
    "checkpoint_callback",
    "collate",
    "criterion",
    "loader",
    "model",
    "optimizer",
    "seed",
    "trainer",
)
# In the list of relevant filenames these mean more than themselves: a prefix, an exclusion, a comment.
_SPECIAL_STARTS = ("!", "#")


def worker_request(
    settings: WorkerRunSettings, tasks: Mapping[str, Schema], relevant_filenames: Iterable[str]
) -> dict[str, Any]:
    """The run as the platform will be asked for it, as plain JSON; equal states give equal requests.

    Args:
        settings: the ``worker_run`` section.
        tasks: the project's tasks with their schemas.
        relevant_filenames: keys of the inputs that the Worker shall consider, relative to the input
            datasource: videos and images, never frames.

    Returns:
        ``dataset`` (name or id, and type), ``tasks`` (those that were checked), ``run`` (the arguments of the
        SDK's ``schedule_compute_worker_run``) and ``relevant_filenames``, the lines of the file that
        ``run.worker_config.relevant_filenames_file`` names.

    Raises:
        WorkerConfigError: one sentence about the first thing that does not fit, and how many more there are.
    """
    validate(settings, tasks)
    names = sorted(set(relevant_filenames))
    for name in names:
        if problem := filename_problem(name):
            raise WorkerConfigError(problem)
    file = relevant_filenames_key(names)
    request = {
        "dataset": _dataset(settings),
        "tasks": list(settings.selected(tasks)),
        "run": {
            "worker_config": {**settings.worker_config, "relevant_filenames_file": file},
            "lightly_config": settings.lightly_config or None,
            "selection_config": settings.selection_config,
            "priority": settings.priority,
            "runs_on": list(settings.runs_on),
        },
        "relevant_filenames": names,
    }
    try:
        plain: dict[str, Any] = json.loads(json.dumps(request, sort_keys=True, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise WorkerConfigError(f"worker_run holds a value that JSON does not have: {error}.") from None
    return plain


def validate(settings: WorkerRunSettings, tasks: Mapping[str, Schema]) -> None:
    """Compares the settings with the tasks; with a token and the package ``lightly`` also with its models.

    Raises:
        WorkerConfigError: one sentence about the first problem, and how many more there are.
    """
    problems = _problems(settings, tasks)
    if problems:
        raise WorkerConfigError(f"worker_run.{problems[0]}{more_problems(len(problems) - 1)}")


def _problems(settings: WorkerRunSettings, tasks: Mapping[str, Schema]) -> list[str]:
    selected = settings.selected(tasks)
    available = Tasks(
        schemas=selected,
        unselected=frozenset(tasks) - frozenset(selected),
        foreign=auto_task_names(settings.selection_config),
        pretagging=settings.worker_config.get("pretagging") is True,
    )
    problems = [*_option_problems(settings), *selection_problems(settings.selection_config, available)]
    if not problems and (problem := model_problem(settings)):
        problems.append(problem)
    return problems


def _option_problems(settings: WorkerRunSettings) -> list[str]:
    problems = []
    if "relevant_filenames_file" in settings.worker_config:
        problems.append(
            "worker_config: leave out relevant_filenames_file; the list is written for every run."
        )
    known = {
        "worker_config": (*_WORKER_OPTIONS, "relevant_filenames_file"),
        "lightly_config": _LIGHTLY_OPTIONS,
    }
    for section, names in known.items():
        for key in getattr(settings, section):
            if key not in names:
                problems.append(f"{section}: '{key}' is no option{suggestion(str(key), names)}.")
    return problems


def _dataset(settings: WorkerRunSettings) -> dict[str, str]:
    dataset_type = DATASET_TYPES[settings.input_type]
    if settings.dataset_id is not None:
        return {"id": settings.dataset_id, "type": dataset_type}
    return {"name": str(settings.dataset), "type": dataset_type}


def filename_problem(key: str) -> str | None:
    """Why a key cannot stand in the list of relevant filenames for itself; None where it can.

    The platform's page "Relevant Filenames" gives ``*`` a meaning; exclusions start with ``!``, and blanks
    at the ends do not survive a list of lines.
    """
    if key.startswith(_SPECIAL_STARTS) or "*" in key or key != key.strip():
        return (
            f"The input {key!r} cannot be named in the list of relevant filenames, where '*', a first '!' or "
            "'#', and blanks at either end have another meaning; rename or exclude it."
        )
    return None


def relevant_filenames_to_bytes(names: Iterable[str]) -> bytes:
    """The file as the platform documents it: UTF-8, one path relative to the input datasource per line."""
    return "".join(f"{name}\n" for name in names).encode()


def relevant_filenames_key(names: Iterable[str]) -> str:
    """Where the list lies in the Lightly datasource.

    The name is made of the content: a run that waits for a Worker keeps its own list, whatever is scheduled
    after it.
    """
    digest = hashlib.sha256(relevant_filenames_to_bytes(names)).hexdigest()
    return f".lightly/relevant_filenames-{digest[:16]}.txt"


def is_relevant_filenames_key(key: str) -> bool:
    """Whether a key in the Lightly datasource is that of such a list."""
    return re.fullmatch(r"\.lightly/relevant_filenames-[0-9a-f]{16}\.txt", key) is not None


def request_to_bytes(request: Mapping[str, Any]) -> bytes:
    """The request as the file that a person schedules by; the filenames are in their own file."""
    shown = {key: value for key, value in request.items() if key != "relevant_filenames"}
    return (json.dumps(shown, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()
