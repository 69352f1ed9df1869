"""The versions of a project's models, without loading them here.

A model's version is known once it is loaded, which can take a gigabyte and a minute. A process of its own
does that, and only when something about the models has changed: their settings, a file that these name, or
the Python files beside ``lightly.yaml``; and now and then, because code can depend on more than that.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightly_assets.config import Project, load_again
from lightly_assets.models.protocol import ModelError
from lightly_assets.pipeline.planning.embedding_setup import embedding_setups
from lightly_assets.pipeline.planning.task_setup import task_setups
from lightly_assets.pipeline.state.records import version
from lightly_assets.pipeline.watching.seen_inputs import Versions

_AGAIN_SECONDS = 1800.0
_LONGEST_SECONDS = 900.0


class ModelVersions:
    """Asks for the versions of a project's models when they may have changed."""

    def __init__(self) -> None:
        self._signature = ""
        self._asked = 0.0
        self._found: dict[str, Versions] = {}
        self._process: subprocess.Popen[str] | None = None
        self._of = ""

    def get(self, project: Project, wait: float) -> dict[str, Versions] | None:
        """By task; None where loading takes longer than ``wait`` seconds: ask again later.

        Raises:
            ModelError: a model cannot be loaded.
        """
        signature = version(*_signature(project))
        again = time.monotonic() - self._asked > _AGAIN_SECONDS
        if self._process is None and signature == self._signature and not again:
            return self._found
        if self._process is not None and self._of != signature:
            self._stop()
        if self._process is None:
            self._of, self._asked = signature, time.monotonic()
            self._process = _start(project)
        try:
            out, problem = self._process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            if time.monotonic() - self._asked < _LONGEST_SECONDS:
                return None
            self._stop()
            raise ModelError(f"The models take more than {_LONGEST_SECONDS:.0f} s to load.") from None
        code, self._process = self._process.returncode, None
        if code != 0:
            self._signature = ""
            raise ModelError(problem.strip().splitlines()[-1] if problem.strip() else f"ended with {code}")
        self._found = {name: Versions(*one) for name, one in json.loads(out.splitlines()[-1]).items()}
        self._signature = self._of
        return self._found

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start(project: Project) -> "subprocess.Popen[str]":
    sections = json.dumps(project.inline) if project.inline else ""
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", __name__, str(project.path), sections],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _signature(project: Project) -> Iterator[object]:
    """What the versions depend on as far as that is cheap to see."""
    yield project.path
    yield project.boxes, project.probability_tolerance
    models: list[tuple[tuple[object, ...], Any]] = [
        ((task.name, task.schema_.hash()), task.model) for task in project.tasks
    ]
    if project.embeddings is not None:
        one = project.embeddings
        models.append((("", one.normalise, one.objects), one.model))
    for about, model in models:
        settings = model.model_dump(mode="json")
        yield about, json.dumps(settings, sort_keys=True)
        for value in _texts(settings):
            yield _stamp(project.base_dir / value)
        top = project.base_dir / str(settings.get("call", "")).partition(":")[0].partition(".")[0]
        if top != project.base_dir and top.is_dir():
            yield from (_stamp(path) for path in sorted(top.rglob("*.py")))
    yield from (_stamp(path) for path in sorted(project.base_dir.glob("*.py")))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return str(path), status.st_size, status.st_mtime_ns


def _main(path: str, sections: str) -> int:
    out, sys.stdout = sys.stdout, sys.stderr  # what a model prints is not the answer
    try:
        project = load_again(path, sections or None)
        setups = task_setups(project)
        found: dict[str, tuple[str, str, str, bool]] = {
            name: (one.model_version, one.settings_hash, one.schema.hash(), True)
            for name, one in setups.items()
        }
        for name, vectors in embedding_setups(project, setups).items():
            found[name] = vectors.model_version, vectors.settings_hash, "", False
    except Exception as error:  # noqa: BLE001 - said to whoever asked
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    print(json.dumps(found), file=out)
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
