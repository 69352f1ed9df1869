"""What was found, each with its signal: what it was seen by."""

from dataclasses import dataclass
from typing import Literal

Sureness = Literal["found", "guess", "open"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, guessed, or is open."""

    what: str
    """``size``, ``layout``, ``classes``."""
    value: str
    signal: str
    """Where it was seen: ``metadata imgsz``; of a guess, what speaks for it; of what is open, what to do."""
    sureness: Sureness = "found"

    def __str__(self) -> str:
        mark = {"found": "", "guess": "guess: ", "open": "OPEN: "}[self.sureness]
        return f"{self.what} {self.value}: {mark}{self.signal}"
