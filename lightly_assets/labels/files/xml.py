"""XML of other tools: read without document types, entities and anything outside of the file."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers import expat

from lightly_assets.labels.errors import LabelsError


class _RefusedError(Exception):
    """The text defines what labels never need."""


def root_tag(path: Path) -> str:
    """The name of a file's first element; empty where it is no XML."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 14)
    except OSError:
        return ""
    if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return ""
    found: list[str] = []
    parser = _strict_parser()
    parser.StartElementHandler = lambda name, _attributes: found.append(name)
    with suppress(expat.ExpatError, _RefusedError, LookupError, ValueError):
        parser.Parse(start, False)
    return found[0] if found else ""


def elements(path: Path) -> Iterator[Element]:
    """The children of the root, one after the other, each with all that is in it; memory holds one of them.

    Raises:
        LabelsError: it is no XML, or defines entities, which could make it larger than any memory.
    """
    done: list[Element] = []
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, builder
        depth += 1
        if depth > 64:
            raise _RefusedError("it has more than 64 levels")
        if depth == 2:
            builder = TreeBuilder()
        if depth > 1:
            builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        if depth > 1:
            builder.end(name)
        if depth == 2:
            done.append(builder.close())
        depth -= 1

    def text(data: str) -> None:
        if depth > 1:
            builder.data(data)

    parser = _strict_parser()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                parser.Parse(chunk, False)
                yield from done
                done.clear()
            parser.Parse(b"", True)
            yield from done
    except (expat.ExpatError, ParseError, _RefusedError, LookupError, ValueError) as error:
        raise LabelsError(f"{path} cannot be read as XML: {error}.") from None
    except OSError as error:
        raise LabelsError(f"{path} cannot be read: {error.strerror}.") from None


def _strict_parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()

    def refuse(*_: object) -> Any:
        raise _RefusedError("it declares a document type or entities, which labels never need")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    return parser


def text_of(element: Element, path: str) -> str:
    """The text of a descendant, without spaces around it; empty where there is none."""
    found = element.find(path)
    return (found.text or "").strip() if found is not None else ""
