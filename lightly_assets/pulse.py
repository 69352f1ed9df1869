"""Whether a process gets on: what finishes a piece of work says so, and who watches asks when that was last.

A pulse is of the whole process, whatever its threads do: a frame that was decoded, an answer of a model, a
request or a file that is done. That a thread waits, or tries again, is none.
"""

import time

_last = time.monotonic()


def beat() -> None:
    """A piece of work is done; costs a tenth of a microsecond."""
    global _last
    _last = time.monotonic()


def last_beat() -> float:
    """When that was, by ``time.monotonic()``."""
    return _last
