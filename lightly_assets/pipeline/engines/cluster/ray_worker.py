"""What runs in a worker of Ray: an actor around the worker that all engines share. It does not import Ray."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightly_assets.media.decoding.decoder_process import pool
from lightly_assets.pipeline.engines.cluster.shipping import unpack
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.pipeline.engines.messages import Failed, Order, Report, portable
from lightly_assets.pipeline.engines.worker import Worker
from lightly_assets.storage.disk.temporary import is_abandoned, temporary_name

STOP_SECONDS = 3.5


def host_folder() -> Path:
    """Where workers of a user keep files on a host: what is being made, and model files by content.

    Raises:
        EngineError: somebody else's folder is in the way.
    """
    folder = Path(tempfile.gettempdir()) / f"lightly-assets-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise EngineError(f"{folder} belongs to somebody else, or others may write to it; remove it.")
    return folder


def clear_up(place: Path) -> None:
    """Remove what workers have left in a folder of a host that were killed."""
    for old in place.glob("*-tmp-*"):
        with suppress(FileNotFoundError):  # another worker that starts here was faster
            if is_abandoned(old.name, old.lstat().st_mtime, older_than=24 * 3600.0):
                shutil.rmtree(old, ignore_errors=True)


class RayWorker:
    """Takes groups and gives reports, both pickled; its methods are called from several threads."""

    def __init__(self, order: bytes, number: int, files: list[tuple[str, str, Any]]) -> None:
        import ray

        self._node = ray.get_runtime_context().get_node_id()
        self._failed: list[Report] = []
        self._worker: Worker | None = None
        self._folder: Path | None = None
        self._thread = threading.Thread(target=self._work, name="work", daemon=True)
        try:
            self._worker = self._made(pickle.loads(order), number, files, ray.get)  # noqa: S301 - our own
        except BaseException as error:  # noqa: BLE001 - raised again where the run was begun
            self._failed.append(Failed(portable(error)))

    def _made(
        self, order: Order, number: int, files: list[tuple[str, str, Any]], fetch: Callable[[Any], bytes]
    ) -> Worker:
        place = host_folder()
        clear_up(place)
        self._folder = place / temporary_name()
        self._folder.mkdir()
        base = unpack(files, fetch, place / "files", self._folder)
        project = order.project.model_copy(update={"base_dir": base})
        return Worker(replace(order, project=project), self._folder, f"worker-{number}")

    def _work(self) -> None:
        assert self._worker is not None
        self._worker.run()
        pool.close()
        shutil.rmtree(self._folder or "", ignore_errors=True)

    def begin(self) -> None:
        """Load the models, and work."""
        if self._worker is not None:
            self._thread.start()

    def give(self, group: bytes) -> None:
        """Work on a group once what was given before is done."""
        if self._worker is not None:
            self._worker.give(pickle.loads(group))  # noqa: S301 - our own

    def take(self, seconds: float) -> tuple[str, bytes]:
        """The id of this node, and what there is to say as soon as there is anything."""
        failed, self._failed = self._failed, []
        reports = failed or (self._worker.reports(seconds) if self._worker else [])
        return self._node, pickle.dumps(reports)

    def stop(self) -> bool:
        """End within seconds; whether nothing is left."""
        if self._worker is not None:
            self._worker.stop()
            if self._thread.ident is None:
                shutil.rmtree(self._folder or "", ignore_errors=True)
            else:
                self._thread.join(STOP_SECONDS)
        return not self._thread.is_alive()
