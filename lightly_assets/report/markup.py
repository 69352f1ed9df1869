"""Markup that is safe by construction: what is put in is escaped, unless it is markup already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

# Characters that are seen as nothing, or that turn the direction of what follows.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class Markup(str):
    """Text that is markup."""

    __slots__ = ()


def markup(template: str, *values: Any) -> Markup:
    """Puts values where the template has ``{}``, escaped unless they are :class:`Markup`."""
    return Markup(template.format(*(one if isinstance(one, Markup) else text(one) for one in values)))


def text(value: Any) -> Markup:
    """Any value as markup that shows it; what cannot be seen is shown as its code."""
    visible = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))
    return Markup(escape(visible))


def join(*parts: Markup) -> Markup:
    """Markup one after the other."""
    return Markup("".join(parts))


def number(value: float | None, digits: int = 3) -> str:
    """A count with separators, a fraction with some digits, a dash for nothing."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def tile(value: Any, name: str, kind: str = "") -> Markup:
    """A figure in a box of its own."""
    shown = value if isinstance(value, str) else number(value)
    return markup('<div class="tile {}"><b>{}</b><span>{}</span></div>', kind, shown, name)


def tiles(*parts: Markup) -> Markup:
    """Several figures beside each other."""
    return markup('<div class="tiles">{}</div>', join(*parts))


def card(title: str, *content: Markup, note: str = "") -> Markup:
    """A box with a heading."""
    explained = markup('<p class="soft">{}</p>', note) if note else Markup("")
    return markup('<div class="card"><h2>{}</h2>{}{}</div>', title, explained, join(*content))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]], *, kind: str = "") -> Markup:
    """A table whose first column names the rows."""
    heads = join(*(markup('<th scope="col" class="{}">{}</th>', _side(one), one) for one in head))
    body = join(
        *(
            markup(
                '<tr><th scope="row" class="name" title="{}"><bdi>{}</bdi></th>{}</tr>',
                first if not isinstance(first, Markup) else "",
                first,
                join(*(_cell(one) for one in rest)),
            )
            for first, *rest in rows
        )
    )
    return markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="{}"><table class="{}">'
        "<caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        caption, kind, caption, heads, body,
    )  # fmt: skip


_LEFT = {"Type", "Task", "Measure", "Reads as", "Finding", "Where"}


def _side(head: str) -> str:
    return "left" if head in _LEFT else ""


def _cell(value: Any) -> Markup:
    if isinstance(value, Markup):
        return value if value.startswith("<td") else markup("<td>{}</td>", value)
    if isinstance(value, str):
        return markup('<td class="words">{}</td>', value)
    return markup("<td>{}</td>", number(value))


def bar(value: float, most: float) -> Markup:
    """A cell with a bar as long as the value's share of the largest one."""
    share = 100 * value / most if most else 0
    return markup(
        '<td class="barcell"><span class="bar" style="width:{}%" aria-hidden="true"></span></td>',
        f"{share:.1f}",
    )


def percent(part: float, whole: float) -> str:
    """``12 %``; a dash of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "–"
