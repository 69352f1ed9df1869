"""Native clients of object stores from a URL's parts, the options and the standard environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.store import AzureStore, GCSStore, S3Store

from lightly_assets.storage.settings import StorageSettings
from lightly_assets.storage.store import Denied, StorageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

# A conditional write must not be repeated blindly, and a claim on a lock must not be outlived by its write.
SINGLE_TRY_SECONDS = 30.0
_NO_CREDENTIALS = (
    "No credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or `anonymous: true`."
)
_TRANSFER = timedelta(hours=6)  # of one whole request: long videos; a stalled one ends much earlier


def connect(
    scheme: str, bucket: str, prefix: str, options: StorageSettings, *, single_try: bool = False
) -> AzureStore | GCSStore | S3Store:
    """A client of ``bucket`` that sees only ``prefix``; retries live here and nowhere else.

    ``single_try`` gives one without any retry. Raises StorageError or Denied.
    """
    client = _client(options, single_try)
    retry = _retry(options, single_try)
    below = prefix or None
    if scheme == "gs":
        return GCSStore(bucket, prefix=below, client_options=client, retry_config=retry)
    if scheme == "az":
        return AzureStore(bucket, prefix=below, client_options=client, retry_config=retry)
    endpoint = endpoint_of(options)
    settings: dict[str, Any] = {"region": region_of(options), **_s3_settings(options)}
    if endpoint is not None:
        client["allow_http"] = _check_endpoint(endpoint, bucket, options)
        # This key wins over AWS_ENDPOINT_URL_S3 of the environment, as an explicit setting should.
        in_host = options.path_style is False
        settings["aws_endpoint_url_s3"] = _with_bucket(endpoint, bucket) if in_host else endpoint
    if not options.anonymous:
        settings["credential_provider"] = _credential_provider(options, endpoint)
    given = {name: value for name, value in settings.items() if value is not None}
    return S3Store(bucket, prefix=below, client_options=client, retry_config=retry, **given)


def endpoint_of(options: StorageSettings, environment: Mapping[str, str] = os.environ) -> str | None:
    """The S3 endpoint that applies; None: AWS itself."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return options.endpoint or next((environment[name] for name in names if environment.get(name)), None)


def region_of(options: StorageSettings, environment: Mapping[str, str] = os.environ) -> str | None:
    """The region that applies; None: the profile's, or the client's default."""
    return options.region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")


def profile_of(options: StorageSettings, environment: Mapping[str, str] = os.environ) -> str | None:
    """The profile that applies; None: the default one, if any."""
    return options.profile or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")


def ca_file_of(options: StorageSettings, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The PEM file of authorities that applies besides the system's; None: only those."""
    named = environment.get("AWS_CA_BUNDLE")
    return options.ca_file or (Path(named) if named else None)


def _client(options: StorageSettings, single_try: bool) -> ClientConfig:
    stall = timedelta(seconds=options.stall_seconds)
    client: ClientConfig = {
        "connect_timeout": min(stall, timedelta(seconds=10)),
        "read_timeout": stall,
        "timeout": timedelta(seconds=SINGLE_TRY_SECONDS) if single_try else _TRANSFER,
        "allow_http": bool(options.allow_http),
    }
    if (ca_file := ca_file_of(options)) is not None:
        try:
            content = ca_file.read_bytes()
        except OSError as error:
            raise StorageError(f"The ca_file {ca_file} cannot be read: {error.strerror}.") from None
        if b"-----BEGIN CERTIFICATE-----" not in content:
            raise StorageError(f"The ca_file {ca_file} holds no certificate; it must be a PEM file.")
        client["root_certificate"] = content
    return client


def _retry(options: StorageSettings, single_try: bool) -> RetryConfig:
    return {
        "max_retries": 0 if single_try else options.max_retries,
        "retry_timeout": timedelta(seconds=options.retry_seconds),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=15), "base": 2},
    }


def _s3_settings(options: StorageSettings) -> dict[str, Any]:
    if options.kms_key_id and not (options.server_side_encryption or "").startswith("aws:kms"):
        raise StorageError(
            "`kms_key_id` does nothing without `server_side_encryption: aws:kms` or `aws:kms:dsse`; set both."
        )
    return {
        "virtual_hosted_style_request": True if options.path_style is False else None,
        "skip_signature": True if options.anonymous else None,
        "request_payer": True if options.requester_pays else None,
        "server_side_encryption": options.server_side_encryption,
        "sse_kms_key_id": options.kms_key_id,
    }


def _check_endpoint(endpoint: str, bucket: str, options: StorageSettings) -> bool:
    """Whether plain http is in order for this endpoint. Raises StorageError where it is not."""
    parts = urlsplit(endpoint)
    if parts.username or parts.password or not parts.hostname or parts.scheme not in ("http", "https"):
        raise StorageError("The S3 endpoint must be http(s)://host[:port], without credentials.")
    if parts.path.rstrip("/").rpartition("/")[2] == bucket:
        raise StorageError(f"The S3 endpoint ends in the bucket, '{bucket}'; leave it out there.")
    if parts.scheme == "https":
        return False
    allowed = options.allow_http
    if allowed is None:
        allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true") or is_loopback(parts.hostname)
    if not allowed:
        raise StorageError(
            f"Plain http to {parts.hostname} is not safe: use https, or set `allow_http: true`."
        )
    return True


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _with_bucket(endpoint: str, bucket: str) -> str:
    scheme, _, host = endpoint.partition("://")
    return endpoint if host.startswith(f"{bucket}.") else f"{scheme}://{bucket}.{host}"


def _has_credentials(environment: Mapping[str, str]) -> bool:
    return any(
        environment.get(name)
        for name in (
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        )
    )


def _credential_provider(options: StorageSettings, endpoint: str | None) -> Any | None:
    """botocore's chain, for profiles and roles; None where the client itself finds keys in the environment.

    Raises Denied where there are none, rather than let every request find out by itself.
    """
    # Explicit profiles win over keys in the environment; configuration files that merely exist do not.
    if options.profile is None and _has_credentials(os.environ):
        return None
    profile = profile_of(options)
    # Another server than AWS's does not know the role of this machine: asking for it would only take time.
    if endpoint is not None and profile is None and not _has_configuration_files():
        raise Denied(_NO_CREDENTIALS)
    import botocore.exceptions  # type: ignore[import-untyped]
    import botocore.session  # type: ignore[import-untyped]
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        session = botocore.session.Session(profile=profile)
        if session.get_credentials() is not None:
            return Boto3CredentialProvider(session)
        problem = None
    except botocore.exceptions.BotoCoreError as error:
        problem = type(error).__name__
    if problem is None:
        raise Denied(_NO_CREDENTIALS)
    raise Denied(f"The AWS profile {profile or 'default'!r} cannot be used: {problem}.")


def _has_configuration_files() -> bool:
    files = (
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
    )
    return any(Path(file).expanduser().is_file() for file in files)
