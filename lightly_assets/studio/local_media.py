"""Inputs as files on this machine, which is what LightlyStudio shows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from lightly_assets.format.names.keys import validate_key
from lightly_assets.storage import Entry, Store


class LocalMedia:
    """Where each input lies: where it is, or as a copy where it lies in a bucket."""

    def __init__(self, store: Store, folder: Path, progress: Callable[[str], None]) -> None:
        self._store = store
        self._folder = folder
        self._progress = progress

    def path(self, entry: Entry) -> str:
        """The absolute path of an input; a copy is made where there is none of this version.

        Raises:
            StorageError: it cannot be read.
        """
        validate_key(entry.key)
        if self._store.local_root is not None:
            return str((self._store.local_root / entry.key).resolve())
        target = self._folder.resolve() / entry.key
        noted = target.with_name(f".{target.name}.version")
        if target.exists() and noted.exists() and noted.read_text() == entry.fingerprint:
            return str(target)
        self._progress(f"copying {entry.key}")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        with self._store.local_file(entry) as path:
            shutil.copyfile(path, part)
        part.replace(target)
        noted.write_text(entry.fingerprint)
        return str(target)
