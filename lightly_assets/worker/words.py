"""Parts of error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def quoted(names: Iterable[str], limit: int = 8) -> str:
    """``'a', 'b' and 3 more``."""
    some = list(names)
    text = ", ".join(f"'{name}'" for name in some[:limit])
    return f"{text} and {len(some) - limit} more" if len(some) > limit else text


def suggestion(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'people'?)`` where a known name is close."""
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
