"""The documentation site: ``make docs`` builds it into ``build/docs``, every link checked."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

from lightly_assets import __version__

project = "Lightly Assets"
author = "The Lightly Assets contributors"
copyright = author
release = version = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["build"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Code blocks of documents with comments are no strict JSON, and a plain fence is a terminal or a tree.
suppress_warnings = ["misc.highlighting_failure"]
highlight_language = "text"

html_theme = "furo"
html_title = "Lightly Assets"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fbf", "color-brand-content": "#1f5fbf"},
    "dark_css_variables": {"color-brand-primary": "#8ab4ff", "color-brand-content": "#8ab4ff"},
}


def setup(app: "Sphinx") -> None:
    """All pages as one plain text beside the site, for programs that read."""
    app.connect("build-finished", _one_text)


def _one_text(app: "Sphinx", problem: Exception | None) -> None:
    if problem is None and app.builder.name == "html":
        from generate import one_text, overview

        (Path(app.outdir) / "llms-full.txt").write_text(one_text(), encoding="utf-8")
        (Path(app.outdir) / "llms.txt").write_text(overview(), encoding="utf-8")


if base := os.environ.get("DOCS_BASE_URL"):
    html_baseurl = base
