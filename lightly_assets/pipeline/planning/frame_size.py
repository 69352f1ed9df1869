"""The size that frames are decoded to, for all tasks of a run."""

from collections.abc import Collection

from lightly_assets.errors import BadValue
from lightly_assets.media.fit import Fit
from lightly_assets.models.preprocess import Shrinking
from lightly_assets.pipeline.planning.embedding_setup import AnySetup
from lightly_assets.pipeline.planning.task_setup import TaskSetup


def wanted_fit(setups: Collection[AnySetup]) -> Fit | None:
    """The size that all tasks that look at frames want them in; None: as they are.

    Raises:
        BadValue: they want different ones; a video is decoded once for all.
    """
    wanted: dict[Shrinking | None, str] = {}
    for setup in setups:
        if not setup.looks_up:
            wanted.setdefault(setup.shrinking if isinstance(setup, TaskSetup) else None, setup.name)
    if len(wanted) > 1 and (wanted.keys() - {None}):
        (first, one), (second, other) = list(wanted.items())[:2]
        raise BadValue(
            f"Task '{one}' wants frames {_shown(first)}, and task '{other}' {_shown(second)}; with "
            "preprocess.source: yuv all tasks must want the same, so put them into projects of their own."
        )
    shrinking = next(iter(wanted), None)
    return None if shrinking is None else Fit(*shrinking)


def _shown(shrinking: Shrinking | None) -> str:
    if shrinking is None:
        return "as they are"
    inside = "fitted into" if shrinking.keeps_shape else "of"
    return f"{inside} {shrinking.width}×{shrinking.height} pixels"
