"""The index in few objects: for a machine that has none yet, so that it need not read every record.

A segment is an immutable copy of a part of the index, a SQLite database that is compressed. It is never the
truth: of each record it says which version of it its rows were made from, and only where the listing says
that this is the version that is stored, they are taken. What a segment does not know, or knows of another
version, is read. So a segment may be old, incomplete, or gone at any time.

Its name holds the hash of its bytes: what is damaged or cut off is noticed and not used.
"""

import hashlib
import re
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lightly_assets.storage import NotFound, Store, Unavailable
from lightly_assets.storage.disk.temporary import temporary_name

FOLDER = "segments"
_NAME = re.compile(r"(?P<records>\d{1,12})-(?P<hash>[0-9a-f]{40})\.sqlite\.z")
# So many are opened at once; SQLite takes ten.
MOST = 8
_FASTEST = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that is stored."""

    key: str
    """In the state root."""
    records: int
    digest: str


class Segments:
    """The segments in a state root, of one format of the index."""

    def __init__(self, store: Store, folder: Path, table_format: int) -> None:
        self._store, self._folder = store, folder
        self._prefix = f"{FOLDER}/{table_format}"

    def there(self) -> list[Segment]:
        """Those that are stored, the largest first."""
        found = []
        for key in self._store.names(self._prefix):
            match = _NAME.fullmatch(key.rpartition("/")[2])
            if match:
                found.append(Segment(key, int(match["records"]), match["hash"]))
        return sorted(found, key=lambda one: (-one.records, one.key))

    @contextmanager
    def opened(self, segment: Segment) -> Iterator[Path | None]:
        """A segment as a local database; None where it is gone or damaged."""
        path = self._folder / f"{temporary_name()}.segment"
        try:
            content = self._content(segment)
            if content is not None:
                try:
                    path.write_bytes(content)
                except OSError as error:
                    raise Unavailable(f"{path} cannot be written: {error.strerror}.") from error
            yield None if content is None else path
        finally:
            path.unlink(missing_ok=True)

    def _content(self, segment: Segment) -> bytes | None:
        try:
            data = self._store.read(segment.key)
        except NotFound:
            return None
        if _digest(data) != segment.digest:
            return None
        with suppress(zlib.error):
            return zlib.decompress(data)
        return None

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Where a database may be made for :meth:`store`."""
        path = self._folder / f"{temporary_name()}.segment"
        try:
            yield path
        finally:
            for suffix in ("", "-journal"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    def store(self, path: Path, records: int) -> Segment:
        """Store a database as a segment."""
        data = zlib.compress(path.read_bytes(), _FASTEST)
        digest = _digest(data)
        segment = Segment(f"{self._prefix}/{records}-{digest}.sqlite.z", records, digest)
        self._store.write(segment.key, data)
        return segment

    def delete(self, segments: Collection[Segment]) -> None:
        """Remove segments that another one has replaced, or that are damaged."""
        self._store.delete_many([one.key for one in segments])

    def is_whole(self, segment: Segment) -> bool:
        """Whether a segment can be used; reads all of it."""
        return self._content(segment) is not None


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=20).hexdigest()
