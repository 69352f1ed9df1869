"""Model files: found, hashed, and refused where they could run code."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

from lightly_assets.models.protocol import ModelError

_CHUNK = 1 << 20


def model_file(path: str, base_dir: Path) -> Path:
    """The file that a path in ``lightly.yaml`` names.

    Raises:
        ModelError: there is none.
    """
    found = (base_dir / path).resolve()
    if not found.is_file():
        what = "is a folder" if found.is_dir() else "does not exist"
        raise ModelError(
            f"The model file {path} {what}; path must name a file, relative to lightly.yaml ({found})."
        )
    return found


def file_hash(*paths: Path) -> str:
    """SHA-256 over the bytes of files, in this order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def version_of(content: str, settings: dict[str, Any], code: int) -> str:
    """A model's version from the hash of its content, its predict-time settings and our code's version."""
    text = json.dumps([content, settings, code], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def refuse_pickle(path: Path, wanted: str) -> None:
    """Raises ModelError where a file is a pickle, which could run any code: it is never unpickled."""
    with path.open("rb") as file:
        start = file.read(2)
    # Protocol 2 and later begin with this byte and the protocol's number.
    pickled = len(start) == 2 and start[0] == 0x80 and 2 <= start[1] <= 8
    if zipfile.is_zipfile(path) and not is_torch_program(path):
        pickled = any(name.endswith(".pkl") for name in zip_names(path))
    if pickled:
        raise ModelError(
            f"The model file {path.name} is a pickle (a checkpoint of Python objects), which can run "
            f"any code when it is read, so it is refused; export the model to {wanted}."
        )


def zip_names(path: Path) -> list[str]:
    """The names in an archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError(f"The model file {path.name} cannot be read: {error}.") from None


def is_torch_program(path: Path) -> bool:
    """Whether a file is TorchScript or an exported program rather than a checkpoint."""
    if not zipfile.is_zipfile(path):
        return False
    parts = [name.split("/") for name in zip_names(path)]
    script = any("code" in names[:-1] for names in parts) and any("constants.pkl" in names for names in parts)
    return script or is_exported_program(path)


def is_exported_program(path: Path) -> bool:
    """Whether a file is what ``torch.export.save`` writes."""
    names = zip_names(path) if zipfile.is_zipfile(path) else []
    last = {name.rsplit("/", 1)[-1] for name in names}
    return any("serialized_exported_program" in name for name in last) or "archive_format" in last
