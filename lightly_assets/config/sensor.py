"""``sensor:`` in ``lightly.yaml``: how often it looks, how long it waits, how much it asks for."""

from typing import Annotated

from pydantic import Field

from lightly_assets.config.section import Section


class SensorSettings(Section):
    """How the sensor ``new_input`` looks for work, and how much it asks for at once."""

    running: bool = False
    """Whether it runs without being switched on in the UI: its first tick asks for everything there is."""
    interval_seconds: Annotated[int, Field(ge=1)] = 30
    """The least time between two looks."""
    stable_seconds: Annotated[float, Field(ge=0)] = 60
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
