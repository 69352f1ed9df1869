"""What a model's file and its neighbours say, whatever kind of file it is."""

import ast
import json
import mmap
import zipfile
from pathlib import Path
from typing import Any

from lightly_assets.models.config import FileModel
from lightly_assets.models.metadata.exports import facts_of_metadata
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.metadata.protobuf import fields, text
from lightly_assets.models.metadata.sidecars import facts_beside
from lightly_assets.models.protocol import ModelError

# Of a TorchScript archive; larger is no configuration.
_LARGEST = 8 << 20
_MODEL_METADATA = 14


def facts_of(path: Path) -> Facts:
    """What is known about a model without running it: its own metadata first, then its neighbours'.

    Raises:
        ModelError: the file, or one beside it, is damaged.
    """
    if path.is_dir():
        # A folder that a package has saved.
        return facts_beside(path / path.name)
    if zipfile.is_zipfile(path):
        own = facts_of_metadata(_of_archive(path))
    elif path.suffix == ".onnx":
        own = facts_of_metadata(_of_onnx(path))
    else:
        own = Facts()
    return own.under(facts_beside(path))


def facts_for(config: FileModel, path: Path) -> Facts:
    """As :func:`facts_of`; nothing where the settings say that they are to be ignored."""
    return Facts() if config.metadata == "ignore" else facts_of(path)


def _of_onnx(path: Path) -> dict[str, str]:
    """``metadata_props`` of an ONNX file; of one that is damaged none, ONNX Runtime says so."""
    found = {}
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, start, stop in fields(data, 0, len(data)):
                if number == _MODEL_METADATA:
                    entry = {one: text(data, a, b) for one, a, b in fields(data, start, stop)}
                    found[entry.get(1, "")] = entry.get(2, "")
    except (IndexError, UnicodeDecodeError, ValueError):
        return {}
    return found


def _of_archive(path: Path) -> dict[str, Any]:
    """Where ultralytics writes its metadata: ``extra/config.txt`` of a TorchScript archive, or the only file
    of the archive at the end of a TFLite file, as JSON or as a Python literal.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            name = next((one for one in names if one.endswith("extra/config.txt")), None)
            if name is None and path.suffix == ".tflite" and len(names) == 1:
                name = names[0]
            if name is None or archive.getinfo(name).file_size > _LARGEST:
                return {}
            text_of = archive.read(name).decode()
            if path.suffix == ".tflite" and not text_of.lstrip().startswith("{"):
                # TensorFlow's own metadata puts files such as a list of labels there.
                return {}
            content = json.loads(text_of) if text_of.lstrip().startswith('{"') else ast.literal_eval(text_of)
    except (zipfile.BadZipFile, OSError, ValueError, SyntaxError, RecursionError) as error:
        raise ModelError(f"The metadata of the model file {path.name} cannot be read: {error}.") from None
    return content if isinstance(content, dict) else {}
