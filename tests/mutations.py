"""JSON documents with one thing changed, by their structure and byte by byte."""

import copy
from typing import Any

MASK = [2, 2, 4, 2, 14]
# What may be put in the place of any value of a file.
JUNK: list[Any] = [
    None, True, False, -1, 0, 1, 2, 7, 0.5, 1.5, -0.5, 10**30, 1e300, "", "a", [], [0], [1, 1], [1, 1, 2, 2],
    [24], [0, 24], [5, 5, 5, 9], [0.5, 0.5], [1.0, 0.0], [1, 0, 23],
    [-1, 25], [[1, 1]], {}, {"category_id": 0}, MASK,
]  # fmt: skip
# Words that parsers drop or read in their own way, and pieces of JSON that make a document another one.
WORDS = [
    b"true", b"false", b"null", b"NaN", b"-", b"1e999", b"1E2", b"18446744073709551616", b"0", b".5", b",",
    b":", b'"', b"[", b"]", b"{", b"}", b"[]", b"{}", b'"a"', b'"score": 2, ', b'"bbox": [0, 0, 9, 9], ',
    b'{"b": 1}', b"\xef\xbb\xbf", b"\xff", b"\\u0061", b" ", b"",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values inside a JSON document, itself included."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def changed(document: Any, path: tuple[Any, ...], junk: Any, delete: bool) -> Any:
    if not path:
        return junk
    result = copy.deepcopy(document)
    parent = result
    for key in path[:-1]:
        parent = parent[key]
    if delete:
        del parent[path[-1]]
    else:
        parent[path[-1]] = junk
    return result


def spliced(data: bytes, start: int, length: int, word: bytes) -> bytes:
    """The bytes with some of them replaced by a word."""
    return data[:start] + word + data[start + length :]
