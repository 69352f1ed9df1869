"""Text, numbers, JSON and YAML of label files; every error says where it stands."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lightly_assets.labels.errors import LabelsError

# Parsed as a whole: more than this is no label file.
_MOST_BYTES = 4 << 30
_MOST_TEXT = 256 << 20
# Every whole number up to here is a float, too.
_LARGEST = 1 << 53
# A share of an image a little beyond the edge is rounding.
_EDGE = 1.01


def read_text(path: Path, most: int = _MOST_TEXT) -> str:
    """A text file in UTF-8.

    Raises:
        LabelsError: it cannot be read, or is no text.
    """
    try:
        if path.stat().st_size > most:
            raise LabelsError(f"{path} has more than {most >> 20} MiB, too many for such a file.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelsError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise LabelsError(f"{path} is no text in UTF-8 (byte {error.start}).") from None


def read_json(path: Path) -> Any:
    """A JSON file, without a key twice. Raises LabelsError."""
    return parse_json(read_text(path, _MOST_BYTES), str(path))


def parse_json(text: str, where: str) -> Any:
    """JSON in which no object has a key twice: nothing says which of the two counts. Raises LabelsError."""
    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise LabelsError(
                f"{where} has the key '{twice}' twice in one object, and nothing says which of them counts; "
                "write one of them."
            )
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except LabelsError:
        raise
    except (ValueError, RecursionError) as error:
        raise LabelsError(f"{where} is no JSON: {error}.") from None


def starts_like_json(path: Path) -> str:
    """The first characters of a file, unpacked, without spaces, if it looks like JSON; else nothing."""
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_packed else path.open("rb") as file:
            start = file.read(1 << 16).decode("utf-8-sig", "replace").lstrip()
    except (OSError, EOFError, zlib.error):
        return ""
    return start if start[:1] in ("{", "[") else ""


def files_below(folder: Path, suffix: str) -> Iterator[Path]:
    """Files with a suffix (any case) in a folder and below, sorted; links that leave it are left out."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == suffix and path.is_file() and path.resolve().is_relative_to(root):
            yield path


def number(text: Any, what: str, where: str) -> float:
    """A finite number, as large as anything in an image or a video.

    Raises:
        LabelsError: it is none; ``what`` and ``where`` say which.
    """
    try:
        # Python reads 1_0 as 10.
        value = float("nan") if isinstance(text, str) and "_" in text else float(text)
    except (TypeError, ValueError, OverflowError):
        value = float("nan")
    if not abs(value) <= _LARGEST:
        raise LabelsError(f"{where}: {what} is {text!r}; it must be a number.")
    return value


def list_of(value: Any) -> list[Any]:
    """A list, empty where there is none."""
    return value if isinstance(value, list) else []


def whole(text: Any, what: str, where: str) -> int:
    """A whole number; 3.0 is one. Raises LabelsError."""
    value = number(text, what, where)
    if value != int(value):
        raise LabelsError(f"{where}: {what} is {text!r}; it must be a whole number.")
    return int(value)


def share(text: Any, what: str, where: str) -> float:
    """A score in [0, 1]. Raises LabelsError."""
    value = number(text, what, where)
    if not 0 <= value <= 1:
        raise LabelsError(f"{where}: {what} is {text!r}; it must be in [0, 1].")
    return value


def check_shares(values: Sequence[float], where: str) -> None:
    """Raises LabelsError where a coordinate is no share of the image."""
    wrong = [value for value in values if not 1 - _EDGE <= value <= _EDGE]
    if wrong:
        raise LabelsError(
            f"{where}: a coordinate is {wrong[0]:g}; they are shares of the image, so they must be in [0, 1]."
        )


def names_of_yaml(path: Path) -> dict[int, str]:
    """Names of categories by number: the ``names`` of a ``data.yaml`` (a list or numbers with names), such a
    list or mapping itself, or a text file with a name in each line.

    Raises:
        LabelsError: it says no such names.
    """
    if path.suffix.lower() not in (".yaml", ".yml"):
        return dict(enumerate(names_of_lines(read_text(path), path.name)))
    return names_in(load_yaml(path), path.name)


def names_of_lines(text: str, file: str) -> list[str]:
    """A name in each line, whatever the line ends.

    Raises:
        LabelsError: a line between names is empty, which some tools count and others do not.
    """
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if "" in lines:
        raise LabelsError(
            f"{file}: line {lines.index('') + 1} is empty, so the numbers of names behind it are not sure; "
            "remove it, or name the category that it stands for."
        )
    return lines


def load_yaml(path: Path) -> Any:
    """A YAML file, without any Python objects and without a key twice. Raises LabelsError."""
    import yaml

    text = read_text(path, 16 << 20)
    try:
        _need_single_keys(yaml.compose(text, yaml.SafeLoader), path)
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LabelsError(f"{path} is no YAML: {' '.join(str(error).split())}.") from None


def _need_single_keys(node: Any, path: Path) -> None:
    """Of two equal keys YAML's readers take the last, in the file and in the mappings directly in it."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return
    for mapping in [node, *(value for _, value in node.value if isinstance(value, yaml.MappingNode))]:
        seen: set[str] = set()
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise LabelsError(f"{path}, line {key.start_mark.line + 1}: '{key.value}' is there twice.")
            seen.add(str(key.value))


def names_in(data: Any, file: str) -> dict[int, str]:
    """As :func:`names_of_yaml`, of what a YAML file says."""
    names = data.get("names", data) if isinstance(data, dict) else data
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise LabelsError(f"{file} has no names of categories; names must be a list, or numbers with names.")
    found: dict[int, str] = {}
    for key, name in names.items():
        if isinstance(name, dict | list) or name is None or not str(name).strip():
            raise LabelsError(f"{file}: the name of category {key!r} is {name!r}; it must be a text.")
        if isinstance(name, bool):
            raise LabelsError(
                f"{file}: the name of category {key!r} is a word that YAML reads as {str(name).lower()}; put "
                "it in quotes."
            )
        found[whole(key, "the number of a category", file)] = str(name)
    return found
