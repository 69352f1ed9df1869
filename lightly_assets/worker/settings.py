"""The ``worker_run`` section of ``lightly.yaml``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from lightly_assets.errors import BadValue
from lightly_assets.format.rules.messages import field_name, first_problem, shown
from lightly_assets.format.schema import Schema
from lightly_assets.settings import Settings
from lightly_assets.worker.errors import WorkerConfigError
from lightly_assets.worker.words import quoted, suggestion

TOKEN_VARIABLE = "LIGHTLY_TOKEN"  # noqa: S105 - the name of the variable, not a token
SERVER_VARIABLE = "LIGHTLY_SERVER_LOCATION"


def has_token() -> bool:
    """Whether the environment has a token, right or wrong."""
    return bool(os.environ.get(TOKEN_VARIABLE, "").strip())


class WorkerRunSettings(Settings):
    """Which Worker run to schedule once every check passes.

    The token is no setting: it comes from the environment variable ``LIGHTLY_TOKEN`` only, and the server
    from ``LIGHTLY_SERVER_LOCATION``, as for the ``lightly`` package.
    """

    # A value could be a secret in the wrong place: pydantic's own messages do not repeat it.
    model_config = ConfigDict(hide_input_in_errors=True)

    dataset: str | None = None
    """The dataset's name on the platform; it is created where there is none."""
    dataset_id: str | None = None
    """Instead of the name: the id of a dataset that exists."""
    input_type: Literal["videos", "images"]
    """A dataset on the platform holds one kind of input; the other kind is left out of the run."""
    tasks: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The tasks that must be right before a run starts; all of the project's where not given."""
    selection_config: dict[str, Any]
    """What to select, as the platform takes it: ``n_samples`` or ``proportion_samples``, ``strategies``."""
    worker_config: dict[str, Any] = Field(default_factory=dict)
    """Options of the Worker. ``relevant_filenames_file`` is set by Lightly Assets."""
    lightly_config: dict[str, Any] = Field(default_factory=dict)
    """Options of the self-supervised training."""
    priority: Literal["LOW", "MID", "HIGH", "CRITICAL"] = "MID"
    runs_on: tuple[str, ...] = ()
    """Labels that a Worker must have to take the run; the platform knows no other name or tag of a run."""

    @model_validator(mode="before")
    @classmethod
    def _no_token(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and any("token" in str(key).lower() for key in data):
            raise BadValue(
                f"a token does not belong into a file; set the environment variable {TOKEN_VARIABLE} instead"
            )
        return data

    @model_validator(mode="after")
    def _one_dataset(self) -> Self:
        if (self.dataset is None) == (self.dataset_id is None):
            raise BadValue("give either dataset (a name) or dataset_id (24 hexadecimal digits)")
        if self.dataset is not None and not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9 _-]{2,}", self.dataset):
            raise BadValue(
                f"dataset is {shown(self.dataset)}, but the platform takes three or more letters, "
                "digits, blanks, '_' and '-', the first a letter or a digit"
            )
        if self.dataset_id is not None and not re.fullmatch(r"[a-f0-9]{24}", self.dataset_id):
            raise BadValue(
                f"dataset_id is {shown(self.dataset_id)}, but it must be 24 hexadecimal digits, as the "
                "platform shows it"
            )
        return self

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Reads the section.

        Raises:
            WorkerConfigError: one sentence that says which setting has which value and what is allowed.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise WorkerConfigError(f"worker_run: {_sentence(error)}") from None

    def selected(self, tasks: Mapping[str, Schema]) -> dict[str, Schema]:
        """The selected tasks with their schemas, in the project's order.

        Raises:
            WorkerConfigError: a selected task is none of the project's, or the project has none.
        """
        if not tasks:
            raise WorkerConfigError("The project has no tasks, so there is nothing for a Worker run to use.")
        for name in self.tasks or ():
            if name not in tasks:
                raise WorkerConfigError(
                    f"worker_run.tasks: there is no task '{name}'{suggestion(name, tasks)}; "
                    f"the project has {quoted(tasks)}."
                )
        return {name: schema for name, schema in tasks.items() if self.tasks is None or name in self.tasks}


def _sentence(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if problem["type"] == "extra_forbidden":
        key = field_name(problem["loc"])
        return f"'{key}' is no setting{suggestion(key, WorkerRunSettings.model_fields)}."
    return first_problem(error).removeprefix("the document: ")
