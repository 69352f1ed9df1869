"""Words for pictures with predictions: fonts, and names that fit."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

# Looked for by name where fonts usually lie, once Pillow's own font lacks a letter.
_MORE_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "arialuni.ttf",
    "msyh.ttc",
)
_NO_LETTER = "\U0010fffe"


@lru_cache(maxsize=32)
def font(size: int) -> "FreeTypeFont":
    """Pillow's own font, in pixels."""
    return _fonts(size)[0]


@lru_cache(maxsize=32)
def _fonts(size: int) -> tuple["FreeTypeFont", ...]:
    from PIL import ImageFont

    own = ImageFont.load_default(size)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise RuntimeError("This Pillow was built without FreeType, so it cannot write; install its wheel.")
    found = [own]
    for name in _MORE_FONTS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:  # Not on this machine.
            continue
    return tuple(found)


@lru_cache(maxsize=4096)
def font_for(text: str, size: int) -> "FreeTypeFont | None":
    """The first font that has all letters of a text; None where there is none."""
    if text.isascii():
        return font(size)
    letters = sorted({one for one in text if not one.isspace()})
    return next((one for one in _fonts(size) if all(_has(one, letter) for letter in letters)), None)


def _has(one: "FreeTypeFont", letter: str) -> bool:
    """A font draws the same box for all letters that it lacks."""
    return one.getmask(letter).getbbox() is not None and _pixels(one, letter) != _pixels(one, _NO_LETTER)


def _pixels(one: "FreeTypeFont", letter: str) -> tuple[tuple[int, int], bytes]:
    mask = one.getmask(letter)
    return mask.size, bytes(mask)


@lru_cache(maxsize=4096)
def shown_name(name: str | None, category_id: int, size: int) -> str:
    """A category's name in one line; its id where it has none, or none that can be written here."""
    line = _one_line(name or "")
    return line if line and font_for(line, size) is not None else f"category {category_id}"


@lru_cache(maxsize=4096)
def writable(text: str, size: int) -> str:
    """A text in one line; letters that no font has are question marks."""
    line = _one_line(text)
    if font_for(line, size) is not None:
        return line
    return "".join(letter if letter == " " or font_for(letter, size) else "?" for letter in line)


def _one_line(text: str) -> str:
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def text_width(text: str, size: int) -> float:
    """In pixels."""
    return (font_for(text, size) or font(size)).getlength(text)


@lru_cache(maxsize=4096)
def shortened(text: str, size: int, width: float, *, keep_end: bool = False) -> str:
    """The text, cut with an ellipsis where it is wider than ``width`` pixels; empty where nothing fits."""
    # The longest text that could fit: narrow letters are a fifth of the size wide.
    most = max(1, int(5 * width / size))
    if len(text) <= most and text_width(text, size) <= width:
        return text
    part = text[-most:] if keep_end else text[:most]
    while part:
        cut = f"…{part.lstrip()}" if keep_end else f"{part.rstrip()}…"
        if text_width(cut, size) <= width:
            return cut
        part = part[1:] if keep_end else part[:-1]
    return ""
