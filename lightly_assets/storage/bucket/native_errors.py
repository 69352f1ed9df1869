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
_REGION = re.compile(r"<Region>([a-z0-9-]{1,32})</Region>")
_HOST = re.compile(r"https?://([A-Za-z0-9.:\[\]-]{1,255})")
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*([A-Za-z]{1,64})")
_KIND = re.compile(r"HttpError \{\s*kind: ([A-Za-z]{1,32})")
_TRIES = re.compile(r"retries: (\d+),\s+max_retries: (\d+),")
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"}
_MISSING_BUCKET = "NoSuchBucket"
_OTHER_REGION = {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "TemporaryRedirect",
}
# AWS redirects to the right region without saying where, which a client cannot follow.
_BARE_REDIRECT = "inner: BareRedirect"
_WHAT_IS_WRONG = {
    "InvalidAccessKeyId": "this access key is unknown there ({}); check AWS_ACCESS_KEY_ID or the profile.",
    "SignatureDoesNotMatch": "the secret key does not fit the access key ({}); check AWS_SECRET_ACCESS_KEY "
    "or the profile.",
    "RequestTimeTooSkewed": "this machine's clock is wrong ({}); set it.",
    "QuotaExceeded": "the quota is used up ({}); free some space and run again.",
}


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
    if code in _WHAT_IS_WRONG:
        return Denied(f"{where}: {_WHAT_IS_WRONG[code].format(reply)}")
    if code in _OTHER_REGION or status in (301, 307) or _BARE_REDIRECT in text:
        region = f" {found[1]}" if (found := _REGION.search(text)) else ""
        reply = f" ({reply})" if reply else ""
        return StorageError(
            f"{where}: the bucket lies in another region{region}{reply}; set `region` or AWS_REGION to it, "
            "or correct the endpoint."
        )
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or status in (401, 403):
        return Denied(f"{where}: access denied ({reply}); check the credentials and their rights.")
    if isinstance(error, (AlreadyExistsError, PreconditionError)) or status in (409, 412):
        return Conflict(f"{where} was changed by somebody else meanwhile.")
    if code == _MISSING_BUCKET:
        bucket = "/".join(where.split("/")[:3])
        return NotFound(f"{bucket}: the bucket does not exist; create it or correct its name.")
    if isinstance(error, FileNotFoundError) or status == 404:
        return NotFound(f"{where} does not exist.")
    if isinstance(error, (InvalidPathError, NotSupportedError, ValueError)):
        return StorageError(f"{where}: the name or the request is not possible on this store.")
    if status is not None and 400 <= status < 500 and status not in (408, 429):
        return StorageError(f"{where}: the store refused the request ({reply}).")
    if status is None:
        return _without_reply(text, where)
    return Unavailable(f"{where}: the store is not available ({reply}).")


def _without_reply(text: str, where: str) -> StorageError:
    host = f"the store at {found[1]}" if (found := _HOST.search(text)) else "the store"
    if found := _CERTIFICATE.search(text):
        return StorageError(
            f"{where}: the certificate of {host} is not trusted ({found[1]}); "
            "name its authority by `ca_file`."
        )
    kind = found[1].lower() if (found := _KIND.search(text)) else "connection"
    tries = _TRIES.search(text)
    # The client repeats every request but this one: the reply, an error's, broke off in its body.
    early = kind == "interrupted" and tries is not None and int(tries[1]) < int(tries[2])
    return (GivenUpEarly if early else Unavailable)(
        f"{where}: {host} could not be reached or broke off ({kind}); check the endpoint and the network."
    )
