"""The base of all errors that are for people.

What is no :class:`LightlyAssetsError` is a bug of this package. It shows as itself with its trace: it is
never taken for bad data, and never recorded as an input's failure.
"""

import os

_PACKAGE = __file__.rpartition("/")[0]
_STANDARD_LIBRARY = os.__file__.rpartition("/")[0]
_INSTALLED = ("/site-packages/", "/dist-packages/")


class LightlyAssetsError(Exception):
    """Something outside of this package is not as it must be; the text is one sentence for people.

    >>> from lightly_assets import frame_name
    >>> try:
    ...     frame_name("notes.txt", 0, 10)
    ... except LightlyAssetsError as error:
    ...     print(str(error).partition(";")[0])
    'notes.txt' is not a video
    """

    retriable = False
    """Whether doing the same again later can succeed without anybody changing anything."""


class BadValue(LightlyAssetsError, ValueError):  # noqa: N818 - reads as what happened
    """A value that is not allowed: an argument, a setting, what a file holds, a prediction."""


def is_bug(error: BaseException, *, foreign: str = "") -> bool:
    """Whether nobody else's code had a part in an error: neither a model's nor a decoder's.

    ``foreign`` is a file of this package that does nothing but call other people's code.
    """
    if isinstance(error, LightlyAssetsError | OSError | MemoryError):
        return False
    import traceback  # late: every command imports this module

    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return all(file != foreign and _is_plain(file) for file in files)


def _is_plain(file: str) -> bool:
    """Whether a file is ours, the standard library's or NumPy's, which do as they are told."""
    if file.startswith((_PACKAGE, "<")) or "/numpy/" in file:
        return True
    return file.startswith(_STANDARD_LIBRARY) and not any(part in file for part in _INSTALLED)
