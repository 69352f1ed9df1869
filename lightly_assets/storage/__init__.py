"""Roots on disk or in object storage: list, read and publish atomically.

``open_store`` gives a ``Store`` for a folder or a URL; everything else works with that protocol. Where
something is only cheap, or only possible, on a disk, it asks the store for its ``local_root``.
``docs/storage.md`` is the page for users, ``docs/threats.md`` what is defended.
"""

from lightly_assets.storage.doctor import Diagnosis, diagnose
from lightly_assets.storage.open import open_store
from lightly_assets.storage.settings import StorageSettings
from lightly_assets.storage.store import (
    OWN_FOLDER,
    BadKey,
    Changed,
    Conflict,
    Denied,
    Entry,
    NotFound,
    StorageError,
    Store,
    Unavailable,
)

__all__ = [
    "OWN_FOLDER",
    "BadKey",
    "Changed",
    "Conflict",
    "Denied",
    "Diagnosis",
    "Entry",
    "NotFound",
    "StorageError",
    "StorageSettings",
    "Store",
    "Unavailable",
    "diagnose",
    "open_store",
]
