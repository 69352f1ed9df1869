"""Whether a selection configuration fits the tasks, found out without the platform.

The tables follow the platform's pages "Selection Input", "Input and Strategy Combinations" and "Active
Learning Scorers", and the models of the package ``lightly`` 1.5.26.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lightly_assets.format.rules.messages import shown
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.worker.words import quoted, suggestion

PRETAGGING = "lightly_pretagging"
"""The platform's own detection task; it exists where ``worker_config`` has ``pretagging: true``."""

_SELECTION = ("n_samples", "proportion_samples", "strategies", "lightly_path_regex", "auto_tasks")
_STRATEGY = (
    "type",
    "strength",
    "target",
    "distribution",
    "threshold",
    "operation",
    "stopping_condition_minimum_distance",
    "stopping_condition_minimum_typicality",
    "stopping_condition_max_sum",
    "num_nearest_neighbors",
    "target_range",
)
_INPUTS: dict[str, tuple[str, ...]] = {
    "EMBEDDINGS": ("task", "dataset_id", "tag_name"),
    "SCORES": ("task", "score"),
    "METADATA": ("key",),
    "PREDICTIONS": ("task", "name", "categories"),
    "RANDOM": ("random_seed",),
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "SCORES": ("task", "score"),
    "METADATA": ("key",),
    "PREDICTIONS": ("task", "name"),
}
_SCALAR = ("WEIGHTS", "THRESHOLD")
_COMBINATIONS: dict[str, tuple[str, ...]] = {
    "EMBEDDINGS": ("DIVERSITY", "SIMILARITY", "TYPICALITY"),
    "METADATA": (*_SCALAR, "BALANCE"),
    "PREDICTIONS CATEGORY_COUNT": _SCALAR,
    "PREDICTIONS CLASS_DISTRIBUTION": ("BALANCE",),
    "RANDOM": _SCALAR,
    "SCORES": _SCALAR,
}
_OPERATIONS = ("SMALLER", "SMALLER_EQUAL", "BIGGER", "BIGGER_EQUAL")
_DISTRIBUTIONS = ("TARGET", "UNIFORM", "INPUT")
_UNCERTAINTY = ("uncertainty_least_confidence", "uncertainty_margin", "uncertainty_entropy")
# Which scores instance segmentation has is not documented.
_SCORES: dict[TaskType, tuple[str, ...]] = {
    TaskType.CLASSIFICATION: _UNCERTAINTY,
    TaskType.OBJECT_DETECTION: (*_UNCERTAINTY, "objectness_least_confidence", "object_frequency"),
    TaskType.KEYPOINT_DETECTION: ("mean_uncertainty",),
    TaskType.SEMANTIC_SEGMENTATION: _UNCERTAINTY,
}
# "Object or keypoint detection predictions can also be used to run Lightly with object diversity."
_WITH_OBJECT_EMBEDDINGS = (TaskType.OBJECT_DETECTION, TaskType.KEYPOINT_DETECTION)
# Sums of shares are typed by people: 3 × 0.333.
_SHARES = 1e-6


@dataclass(frozen=True)
class Tasks:
    """What a strategy may refer to."""

    schemas: Mapping[str, Schema]
    """The selected tasks."""
    unselected: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    """Tasks that the platform makes itself; nothing is known about their categories."""
    pretagging: bool = False

    def problem(self, name: Any) -> str | None:
        """Why no strategy can use a task of this name."""
        if not isinstance(name, str):
            return f"is {shown(name)}, but it must be a task's name"
        if name in self.schemas or name in self.foreign:
            return None
        if name == PRETAGGING:
            return None if self.pretagging else f"'{PRETAGGING}' needs pretagging: true in worker_config"
        if name in self.unselected:
            return f"the task '{name}' is not among worker_run.tasks, so nothing checks it; add it there"
        known = f"the tasks are {quoted(self.schemas)}" if self.schemas else "there are no tasks"
        return f"there is no task '{name}'{suggestion(name, self.schemas)}; {known}"


def selection_problems(config: Mapping[str, Any], tasks: Tasks) -> Iterator[str]:
    """Everything that is wrong, one sentence each, naming the field, the value and what is allowed."""
    where = "selection_config"
    yield from _unknown_keys(where, config, _SELECTION)
    yield from _amount_problems(where, config)
    strategies = config.get("strategies")
    if not isinstance(strategies, list) or not strategies:
        yield f"{where}.strategies is {shown(strategies)}, but it must be a list of at least one strategy."
        return
    for index, entry in enumerate(strategies):
        place = f"{where}.strategies[{index}]"
        parts = entry if isinstance(entry, dict) else {}
        given, strategy = parts.get("input"), parts.get("strategy")
        if not isinstance(given, dict) or not isinstance(strategy, dict) or len(parts) != 2:
            yield f"{place} must have the two keys input and strategy, and no others."
            continue
        yield from _input_problems(f"{place}.input", given, tasks)
        yield from _strategy_problems(place, given, strategy, tasks)


def _amount_problems(where: str, config: Mapping[str, Any]) -> Iterator[str]:
    number, share = config.get("n_samples"), config.get("proportion_samples")
    if number is not None and not (_is_integer(number) and number >= -1):
        yield f"{where}.n_samples is {shown(number)}, but it must be an integer from 0, or -1 for no limit."
    if share is not None and not (_is_number(share) and 0 <= share <= 1):
        yield f"{where}.proportion_samples is {shown(share)}, but it must be a number in [0, 1]."
    if number is not None and share is not None:
        yield f"{where} has both n_samples and proportion_samples; give one of them."


