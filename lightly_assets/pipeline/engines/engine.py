"""The engine of a run, as ``engine:`` in ``lightly.yaml`` says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lightly_assets.config import Project
from lightly_assets.media import Limits
from lightly_assets.pipeline.engines.crew import Crew
from lightly_assets.pipeline.engines.dispatch import Dispatch
from lightly_assets.pipeline.engines.messages import Order
from lightly_assets.pipeline.engines.processes import ProcessCrew
from lightly_assets.pipeline.planning.embedding_setup import AnySetup
from lightly_assets.pipeline.planning.plan import UnitWork
from lightly_assets.pipeline.running.commit import Warehouse
from lightly_assets.pipeline.running.flow import Flow
from lightly_assets.pipeline.running.outcome import UnitOutcome

log = logging.getLogger(__name__)

Engine = Callable[[Sequence[UnitWork]], Iterator[UnitOutcome]]
"""Does the work on units; what came of each, as soon as it is known."""


@dataclass(frozen=True)
class Terms:
    """How the work is to be done, whoever does it."""

    limits: Limits | None = None
    on_frames: Callable[[str, int], None] = lambda _, __: None
    on_note: Callable[[int, str], None] = log.log
    """A line for the log, with its level."""
    on_pace: Callable[[str], None] | None = None
    """What was waited for longest, where the run's own process does the work."""
    sheets: bool = True


@contextmanager
def open_engine(
    house: Warehouse, setups: dict[str, AnySetup], known: Collection[str], folder: Path, terms: Terms
) -> Iterator[Engine]:
    """What does the work of a run, for as long as the context is open.

    Args:
        house: the project's roots.
        setups: of all tasks that there is work for.
        known: the keys of all inputs.
        folder: for what is in between; whoever calls removes it.
        terms: how the work is to be done.

    Raises:
        EngineError: the workers cannot be had.
    """
    settings = house.project.engine
    if settings.in_this_process:
        yield _Here(house, setups, folder, terms).run
        return
    order = _order(house.project, setups, known, terms)
    crew: Crew
    if settings.kind == "ray":
        from lightly_assets.pipeline.engines.cluster.ray_crew import RayCrew  # late: an extra

        crew = RayCrew(house, order, folder)
    else:
        crew = ProcessCrew(settings, order, folder)
    dispatch = Dispatch(crew, house, setups, on_frames=terms.on_frames, on_note=terms.on_note)
    for setup in setups.values():
        setup.let_go()
    try:
        yield dispatch.run
    finally:
        if not crew.close() or dispatch.deaths:
            _sweep(house)


class _Here:
    """The run's own process, with its threads."""

    def __init__(self, house: Warehouse, setups: dict[str, AnySetup], folder: Path, terms: Terms) -> None:
        self._house, self._setups, self._folder, self._terms = house, setups, folder, terms
        self._passes = 0

    def run(self, units: Sequence[UnitWork]) -> Iterator[UnitOutcome]:
        terms, self._passes = self._terms, self._passes + 1
        flow = Flow(
            self._house,
            self._setups,
            self._folder / f"pass-{self._passes}",
            limits=terms.limits,
            on_frames=terms.on_frames,
            on_pace=terms.on_pace,
            sheets=terms.sheets,
        )
        return flow.run(units)


def _order(project: Project, setups: dict[str, AnySetup], known: Collection[str], terms: Terms) -> Order:
    return Order(
        project,
        {name: (setup.model_version, setup.settings_hash) for name, setup in setups.items()},
        {name: list(known) for name, setup in setups.items() if setup.looks_up},
        terms.limits,
        terms.sheets,
    )


def _sweep(house: Warehouse) -> None:
    """Remove what workers that were killed were just writing on disk."""
    for store, prefix in ((house.lightly, ".lightly"), (house.state, "")):
        if store.local_root is not None:
            store.sweep(prefix, older_than=24 * 3600.0)
