"""The report as one page that needs nothing else: markup, figures, pictures and the code that shows them."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from lightly_assets.report.gallery import GRID
from lightly_assets.report.gather import FIGURES_ID, REASONS, Gathered
from lightly_assets.report.markup import Markup, join, markup
from lightly_assets.report.overview import overview
from lightly_assets.report.task_page import task_page


@cache
def _static(name: str) -> str:
    return (files("lightly_assets.report") / "static" / name).read_text("utf-8")


def page(gathered: Gathered, *, served: bool = False) -> bytes:
    """The whole page. ``served`` pages ask the server for their pictures."""
    scripts = [_static("uPlot.iife.min.js"), _static("report.js")]
    figures = _json(FIGURES_ID, gathered.figures)
    frames = _json(
        "report-frames",
        {
            "frames": gathered.frames,
            "galleries": gathered.galleries,
            "evaluations": gathered.evaluations,
            "reasons": REASONS,
            "grid": GRID,
            "served": served,
        },
    )
    tasks = gathered.figures["tasks"]
    body = join(
        _header(gathered),
        markup(
            '<main id="main"><div class="wrap">{}{}</div></main>',
            _panel("overview", "tab-overview", overview(gathered), hidden=False),
            join(
                *(
                    _panel(
                        f"task-{place}",
                        f"tab-{place}",
                        task_page(task, gathered.evaluations[place]),
                        hidden=True,
                    )
                    for place, task in enumerate(tasks)
                )
            ),
        ),
        _DIALOG,
        _footer(),
    )
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<title>{markup('Predictions in {}', gathered.figures['root'])}</title>"
        f"<style>{_static('uPlot.min.css')}{_static('report.css')}</style></head><body>"
    )
    end = "".join(f"<script>{script}</script>" for script in scripts)
    text = f"{head}{body}{figures}{frames}{_pictures(gathered)}{end}</body></html>\n"
    return text.encode("utf-8", "backslashreplace")


def _policy(scripts: list[str]) -> str:
    """Only this page's own code runs, and nothing is fetched from anywhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src 'self' data:"


def _json(identifier: str, value: Any) -> str:
    """JSON inside a script element; nothing in it can end that element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="{identifier}">{safe}</script>'


def _pictures(gathered: Gathered) -> str:
    """One line per frame, empty where there is no picture."""
    by_stem = gathered.thumbnails
    if not by_stem:
        return ""
    lines = [
        base64.b64encode(by_stem[stem].data).decode() if stem in by_stem else "" for stem in gathered.stems
    ]
    return f'<script type="text/plain" id="report-pictures">{chr(10).join(lines)}</script>'


def _header(gathered: Gathered) -> Markup:
    tabs = [
        markup(
            '<button role="tab" id="tab-{}" aria-controls="task-{}" aria-selected="false" data-task="{}">'
            "<bdi>{}</bdi></button>",
            place, place, place, task["name"],
        )
        for place, task in enumerate(gathered.figures["tasks"])
    ]  # fmt: skip
    return markup(
        '<a class="skip" href="#main">Skip to the content</a><header class="top"><div class="wrap"><div>'
        '<h1>Prediction report</h1><p class="path"><bdi>{}</bdi></p></div>'
        '<button class="plain theme" id="theme" type="button" title="Light or dark">Dark</button>'
        "</div></header>"
        '<nav class="tabs" aria-label="Tasks"><div class="wrap" role="tablist">'
        '<button role="tab" id="tab-overview" aria-controls="overview" aria-selected="true">Overview</button>'
        "{}</div></nav>",
        gathered.figures["root"],
        join(*tabs),
    )


def _panel(identifier: str, tab: str, content: Markup, *, hidden: bool) -> Markup:
    return markup(
        '<section role="tabpanel" id="{}" aria-labelledby="{}"{}>{}</section>',
        identifier,
        tab,
        Markup(" hidden") if hidden else Markup(""),
        content,
    )


_DIALOG = Markup(
    '<dialog id="large" aria-labelledby="large-name"><div class="bar-top"><h2 id="large-name"></h2>'
    '<button class="plain" data-back type="button" aria-label="Previous frame">←</button>'
    '<button class="plain" data-next type="button" aria-label="Next frame">→</button>'
    '<button class="plain" data-close type="button">Close</button></div><div class="inside"></div></dialog>'
)


def _footer() -> Markup:
    return markup(
        '<footer><div class="wrap">Made by <code>lightly-assets report</code>. This page needs no network '
        "and sends nothing.<details><summary>Charts by uPlot: licence</summary><pre>{}</pre></details>"
        "</div></footer>",
        _static("uPlot-LICENSE.txt"),
    )
