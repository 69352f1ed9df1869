"""What PyTorch programs ask for: operators of other packages, and images as a list."""

import importlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightly_assets.models.protocol import ModelError

_OPERATOR = re.compile(rb"\bops\.([A-Za-z_]\w*)\.")
# Brought by PyTorch itself, or no operators at all.
_OWN = {"aten", "prim", "prims", "higher_order", "quantized", "inductor", "mkldnn", "_C", "export"}
# What registers its operators when it is imported.
_PACKAGES = {"torchvision": "torchvision", "torchaudio": "torchaudio"}


def load_operators(path: Path) -> None:
    """Imports the packages whose operators a program uses, such as torchvision's suppression.

    Raises:
        ModelError: one is not installed.
    """
    for name in sorted(_namespaces(path)):
        package = _PACKAGES.get(name)
        if package is None:
            continue
        try:
            importlib.import_module(package)
        except ImportError:
            raise ModelError(
                f"The model file {path.name} uses operators of {package}, which is not installed; "
                f"install the version that fits PyTorch's with: pip install {package}."
            ) from None


def strange_operators(path: Path) -> str | None:
    """The first package of operators that nobody here can import, for a message."""
    strange = sorted(_namespaces(path) - _OWN - set(_PACKAGES))
    return strange[0] if strange else None


def _namespaces(path: Path) -> set[str]:
    """As programs write them: ``ops.torchvision.nms`` in TorchScript's code and in an exported graph."""
    found: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".py", ".json")):
                found |= {one.decode() for one in _OPERATOR.findall(archive.read(name))}
    return found


def takes_list(program: Any) -> bool:
    """Whether a scripted program takes a list of images (C, H, W), as torchvision's detectors do."""
    arguments = program.forward.schema.arguments
    return len(arguments) > 1 and str(arguments[1].type) == "List[Tensor]"


def tensors(found: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All tensors of nested tuples, lists and dicts, in order, with the key of each that has one."""
    if hasattr(found, "detach"):
        yield name, found
    elif isinstance(found, dict):
        for key, value in found.items():
            yield from tensors(value, str(key))
    elif isinstance(found, list | tuple):
        for value in found:
            yield from tensors(value, name)
