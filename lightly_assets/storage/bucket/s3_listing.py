"""Listing by boto3, for buckets with keys that the native client refuses to name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lightly_assets.storage.connect import ca_file_of, endpoint_of, profile_of, region_of
from lightly_assets.storage.settings import StorageSettings
from lightly_assets.storage.store import Denied, StorageError, Unavailable

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    from obstore import ObjectMeta


def pages(
    bucket: str, prefix: str, folder: str, after: str | None, options: StorageSettings
) -> Iterator[Sequence[ObjectMeta]]:
    """Pages of the objects of ``folder`` after the key ``after``; keys relative to ``prefix``, unchanged."""
    from botocore.exceptions import BotoCoreError, ClientError

    root = f"{prefix}/" if prefix else ""
    request = {"Bucket": bucket, "Prefix": f"{root}{folder}/" if folder else root}
    if after is not None:
        request["StartAfter"] = root + after
    if options.requester_pays:
        request["RequestPayer"] = "requester"
    try:
        for page in _client(options).get_paginator("list_objects_v2").paginate(**request):
            yield [
                {
                    "path": found["Key"][len(root) :],
                    "size": found["Size"],
                    "e_tag": found["ETag"],
                    "last_modified": found["LastModified"],
                    "version": None,
                }
                for found in page.get("Contents", ())
                if not found["Key"].endswith("/")  # the marks that consoles leave for empty folders
            ]
        return
    except (BotoCoreError, ClientError) as error:
        problem = _translated(error, f"s3://{bucket}/{root}")
    raise problem


def _client(options: StorageSettings) -> Any:
    import boto3  # type: ignore[import-untyped]
    from botocore import UNSIGNED  # type: ignore[import-untyped]
    from botocore.config import Config  # type: ignore[import-untyped]

    config = Config(
        signature_version=UNSIGNED if options.anonymous else None,
        s3={"addressing_style": "virtual" if options.path_style is False else "path"},
        retries={"mode": "standard", "total_max_attempts": options.max_retries + 1},
        read_timeout=options.stall_seconds,
    )
    session = boto3.Session(profile_name=profile_of(options), region_name=region_of(options))
    return session.client(
        "s3",
        endpoint_url=endpoint_of(options),
        config=config,
        verify=str(ca) if (ca := ca_file_of(options)) else None,
    )


def _translated(error: BotoCoreError | ClientError, where: str) -> StorageError:
    response = getattr(error, "response", None)
    if response is None:
        return Unavailable(f"{where}: the store could not be reached ({type(error).__name__}).")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = response.get("Error", {}).get("Code", "")
    if status in (401, 403) or code.startswith("Expired"):
        return Denied(f"{where}: access denied ({status} {code}); check the credentials and their rights.")
    kind = Unavailable if status >= 500 or status == 429 else StorageError
    return kind(f"{where}: the store refused the listing ({status} {code}).")
