"""Inputs that are left alone on purpose, with the reason: a small list in the state."""

import json
from collections.abc import Callable

from lightly_assets.storage import NotFound, Store

_KEY = "quarantine.json"


def read_quarantine(state: Store) -> dict[str, str]:
    """Key → reason."""
    try:
        found: dict[str, str] = json.loads(state.read(_KEY))
    except NotFound:
        return {}
    return found


def change_quarantine(state: Store, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Replace the list by what ``change`` makes of it; nobody else's change is lost."""

    def changed(content: bytes | None) -> bytes:
        known: dict[str, str] = json.loads(content) if content else {}
        return json.dumps(change(known), indent=2, sort_keys=True).encode()

    state.update(_KEY, changed)
