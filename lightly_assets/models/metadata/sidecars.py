"""What lies beside a model's file: the configurations that packages save with their models."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from lightly_assets.models.metadata.exports import facts_of_metadata
from lightly_assets.models.metadata.facts import Facts, names_of
from lightly_assets.models.metadata.mmdeploy import facts_of_deployment, facts_of_mmdeploy
from lightly_assets.models.metadata.paddle import facts_of_paddle
from lightly_assets.models.metadata.processors import facts_of_processor
from lightly_assets.models.metadata.transformers import facts_of_config
from lightly_assets.models.protocol import ModelError

# Configurations are small; what is larger is something else.
_LARGEST = 32 << 20
_TEXT_NAMES = ("labels.txt", "classes.txt", "class_names.txt")


def facts_beside(path: Path) -> Facts:
    """What the files beside a model say, the most specific first.

    Raises:
        ModelError: one of them is damaged.
    """
    # Optimum writes onnx/model.onnx below the folder of the configurations.
    folders = [path.parent, path.parent.parent] if path.parent.name == "onnx" else [path.parent]
    found = Facts()
    for name, read in _READERS.items():
        for folder in folders:
            file = folder / name
            if file.is_file() and file.stat().st_size <= _LARGEST:
                found = found.under(read(file))
                break
    return found


def _json(read: Callable[[dict[str, Any], str], Facts]) -> Callable[[Path], Facts]:
    def from_file(file: Path) -> Facts:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{file}, beside the model, cannot be read as JSON: {error}.") from None
        return read(content, file.name) if isinstance(content, dict) else Facts()

    return from_file


def _yaml(read: Callable[[dict[str, Any], str], Facts]) -> Callable[[Path], Facts]:
    def from_file(file: Path) -> Facts:
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            problem = getattr(error, "problem", None) or " ".join(str(error).split())
            raise ModelError(f"{file}, beside the model, cannot be read as YAML: {problem}.") from None
        return read(content, file.name) if isinstance(content, dict) else Facts()

    return from_file


def _ultralytics(content: dict[str, Any], file: str) -> Facts:
    found = facts_of_metadata(content)
    signals = {name: signal.replace("metadata", file, 1) for name, signal in found.signals.items()}
    return replace(found, signals=signals)


def _class_indices(content: dict[str, Any], file: str) -> Facts:
    """Keras: name → number of the class."""
    if not all(isinstance(number, int) for number in content.values()):
        return Facts()
    names = names_of({number: name for name, number in content.items()})
    return Facts(names=names, signals={"names": file}) if names else Facts()


def _lines(file: Path) -> Facts:
    """A name on each line; some write the number before it."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        return Facts()
    split = [line.split(maxsplit=1) for line in lines]
    if all(len(parts) == 2 and parts[0] == str(number) for number, parts in enumerate(split)):
        lines = [parts[1] for parts in split]
    return Facts(names=tuple(lines), signals={"names": file.name}) if lines else Facts()


_READERS: dict[str, Callable[[Path], Facts]] = {
    "preprocessor_config.json": _json(facts_of_processor),
    "config.json": _json(facts_of_config),
    # ultralytics, beside OpenVINO's files and others.
    "metadata.yaml": _yaml(_ultralytics),
    "infer_cfg.yml": _yaml(facts_of_paddle),
    "inference.yml": _yaml(facts_of_paddle),
    "pipeline.json": _json(facts_of_mmdeploy),
    "deploy.json": _json(facts_of_deployment),
    "class_indices.json": _json(_class_indices),
    **dict.fromkeys(_TEXT_NAMES, _lines),
}

SIDECARS = tuple(_READERS)
"""The names of all files beside a model that are read."""
