"""From a folder or URL to a store."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lightly_assets.storage.disk.local import LocalStore
from lightly_assets.storage.keys import check_folder
from lightly_assets.storage.settings import StorageSettings
from lightly_assets.storage.store import StorageError, Store

SCHEMES = ("s3", "gs", "az")
_HALF_URL = re.compile(r"(s3|gs|az|file|https?):(?!//)", re.IGNORECASE)


def open_store(
    url: str | Path, *, options: StorageSettings | None = None, cache_dir: Path | None = None
) -> Store:
    """A store for a folder, ``file://…``, ``s3://bucket/prefix/``, ``gs://…`` or ``az://container/prefix/``.

    Nothing is contacted yet. ``cache_dir`` is where downloads from object storage are kept, bounded by
    ``options.cache_bytes``. Raises StorageError for a URL that names no store.
    """
    if isinstance(url, str):
        check_slashes(url)
    if isinstance(url, Path) or not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", url):
        return LocalStore(Path(url).expanduser())
    scheme = url.partition("://")[0].lower()
    if scheme == "file":
        return LocalStore(Path(_file_path(url)))
    if scheme not in SCHEMES:
        raise StorageError(
            f"A root is a folder, file://, {', '.join(f'{name}://' for name in SCHEMES)}; not {scheme}://."
        )
    # A prefix may hold '#', '?' and '%': everything after the bucket is taken as it is.
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if "@" in bucket or ":" in bucket:
        raise StorageError(
            f"The {scheme}:// URL holds credentials or a port: use the environment and `endpoint`."
        )
    if not bucket:
        raise StorageError(f"A {scheme}:// URL needs a bucket: {scheme}://bucket/prefix/.")
    try:
        folder = check_folder(prefix)
    except StorageError as error:
        problem = str(error).removesuffix("; rename it or exclude it.").rstrip(".")
        raise StorageError(
            f"{scheme}://{bucket}/{prefix} names no folder: {problem}; correct the URL."
        ) from None
    from lightly_assets.storage.bucket.objects import ObjectStore  # late: loads a native library

    return ObjectStore(scheme, bucket, folder, options or StorageSettings(), cache_dir)


def check_slashes(url: str) -> None:
    """Raises StorageError for what is neither a URL nor meant as a folder, such as ``s3:/bucket``."""
    if found := _HALF_URL.match(url):
        raise StorageError(f"'{url}' is no URL: write {found[1].lower()}://, or ./{url} for a folder.")


def _file_path(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise StorageError(f"{url} names another machine; a file URL starts with file:///.")
    return unquote(url.partition("://")[2].removeprefix(parts.netloc))
