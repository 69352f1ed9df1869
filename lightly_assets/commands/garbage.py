"""Python looks for garbage again and again while modules are imported, in vain: a fifth of a start."""

import gc

_USUAL = gc.get_threshold()
_RARELY = 50_000


def rarely_collect_garbage() -> None:
    """For the start of a command."""
    gc.set_threshold(_RARELY, *_USUAL[1:])


def collect_garbage_as_usual() -> None:
    """For work that may be long: as Python does, but what has been imported is not looked at again."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
