"""The format of the state as a whole: a number in it, so that an older program never takes it for its own.

A state without it was written before there was one, and is read as it is: fields that records of then do not
have say nothing. The first run that writes notes the number.
"""

import json
from contextlib import suppress

from lightly_assets._version import __version__
from lightly_assets.errors import BadValue
from lightly_assets.pipeline.state.records import FORMAT, NewerStateError
from lightly_assets.storage import Conflict, NotFound, Store

KEY = "format.json"


def check_format(state: Store) -> bool:
    """Whether the state says its format, which then is one that this version knows.

    Raises:
        NewerStateError: it is newer.
        BadValue: what says it cannot be read.
        StorageError: the store is out of reach.
    """
    try:
        data = state.read(KEY)
    except NotFound:
        return False
    place = f"{state.url.rstrip('/')}/{KEY}"
    try:
        content = json.loads(data)
        found, by = int(content["format"]), str(content.get("written_by", "a newer version"))
    except (ValueError, TypeError, KeyError, AttributeError):
        text = f"{place} does not say a format; delete it, and the next run writes it anew."
        raise BadValue(text) from None
    if found > FORMAT:
        raise NewerStateError(
            f"{place}: the state has format {found}, of lightly-assets {by}; this is {__version__}, which "
            f"knows format {FORMAT}. Update it (pip install -U lightly-assets), or give it a state folder of "
            "its own."
        )
    return True


def is_written(state: Store) -> bool:
    """Whether there is any record. Raises StorageError."""
    return next(state.list("manifests/"), None) is not None


def note_format(state: Store) -> None:
    """Say the format in a state that does not."""
    content = {"format": FORMAT, "written_by": __version__}
    with suppress(Conflict):  # somebody else has just done so
        state.put_if(KEY, json.dumps(content, indent=2).encode() + b"\n", None)
