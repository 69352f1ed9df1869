"""``sensor:`` in ``lightly.yaml``: how often it looks, how long it waits, how much it asks for."""

import logging
from functools import cache
from typing import Annotated, Any

from pydantic import Field, model_validator

from lightly_assets.config.section import Section
from lightly_assets.errors import BadValue

log = logging.getLogger(__name__)

_OLD_NAMES = {"stable_seconds": "trusted_age_seconds"}


class SensorSettings(Section):
    """How the sensor ``new_input`` looks for work, and how much it asks for at once."""

    running: bool = False
    """Whether it runs without being switched on in the UI: its first tick asks for everything there is."""
    interval_seconds: Annotated[int, Field(ge=1)] = 30
    """The least time between two looks."""
    trusted_age_seconds: Annotated[float, Field(ge=0)] = 60
    """A file this old is taken as complete at once; a younger one when two looks saw the same."""
    list_seconds: Annotated[float, Field(gt=0, le=40)] = 20
    """The longest that one look lists the input; the next one goes on from there."""
    partitions: Annotated[int, Field(ge=1)] = 500
    """The most partitions in a run."""
    inputs: Annotated[int, Field(ge=1)] = 5_000
    """The most inputs in a run."""
    bytes: Annotated[int, Field(ge=1)] = 64 << 30
    """A run gets no further input once it has this much."""
    runs: Annotated[int, Field(ge=1)] = 2
    """The most runs that are under way or waiting; more work is asked for when one of them ends."""

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, data: Any) -> Any:
        """Files of before are read as they are; what is called otherwise now is told once."""
        if not isinstance(data, dict):
            return data
        for old, new in _OLD_NAMES.items():
            if old not in data:
                continue
            if new in data:
                raise BadValue(f"sensor has both {new} and {old}, its old name; keep {new}")
            _tell(old, new)
            data = {new if key == old else key: value for key, value in data.items()}
        return data


@cache
def _tell(old: str, new: str) -> None:
    log.warning("lightly.yaml: sensor.%s is called sensor.%s now; please rename it.", old, new)
