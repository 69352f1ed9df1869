"""Keys that are safe to turn into a path: nothing else reaches a disk or a server."""

from __future__ import annotations

from lightly_assets.errors import BadValue
from lightly_assets.format.names.keys import validate_key
from lightly_assets.storage.store import BadKey

MAX_KEY_BYTES = 1024  # what S3 allows
MAX_NAME_BYTES = 255  # what file systems allow between two slashes


def check_key(key: str) -> str:
    """``key`` itself, when it stays below its root on every disk and server. Raises BadKey."""
    try:
        validate_key(key)
    except BadValue as error:
        raise BadKey(str(error)) from None
    if len(key) * 4 > MAX_NAME_BYTES:
        _check_length(key)
    return key


def check_folder(prefix: str) -> str:
    """A folder prefix without its trailing slash, ``""`` for the root. Raises BadKey."""
    folder = prefix.removesuffix("/")
    return check_key(folder) if folder else ""


def _check_length(key: str) -> None:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise BadKey(f"The key {key[:80]!r}... has over {MAX_KEY_BYTES} bytes; shorten it.")
    if max(len(segment.encode()) for segment in key.split("/")) > MAX_NAME_BYTES:
        raise BadKey(f"The key {key[:80]!r}... has a name of over {MAX_NAME_BYTES} bytes; shorten it.")
