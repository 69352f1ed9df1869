"""How the bytes of an object arrive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError

from lightly_assets.pulse import beat
from lightly_assets.storage.store import Unavailable

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ObjectStore as NativeStore

PART = 16 * 2**20  # smaller files are one request, which the client repeats by itself


def read_range(native: NativeStore, key: str, start: int, length: int) -> bytes:
    """Some bytes of an object, also where the server answers with all of them."""
    try:
        return bytes(obstore.get_range(native, key, start=start, length=length))
    except BaseError as error:
        if "non-partial" not in str(error):  # rclone answers a range with status 200
            raise
    data = b""
    for part in obstore.get(native, key).stream(min_chunk_size=2**16):
        data += part
        if len(data) >= start + length:
            break
    return data[start : start + length]


def save(found: GetResult, target: Path) -> None:
    """An object as a file, a part at a time."""
    with target.open("wb") as file:
        for part in found.stream(min_chunk_size=PART):
            beat()
            try:
                file.write(part)
            except OSError as error:  # not to be taken for a failure of the store
                raise Unavailable(f"The download cache {target.parent}: {error.strerror}.") from None
