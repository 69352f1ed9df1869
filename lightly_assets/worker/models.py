"""A second opinion: the models that the package ``lightly`` itself sends, where it is installed."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from lightly_assets.format.rules.messages import field_name
from lightly_assets.worker.settings import WorkerRunSettings, has_token
from lightly_assets.worker.words import suggestion


def has_sdk() -> bool:
    """Whether the package ``lightly`` is installed."""
    return find_spec("lightly") is not None


def prepare_sdk() -> None:
    """Importing ``lightly`` asks its server for the latest version; to validate must stay offline."""
    os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")


def model_problem(settings: WorkerRunSettings) -> str | None:
    """The first thing that the package's models refuse, as a sentence.

    None without the package, and without a token: nothing is sent then, and importing torch with the package
    takes longer than all that is checked.
    """
    if not (has_sdk() and has_token()):
        return None
    prepare_sdk()
    from lightly.openapi_generated.swagger_client.models import (
        DockerWorkerConfigV3Lightly,
        DockerWorkerConfigV4Docker,
        SelectionConfigV4,
    )

    sections = {
        "worker_config": DockerWorkerConfigV4Docker,
        "lightly_config": DockerWorkerConfigV3Lightly,
        "selection_config": SelectionConfigV4,
    }
    for section, model in sections.items():
        config = getattr(settings, section)
        if problem := _unknown_option(config, model, section) or _refused(config, model, section):
            return problem
    return None


def _unknown_option(config: dict[str, Any], model: Any, where: str) -> str | None:
    """Options are written as in Python; the package would take its JSON names too, and then fail on them."""
    for key, value in config.items():
        field = model.__fields__.get(key)
        if field is None:
            return f"{where}: '{key}' is no option{suggestion(str(key), model.__fields__)}."
        nested = isinstance(value, dict) and hasattr(field.type_, "__fields__")
        if nested and (problem := _unknown_option(value, field.type_, f"{where}.{key}")):
            return problem
    return None


def _refused(config: dict[str, Any], model: Any, where: str) -> str | None:
    from pydantic.v1 import ValidationError

    # An automatic task is a union that only the package's own functions take apart.
    plain = {key: value for key, value in config.items() if key != "auto_tasks"}
    try:
        model.parse_obj(plain)
    except ValidationError as error:
        problem = error.errors()[0]
        return f"{where}.{field_name(problem['loc'])}: the package lightly says: {problem['msg']}."
    return None
