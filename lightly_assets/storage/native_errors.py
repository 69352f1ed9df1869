"""From the native client's exceptions to ours. Their texts hold server replies, and those hold tokens."""

from __future__ import annotations

import re

from obstore.exceptions import (
    AlreadyExistsError,
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from lightly_assets.storage.store import Conflict, Denied, NotFound, StorageError, Unavailable

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z.]{1,64})</Code>")
_KIND = re.compile(r"HttpError \{\s*kind: ([A-Za-z]{1,32})")
_TRIES = re.compile(r"retries: (\d+),\s+max_retries: (\d+),")
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"}
_MISSING_BUCKET = "NoSuchBucket"


class GivenUpEarly(Unavailable):
    """Unavailable, though the client had tries left."""


def translated(error: Exception, where: str) -> StorageError:
    """Our exception for one of the client's; ``where`` is the URL of the object or root.

    The result carries nothing of the original but the HTTP status and the server's error code. Raise it
    outside of the ``except`` block, so that the original does not come along as its context.
    """
    text = str(error)
    status = int(found[1]) if (found := _STATUS.search(text)) else None
    code = found[1] if (found := _CODE.search(text)) else ""
    reply = " ".join(str(part) for part in (status, code) if part)
    if code in _EXPIRED:
        return Denied(f"{where}: the credentials have expired ({reply}); renew them.")
    if code == "RequestTimeTooSkewed":
        return Denied(f"{where}: this machine's clock is wrong ({reply}); set it.")
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or status in (401, 403):
        return Denied(f"{where}: access denied ({reply}); check the credentials and their rights.")
    if isinstance(error, (AlreadyExistsError, PreconditionError)) or status in (409, 412):
        return Conflict(f"{where} was changed by somebody else meanwhile.")
    if code == _MISSING_BUCKET:
        return NotFound(f"{where}: the bucket does not exist.")
    if isinstance(error, FileNotFoundError) or status == 404:
        return NotFound(f"{where} does not exist.")
    if isinstance(error, (InvalidPathError, NotSupportedError, ValueError)):
        return StorageError(f"{where}: the name or the request is not possible on this store.")
    if status in (301, 307):
        return StorageError(f"{where}: the bucket lies in another region or at another endpoint ({reply}).")
    if status is not None and 400 <= status < 500 and status not in (408, 429):
        return StorageError(f"{where}: the store refused the request ({reply}).")
    if status is None:
        kind = found[1].lower() if (found := _KIND.search(text)) else "connection"
        tries = _TRIES.search(text)
        # The client repeats every request but this one: the reply, an error's, broke off in its body.
        early = kind == "interrupted" and tries is not None and int(tries[1]) < int(tries[2])
        return (GivenUpEarly if early else Unavailable)(
            f"{where}: the store could not be reached or broke off ({kind})."
        )
    return Unavailable(f"{where}: the store is not available ({reply}).")
