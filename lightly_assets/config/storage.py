"""``storage:`` in ``lightly.yaml``: how the roots are reached."""

from typing import Literal

from lightly_assets.storage.settings import StorageSettings


class RootsSettings(StorageSettings):
    """Settings of all three roots, and what differs for one of them."""

    input: StorageSettings | None = None
    lightly: StorageSettings | None = None
    state: StorageSettings | None = None

    def of(self, root: Literal["input", "lightly", "state"]) -> StorageSettings:
        """The settings of one root."""
        common = self.model_dump(exclude={"input", "lightly", "state"}, exclude_unset=True)
        own: StorageSettings | None = getattr(self, root)
        return StorageSettings(**common | (own.model_dump(exclude_unset=True) if own else {}))
