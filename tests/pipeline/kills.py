"""A run that is killed at its n-th write: ``python -m tests.pipeline.kills LIGHTLY_YAML N [gc]``.

Counted are the system calls that make something visible: a file that gets its name, a file that is deleted.
The process dies without any warning right before or right after (every other one), as with ``kill -9``. With
N = 0 it lives, and prints how many there were.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightly_assets.config import load_project
from lightly_assets.pipeline.collect import collect
from lightly_assets.pipeline.run import Session


class Deadly:
    """Counts calls, and ends the process at one of them."""

    def __init__(self, deadly: int) -> None:
        self.count = 0
        self._deadly = deadly

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self._deadly and self.count % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **kwargs)
            if self.count == self._deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted


def main(config: Path, deadly: int, *, garbage: bool) -> None:
    project = load_project(config)
    with Session(project) as session:
        # Only from here on, so that the numbers are about our own writes.
        counter = Deadly(deadly)
        for name in ("replace", "rename", "unlink"):
            setattr(os, name, counter.around(getattr(os, name)))
        if garbage:
            collect(session)
        else:
            for _ in session.run(session.plan(), sheets=False):
                pass
            session.finish()
    print(counter.count)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), garbage="gc" in sys.argv)
