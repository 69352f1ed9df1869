"""Which keys of the input datasource a project takes: ``include`` and ``exclude``."""

import re
from collections.abc import Iterable, Sequence


class Globs:
    """The keys that some globs take in and others leave out."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._everything = tuple(include) == ("**",) and not exclude
        self._include, self._exclude = glob_pattern(include), glob_pattern(exclude)

    def admit(self, key: str) -> bool:
        """Whether a key is taken."""
        if self._everything:
            return True
        return bool(self._include.fullmatch(key)) and not self._exclude.fullmatch(key)


def glob_pattern(globs: Iterable[str]) -> re.Pattern[str]:
    """One expression for several globs: ``**`` is any path, ``*`` and ``?`` stay within a folder.

    A glob that names a folder (``front/`` or ``front/**``) takes everything below it.
    """
    return re.compile("|".join(_translated(glob) for glob in globs) or r"(?!)", re.DOTALL)


def _translated(glob: str) -> str:
    # A key of a bucket may itself begin so; then the glob that names it as it is must mean it.
    start = next((start for start in ("./", "/") if glob.startswith(start)), "")
    glob = glob.removeprefix(start)
    if glob.endswith("/"):
        glob += "**"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    known = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    return f"(?:{re.escape(start)})?" + "".join(known.get(part) or re.escape(part) for part in parts)
