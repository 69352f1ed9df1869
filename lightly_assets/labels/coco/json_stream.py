"""JSON files with long lists, in pieces: memory stays flat, and every element is known by its place.

Brackets outside of strings are found by a few array operations; only whole elements are parsed. What is left
of the file without them is parsed too, so that a file that is no JSON never passes.
"""

import gzip
import os
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lightly_assets.labels.errors import LabelsError

Spans = NDArray[np.int64]
OnElements = Callable[[str, list[Any], Spans], None]
"""Called with a list's key (empty for a list as the whole file), some of its elements, and (N, 2) offsets of
where each begins and ends in the file."""

_CHUNK = 1 << 18
# A file up to this size is kept in memory for as long as its elements are asked for.
_KEPT = 1 << 25
_QUOTE, _OPEN, _CLOSE = 1, 2, 3
_CLASSES = np.zeros(256, dtype=np.uint8)
_CLASSES[list(b'"')] = _QUOTE
_CLASSES[list(b"{[")] = _OPEN
_CLASSES[list(b"}]")] = _CLOSE
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*$', re.DOTALL)
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
# Where the parser stopped, or one character before.
_NO_NUMBER = re.compile(r".?(-?(?:NaN|Infinity))", re.DOTALL)
_BOM = b"\xef\xbb\xbf"
# What stands before a list: its key, and small values since the list before.
_KEY_BYTES = 1 << 12


class JsonFile:
    """A JSON file on disk; gzip is unpacked, a byte order mark is ignored."""

    def __init__(self, path: str | Path) -> None:
        """
        Raises:
            LabelsError: the file cannot be read.
        """
        self.path = Path(path)
        try:
            self._file = self._open()
            self._start = 3 if os.pread(self._file.fileno(), 3, 0) == _BOM else 0
            self.size = os.fstat(self._file.fileno()).st_size
            self._kept: bytes | None = None
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise LabelsError(f"{path} cannot be read: {reason}.") from None

    def _open(self) -> IO[bytes]:
        file = self.path.open("rb")
        if file.read(2) != b"\x1f\x8b":
            return file
        unpacked = TemporaryFile()  # noqa: SIM115 - closed by close()
        with file, gzip.open(self.path) as packed:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
        unpacked.flush()
        return unpacked

    def close(self) -> None:
        self._file.close()

    def read(self, start: int, end: int) -> bytes:
        """Bytes of the file, by offsets as :data:`OnElements` got them."""
        return os.pread(self._file.fileno(), end - start, start)

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes]:
        """Several pieces of the file; of a small one without a system call for each."""
        if self._kept is None and self.size <= _KEPT:
            self._kept = self.read(0, self.size)
        if self._kept is not None:
            return [self._kept[start:end] for start, end in spans]
        return [self.read(start, end) for start, end in spans]

    def scan(self, lists: Collection[str], on_elements: OnElements) -> Any:
        """Reads the whole file.

        Args:
            lists: keys of the top-level object whose lists are handed on in pieces.
            on_elements: gets them.

        Returns:
            The file's value without the elements that were handed on.

        Raises:
            LabelsError: it is no JSON.
        """
        try:
            return _Scan(self, frozenset(lists), on_elements).run()
        except orjson.JSONDecodeError as error:
            raise LabelsError(f"{self.path} is not valid JSON: {self._explained(error)}.") from None

    def _explained(self, error: orjson.JSONDecodeError) -> str:
        head = os.pread(self._file.fileno(), _CHUNK, self._start)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "it is UTF-16; save it as UTF-8"
        if word := _NO_NUMBER.match(error.doc, max(error.pos - 1, 0)):
            return f"it contains {word[1]}, which JSON does not have; write a finite number"
        lines = head.split(b"\n")
        try:
            if len(lines) > 1 and lines[1].strip() and isinstance(orjson.loads(lines[0]), dict):
                orjson.loads(lines[1])
                return "it has one object a line (JSON lines); write them as one list"
        except orjson.JSONDecodeError:
            pass
        return str(error)


