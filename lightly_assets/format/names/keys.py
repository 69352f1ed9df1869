"""Keys: what may be one. Names that come from a bucket or a label file are hostile input."""

import re

from lightly_assets.errors import BadValue

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def validate_key(key: str) -> None:
    """Refuses keys that could leave their root or that no file system and no JSON can hold.

    Raises:
        BadValue: one sentence that names the key and what is wrong with it.
    """
    if problem := _key_problem(key):
        raise BadValue(f"The key {key!r} {problem}; rename it or exclude it.")


def _key_problem(key: str) -> str | None:
    if not key:
        return "is empty"
    if _CONTROL.search(key):
        return "contains a control character"
    if "\\" in key:
        return "contains a backslash, which is a folder separator elsewhere"
    try:
        key.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if key.startswith("/"):
        return "starts with '/', but keys are relative to their root"
    segments = key.split("/")
    if "" in segments:
        return "has an empty folder or file name"
    if "." in segments or ".." in segments:
        return "contains '.' or '..' as a folder"
    return None
