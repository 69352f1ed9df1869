"""Keys that are safe to turn into a path: nothing else reaches a disk or a server."""

from __future__ import annotations

import re

from lightly_assets.storage.store import StorageError

MAX_KEY_BYTES = 1024  # what S3 allows
MAX_NAME_BYTES = 255  # what file systems allow between two slashes
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_key(key: str) -> str:
    """``key`` itself, when it stays below its root on every disk and server. Raises StorageError."""
    problem = _problem(key)
    if problem:
        raise StorageError(f"The key {key[:200]!a} {problem}; rename the file.")
    return key


def check_folder(prefix: str) -> str:
    """A folder prefix without its trailing slash, ``""`` for the root. Raises StorageError."""
    folder = prefix.removesuffix("/")
    return check_key(folder) if folder else ""


def _problem(key: str) -> str | None:
    if not key:
        return "is empty"
    if key.startswith("/"):
        return "is absolute"
    if "\\" in key:
        return "contains a backslash"
    if _CONTROL.search(key):
        return "contains a control character or is not valid Unicode"
    segments = key.split("/")
    if "" in segments or "." in segments or ".." in segments:
        return "contains an empty, '.' or '..' segment"
    if len(key) * 4 > MAX_NAME_BYTES:
        if len(key.encode()) > MAX_KEY_BYTES:
            return f"is longer than {MAX_KEY_BYTES} bytes"
        if max(len(segment.encode()) for segment in segments) > MAX_NAME_BYTES:
            return f"has a name longer than {MAX_NAME_BYTES} bytes"
    return None
