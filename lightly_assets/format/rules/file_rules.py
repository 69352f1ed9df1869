"""The rules: bytes or parsed JSON in, findings out. One file at a time, every problem named.

Source: the whole specification; where it is silent or contradicts itself, ``docs/format.md`` says how it is
read. Walking folders is not done here.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.suffixes import IMAGE_SUFFIXES, split_suffix
from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.rules.findings import Finding, finding
from lightly_assets.format.rules.messages import first_problem, shown
from lightly_assets.format.rules.prediction_rules import UNKNOWN, Expected, PredictionRules, Problem, escaped
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.format.strict_json import JsonError, parse_json
from lightly_assets.format.tasks import TASK_NAME

MAX_FILE_SIZE = 256 << 20


def check_tasks(data: bytes) -> tuple[list[str], list[Finding]]:
    """The usable task names in a ``tasks.json`` and the findings about it."""
    file = "tasks.json"
    try:
        tasks = parse_json(data, file)
    except JsonError as error:
        return [], [finding(error.rule, file, "", str(error))]
    if not isinstance(tasks, list):
        message = f"tasks.json is {shown(tasks)}; it must be a list of task names."
        return [], [finding("tasks-invalid", file, "", message)]
    names: list[str] = []
    findings: list[Finding] = []
    for index, name in enumerate(tasks):
        if problem := _task_problem(name, names):
            findings.append(finding(problem[0], file, f"/{index}", problem[1]))
        if isinstance(name, str) and name not in names and _is_folder_name(name):
            names.append(name)
    return names, findings


def _is_folder_name(name: str) -> bool:
    return name not in ("", ".", "..") and not any(character in name for character in "/\\\0")


def _task_problem(name: Any, before: list[str]) -> tuple[str, str] | None:
    if not isinstance(name, str):
        return "tasks-invalid", f"The entry is {shown(name)}; it must be the name of a task."
    if name in before:
        return "tasks-duplicate", f"The task {shown(name)} is listed twice; list it once."
    if TASK_NAME.fullmatch(name):
        return None
    allowed = "at least two of a-z, A-Z, 0-9, '.', '_' and '-', the first a letter or a digit"
    if _is_folder_name(name) and TASK_NAME.fullmatch(name.replace(" ", "_")):
        return (
            "task-name-selection",
            f"The task name {shown(name)} has spaces; a selection can only use {allowed}.",
        )
    return "task-name", f"The task name is {shown(name)}; allowed are {allowed}."


def check_schema(data: bytes, file: str) -> tuple[Schema | None, list[Finding]]:
    """The schema, None where it is not valid, and the findings about it."""
    try:
        parsed = parse_json(data, file)
    except JsonError as error:
        return None, [finding(error.rule, file, "", str(error))]
    findings = [finding(rule, file, pointer, message) for rule, pointer, message in _schema_problems(parsed)]
    if any(found.severity == "error" for found in findings):
        return None, findings
    try:
        return Schema.model_validate(parsed), findings
    except ValidationError as error:
        return None, [*findings, finding("schema-invalid", file, "", first_problem(error))]


def _schema_problems(parsed: Any) -> Iterator[Problem]:
    if not isinstance(parsed, dict):
        yield (
            "schema-invalid",
            "",
            f"The schema is {shown(parsed)}; it must be an object with task_type and categories.",
        )
        return
    for key in ("task_type", "categories"):
        if key not in parsed:
            yield "schema-invalid", "", f"The schema has no {key}."
    if "task_type" in parsed and parsed["task_type"] not in list(TaskType):
        allowed = ", ".join(TaskType)
        yield (
            "schema-task-type",
            "/task_type",
            f"task_type is {shown(parsed['task_type'])}; allowed are {allowed}.",
        )
    if "categories" in parsed:
        yield from _category_problems(parsed["categories"])


def _category_problems(categories: Any) -> Iterator[Problem]:
    if not isinstance(categories, list) or not categories:
        yield (
            "schema-categories",
            "/categories",
            f"categories is {shown(categories)}; it must list at least one object.",
        )
        return
    ids: dict[int, int] = {}
    names: dict[str, int] = {}
    for index, category in enumerate(categories):
        pointer = f"/categories/{index}"
        if not isinstance(category, dict):
            yield (
                "schema-categories",
                pointer,
                f"The category is {shown(category)}; it must have an id and a name.",
            )
            continue
        category_id, name = category.get("id"), category.get("name")
        if type(category_id) is not int or category_id < 0:
            yield (
                "category-id",
                f"{pointer}/id",
                f"The id is {shown(category_id)}; it must be an integer from 0.",
            )
        elif category_id in ids:
            first = ids[category_id]
            yield (
                "category-duplicate",
                f"{pointer}/id",
                f"The id {category_id} is also that of category {first}.",
            )
        else:
            ids[category_id] = index
        if not isinstance(name, str) or not name:
            yield "category-name", f"{pointer}/name", f"The name is {shown(name)}; it must be a text."
        elif name in names:
            yield (
                "category-name-duplicate",
                f"{pointer}/name",
                f"The name {shown(name)} is also that of category {names[name]}.",
            )
        else:
            names[name] = index
    if ids and sorted(ids) != list(range(len(ids))):
        some = ", ".join(map(str, sorted(ids)[:5])) + (", …" if len(ids) > 5 else "")
        yield "category-gap", "/categories", f"The ids are {some}; the page expects 0 to {len(ids) - 1}."


def check_prediction_file(
    source: bytes | dict[str, Any] | list[Any],
    file: str,
    schema: Schema,
    expected: Expected = UNKNOWN,
    statistics: BoxStatistics | None = None,
) -> list[Finding]:
    """All findings in one prediction file; equal problems are counted and the first one is shown.

    Args:
        source: the file's bytes, or what strict JSON parsing made of them.
        file: its path, relative to the predictions folder.
        expected: the image's name and size, as far as known.
        statistics: collects the boxes, to find corners written as boxes.
    """
    if isinstance(source, bytes):
        if len(source) > MAX_FILE_SIZE:
            return [
                finding(
                    "file-too-large", file, "", f"The file has {len(source):,} bytes; 256 MiB are allowed."
                )
            ]
        try:
            parsed = parse_json(source, file)
        except JsonError as error:
            return [finding(error.rule, file, "", str(error))]
    else:
        parsed = source
    found: dict[str, Finding] = {}
    counts: dict[str, int] = {}
    for rule, pointer, message in _file_problems(parsed, file, schema, expected, statistics):
        found.setdefault(rule, finding(rule, file, pointer, message))
        counts[rule] = counts.get(rule, 0) + 1
    return [finding(one.rule, file, one.pointer, one.message, counts[one.rule]) for one in found.values()]


def _file_problems(
    parsed: Any, file: str, schema: Schema, expected: Expected, statistics: BoxStatistics | None
) -> Iterator[Problem]:
    if not isinstance(parsed, dict):
        yield "file-invalid", "", f"The file is {shown(parsed)}; it must have file_name and predictions."
        return
    for key in ("file_name", "predictions"):
        if key not in parsed:
            yield "file-key-missing", "", f"The file has no {key}."
    for key in parsed:
        if key not in ("file_name", "predictions"):
            yield (
                "file-key-unknown",
                escaped(key),
                f"The file has the key {shown(key)}, which the format does not know.",
            )
    if "file_name" in parsed:
        yield from _file_name_problems(parsed["file_name"], file, expected.file_name)
    if "predictions" not in parsed:
        return
    predictions = parsed["predictions"]
    if not isinstance(predictions, list):
        yield (
            "predictions-invalid",
            "/predictions",
            f"predictions is {shown(predictions)}; it must be a list.",
        )
        return
    check = PredictionRules(schema, expected, statistics)
    for index, prediction in enumerate(predictions):
        for rule, pointer, message in check.problems(prediction):
            yield rule, f"/predictions/{index}{pointer}", message


def _file_name_problems(name: Any, file: str, expected: str | None) -> Iterator[Problem]:
    # A prediction file lies in the folder of its task.
    stem = split_suffix(file.partition("/")[2])[0]
    if not isinstance(name, str):
        yield (
            "file-name",
            "/file_name",
            f"file_name is {shown(name)}; it must be a path such as '{stem}.png'.",
        )
    elif expected is not None:
        if name != expected:
            yield "file-name", "/file_name", f"file_name is {shown(name)}; it must be '{expected}'."
    elif split_suffix(name)[0] != stem:
        yield (
            "file-name",
            "/file_name",
            f"file_name is {shown(name)}; this file's own path needs '{stem}' and the image's suffix.",
        )
    elif split_suffix(name)[1].lower() not in IMAGE_SUFFIXES:
        suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
        yield (
            "file-name",
            "/file_name",
            f"file_name is {shown(name)}; it must end like an image ({suffixes}; frames .png).",
        )
    elif parse_frame_name(file) and not name.endswith(".png"):
        yield (
            "frame-file-name",
            "/file_name",
            f"file_name is {shown(name)}; of a video's frame it must end in .png.",
        )
