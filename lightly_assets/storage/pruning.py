"""Leave folders out of a flat listing, without paying for what lies in them."""

from __future__ import annotations

from lightly_assets.storage.store import Skip

# A page of keys. Fewer are cheaper to read than to start the listing anew behind the folder.
_WORTH_A_JUMP = 1000
_LAST = "\U0010ffff"


class Pruning:
    """Follows a listing key by key."""

    def __init__(self, skip: Skip) -> None:
        self._wants_out = skip if callable(skip) else frozenset(skip).__contains__
        self._parent = ""
        self._skipped: str | None = None
        self._seen = 0
        self._jumped: set[str] = set()

    @property
    def is_skipped(self) -> bool:
        """Whether the last key lies in a folder that is left out."""
        return self._skipped is not None

    def jump_from(self, key: str) -> str | None:
        """Where to start the listing anew, when ``key`` is one of many in a folder that is left out."""
        parent = key[: key.rfind("/") + 1]
        if parent != self._parent:
            self._parent = parent
            skipped = next(filter(self._wants_out, _ancestors(parent)), None)
            if skipped != self._skipped:
                self._skipped, self._seen = skipped, 0
        if self._skipped is None:
            return None
        self._seen += 1
        if self._seen < _WORTH_A_JUMP or self._skipped in self._jumped:  # a server may ignore where to start
            return None
        self._jumped.add(self._skipped)
        return self._skipped + _LAST


def _ancestors(folder: str) -> list[str]:
    parts = folder.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) + "/" for depth in range(len(parts))]
