"""``sensor:`` in ``lightly.yaml``: how often it looks, how long it waits, how much it asks for."""

from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler

from lightly_assets.config.section import Section
from lightly_assets.errors import BadValue

_OLD_NAMES = {"stable_seconds": "trusted_age_seconds"}


class SensorSettings(Section):
    """How the sensor ``new_input`` looks for work, and how much it asks for at once."""

    running: bool = False
    """Whether it runs without being switched on in the UI: its first tick asks for everything there is."""
    interval_seconds: Annotated[int, Field(ge=1, le=604_800)] = 30
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
    runs: Annotated[int, Field(ge=1, le=10_000)] = 2
    """The most runs that are under way or waiting; more work is asked for when one of them ends."""

    _old: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _take_old_names(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Files of before are read as they are."""
        if not isinstance(data, dict):
            return handler(data)
        found = tuple(old for old in _OLD_NAMES if old in data)
        for old in found:
            if (new := _OLD_NAMES[old]) in data:
                raise BadValue(f"sensor has both {new} and {old}, its old name; keep {new}")
        settings = handler({_OLD_NAMES.get(key, key): value for key, value in data.items()})
        settings._old = found
        return settings

    @property
    def old_names(self) -> dict[str, str]:
        """Keys of the file that are called otherwise now: old and new names.

        The command line tells them. Nothing is logged: each process of each run reads the file.
        """
        return {old: _OLD_NAMES[old] for old in self._old}
