"""Python looks for garbage again and again while modules are imported, in vain: a fifth of a start."""

import gc

_USUAL = gc.get_threshold()
_RARELY = 50_000
# More than everything that is imported for a run of Dagster makes.
_HARDLY = 1_000_000


def rarely_collect_garbage() -> None:
    """For the start of a command."""
    gc.set_threshold(_RARELY, *_USUAL[1:])


def hardly_collect_garbage() -> None:
    """For a start that imports most of what there is, and is followed by :func:`collect_garbage_as_usual`."""
    gc.set_threshold(_HARDLY, *_USUAL[1:])


def collect_garbage_as_usual() -> None:
    """For work that may be long: as Python does, but what has been imported is not looked at again."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