def _input_problems(where: str, given: dict[str, Any], tasks: Tasks) -> Iterator[str]:
    kind = given.get("type")
    if kind not in _INPUTS:
        yield f"{where}.type is {shown(kind)}, but it must be one of {', '.join(_INPUTS)}."
        return
    yield from _unknown_keys(where, given, ("type", *_INPUTS[kind]), f" of {kind}")
    missing = [key for key in _NEEDED.get(kind, ()) if key not in given]
    if missing:
        yield f"{where} is {kind}, which needs {' and '.join(missing)}."
        return
    if kind == "PREDICTIONS" and f"PREDICTIONS {given['name']}" not in _COMBINATIONS:
        yield f"{where}.name is {shown(given['name'])}, but it must be CLASS_DISTRIBUTION or CATEGORY_COUNT."
    if "task" not in given:
        return
    if problem := tasks.problem(given["task"]):
        yield f"{where}.task: {problem}."
    elif schema := tasks.schemas.get(given["task"]):
        yield from _task_problems(where, given, schema)


def _task_problems(where: str, given: dict[str, Any], schema: Schema) -> Iterator[str]:
    """Whether the task's type and categories fit what is asked of it."""
    task, task_type = given["task"], schema.task_type
    if given["type"] == "EMBEDDINGS" and task_type not in _WITH_OBJECT_EMBEDDINGS:
        yield (
            f"{where}.task: '{task}' is a task of {task_type}; the platform has embeddings of objects only "
            f"for {' and '.join(_WITH_OBJECT_EMBEDDINGS)}."
        )
    known = _SCORES.get(task_type)
    if given["type"] == "SCORES" and known is not None and given["score"] not in known:
        yield (
            f"{where}.score is {shown(given['score'])}{suggestion(str(given['score']), known)}; "
            f"'{task}' is a task of {task_type}, whose scores are {', '.join(known)}."
        )
    categories = given.get("categories", [])
    if not isinstance(categories, list):
        yield f"{where}.categories is {shown(categories)}, but it must be a list of category names."
    else:
        yield from _category_problems(f"{where}.categories", categories, task, schema)


def _category_problems(where: str, names: Any, task: str, schema: Schema) -> Iterator[str]:
    known = list(schema.names.values())
    for name in names:
        if name not in known:
            hint = suggestion(str(name), known)
            yield f"{where}: '{task}' has no category {shown(name)}{hint}; it has {quoted(known)}."


def _strategy_problems(
    place: str, given: dict[str, Any], strategy: dict[str, Any], tasks: Tasks
) -> Iterator[str]:
    where, kind = f"{place}.strategy", strategy.get("type")
    types = sorted({name for names in _COMBINATIONS.values() for name in names})
    if kind not in types:
        yield f"{where}.type is {shown(kind)}, but it must be one of {', '.join(types)}."
        return
    yield from _unknown_keys(where, strategy, _STRATEGY)
    source = given.get("type")
    if source == "PREDICTIONS":
        source = f"PREDICTIONS {given.get('name')}"
    fitting = _COMBINATIONS.get(str(source))
    if fitting is not None and kind not in fitting:
        yield f"{place}: {source} cannot be combined with {kind}; it can with {' and '.join(fitting)}."
    if kind == "THRESHOLD":
        yield from _threshold_problems(where, strategy)
    if kind == "BALANCE":
        yield from _balance_problems(where, given, strategy, tasks)


def _threshold_problems(where: str, strategy: dict[str, Any]) -> Iterator[str]:
    if not _is_number(strategy.get("threshold")):
        yield f"{where}.threshold is {shown(strategy.get('threshold'))}, but it must be a number."
    if strategy.get("operation") not in _OPERATIONS:
        operation = shown(strategy.get("operation"))
        yield f"{where}.operation is {operation}, but it must be one of {', '.join(_OPERATIONS)}."


def _balance_problems(
    where: str, given: dict[str, Any], strategy: dict[str, Any], tasks: Tasks
) -> Iterator[str]:
    distribution = strategy.get("distribution", "TARGET")
    if distribution not in _DISTRIBUTIONS:
        names = ", ".join(_DISTRIBUTIONS)
        yield f"{where}.distribution is {shown(distribution)}, but it must be one of {names}."
    target = strategy.get("target")
    if target is None and distribution != "TARGET":
        return
    if not isinstance(target, dict) or not target:
        yield f"{where}.target is {shown(target)}, but it must give each category its share."
        return
    shares = list(target.values())
    if not all(_is_number(share) and 0 <= share <= 1 for share in shares):
        yield f"{where}.target is {shown(target)}, but every share must be a number in [0, 1]."
    elif sum(shares) > 1 + _SHARES:
        yield f"{where}.target: the shares sum up to {sum(shares):g}; at most 1 is possible."
    schema = tasks.schemas.get(str(given.get("task")))
    if given.get("type") == "PREDICTIONS" and schema is not None:
        yield from _category_problems(f"{where}.target", target, given["task"], schema)


def _unknown_keys(
    where: str, config: Mapping[str, Any], known: tuple[str, ...], what: str = ""
) -> Iterator[str]:
    for key in config:
        if key not in known:
            yield f"{where}: '{key}' is no key{what}{suggestion(str(key), known)}."


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def auto_task_names(config: Mapping[str, Any]) -> frozenset[str]:
    """The tasks that the platform makes itself, as ``auto_tasks`` names them."""
    entries = config.get("auto_tasks") or []
    names = (entry.get("name") for entry in entries if isinstance(entry, dict))
    return frozenset(name for name in names if isinstance(name, str) and re.fullmatch(r"[\w.-]+", name))
