"""Settings of a store; every one optional, none of them a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from lightly_assets.settings import Settings


class StorageSettings(Settings):
    """How to reach object storage, beyond the URL and the standard environment variables.

    Keys and tokens are no settings: they come from the environment, a profile, or the machine's role.
    """

    # A key that somebody tries to set here must not come back in the message that refuses it.
    model_config = ConfigDict(hide_input_in_errors=True)

    endpoint: str | None = Field(
        default=None, description="URL of an S3-compatible server; else AWS_ENDPOINT_URL(_S3)."
    )
    region: str | None = Field(
        default=None, description="Else AWS_REGION, AWS_DEFAULT_REGION or the profile's."
    )
    profile: str | None = Field(
        default=None, description="A profile of the AWS configuration files; else AWS_PROFILE."
    )
    path_style: bool | None = Field(
        default=None,
        description="Bucket in the path, not in the host name. Default: true, which every server takes.",
    )
    allow_http: bool | None = Field(
        default=None, description="Plain http. Default: only for endpoints on loopback."
    )
    ca_file: Path | None = Field(default=None, description="PEM file of a private certificate authority.")
    anonymous: bool = Field(default=False, description="Send no credentials: public buckets.")
    requester_pays: bool = Field(default=False, description="Accept the costs of a requester-pays bucket.")
    server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    kms_key_id: str | None = Field(
        default=None, description="Key of aws:kms and aws:kms:dsse; else the bucket's."
    )
    concurrency: int = Field(default=32, ge=1, le=256, description="Requests in flight.")
    max_retries: int = Field(
        default=8, ge=0, le=30, description="Tries after the first one, of each request."
    )
    retry_seconds: float = Field(default=120.0, gt=0, le=280, description="No retry later than this.")
    stall_seconds: float = Field(
        default=30.0, gt=0, le=86_400, description="A connection silent for so long has failed."
    )
    conditional_writes: bool | None = Field(
        default=None,
        description="Whether If-Match is honoured. Default: tried out once on servers other than AWS's.",
    )
    cache_bytes: int = Field(default=20 * 2**30, ge=0, description="Bound of the local cache of downloads.")