class _Scan:
    """One pass over a file."""

    def __init__(self, file: JsonFile, lists: frozenset[str], on_elements: OnElements) -> None:
        self.file = file
        self.lists = lists
        self.on_elements = on_elements
        self.skeleton: list[bytes] = []
        """The text of the file without the elements that are handed on."""
        self.depth = 0
        self.section: str | None = None
        """The list that the scan is in, where its elements are handed on."""
        self.level = 0
        """The depth of the elements' list: 2 in an object, 1 where the file is a list; 0 not known yet."""
        self.expects_comma = False
        self.seen: set[str] = set()
        """Lists that began."""

    def run(self) -> Any:
        offset, left, size = self.file._start, b"", _CHUNK
        while True:
            more = self.file.read(offset + len(left), offset + len(left) + size)
            text = left + more
            used = self._take(text, offset)
            if not more:
                self._need_end(text[used:])
                self.skeleton.append(text[used:])
                break
            # An element that is longer than a piece is looked at a few times, in pieces that grow.
            size = _CHUNK if used else size * 2
            offset, left = offset + used, text[used:]
        return orjson.loads(b"".join(self.skeleton))

    def _need_end(self, rest: bytes) -> None:
        """A file that was cut short says so better than its parser does.

        Raises:
            LabelsError: brackets are still open.
        """
        _, _, depths = _brackets(rest, self.depth)
        if (depths[-1] if depths.size else self.depth) > 0:
            raise LabelsError(
                f"{self.file.path} is not valid JSON: it ends in the middle, after {self.file.size:,} bytes; "
                "copy or export it again."
            )

    def _take(self, text: bytes, offset: int) -> int:
        """Handle what ends within a piece of text; how many bytes that were."""
        places, opens, depths = _brackets(text, self.depth)
        if not places.size:
            return 0
        if not self.level:
            is_list = text[places[0] : places[0] + 1] == b"["
            self.level = 1 if is_list else 2
        level = self.level
        edge = np.flatnonzero(opens & (depths == level) | ~opens & (depths == level - 1))
        element = np.flatnonzero(opens & (depths == level + 1) | ~opens & (depths == level))
        used = 0
        for begin, end in zip([-1, *edge.tolist()], [*edge.tolist(), len(places)], strict=True):
            if begin >= 0:
                used = self._edge(text, used, int(places[begin]), opens=bool(opens[begin]))
            if self.section is not None:
                inside = element[(element > begin) & (element < end)]
                used = self._elements(text, used, offset, places[inside], opens[inside])
        if used:
            self.depth = int(depths[np.searchsorted(places, used) - 1])
        return used

    def _edge(self, text: bytes, used: int, place: int, *, opens: bool) -> int:
        """A list at the elements' depth begins or ends."""
        self.skeleton.append(text[used : place + 1])
        if not opens:
            self.section = None
            return place + 1
        if self.level == 1:
            self.section = ""
        else:
            before = b"".join(self.skeleton[-2:])[-_KEY_BYTES:-1]
            key = _KEY.search(before)
            name = orjson.loads(b'"%b"' % key[1]) if key else ""
            self._need_new(name)
            self.section = name if name in self.lists and text[place : place + 1] == b"[" else None
        self.expects_comma = False
        return place + 1

    def _need_new(self, name: str) -> None:
        """Of two lists with one key parsers take the second, and elements of both would be handed on."""
        if name not in self.lists:
            return
        if name in self.seen:
            raise LabelsError(
                f"{self.file.path} has the key '{name}' twice, and nothing says which of them counts; write "
                "one list with all of it, or remove the one that is not meant."
            )
        self.seen.add(name)

    def _elements(
        self, text: bytes, used: int, offset: int, places: NDArray[np.intp], opens: NDArray[np.bool_]
    ) -> int:
        """Hand on the elements that end within the text."""
        count = int(np.count_nonzero(~opens))
        if not count:
            return used
        starts, ends = places[opens][:count], places[~opens] + 1
        end = int(ends[-1])
        # Whatever stands between elements is parsed along with them.
        gap = text[used : int(starts[0])].strip()
        if self.expects_comma and gap.startswith(b","):
            gap = gap[1:]
        elif self.expects_comma:
            gap = b"?" + gap  # elements without a comma between them: no JSON
        values = orjson.loads(b"[%b]" % (gap + text[int(starts[0]) : end]))
        if len(values) != count:
            wrong = next(one for one in values if not isinstance(one, dict | list))
            what = f"The list '{self.section}'" if self.section else "The list"
            raise LabelsError(f"{self.file.path}: {what} holds {_shown(wrong)}; it must hold objects only.")
        self.expects_comma = True
        self.on_elements(
            self.section or "", values, np.stack([starts, ends], axis=1).astype(np.int64) + offset
        )
        return end


def _brackets(text: bytes, depth: int) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.int64]]:
    """Brackets outside of strings: their places, whether they open, and the depth behind each.

    The text begins outside of a string, ``depth`` brackets deep.
    """
    plain = _ESCAPED.sub(b"__", text) if b"\\" in text else text
    classes = _CLASSES[np.frombuffer(plain, dtype=np.uint8)]
    places = np.flatnonzero(classes)
    kinds = classes[places]
    outside = (np.cumsum(kinds == _QUOTE) & 1 == 0) & (kinds != _QUOTE)
    places, opens = places[outside], kinds[outside] == _OPEN
    return places, opens, depth + np.cumsum(np.where(opens, 1, -1))


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:60]}…"
