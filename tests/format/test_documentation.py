"""The generated parts of the documentation are those of the code."""

from pathlib import Path

import pytest

from lightly_assets.format.rules.documentation import pages

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["rules.md", "format.md"])
def test_pages_are_up_to_date(name: str) -> None:
    expected = pages(DOCS)[DOCS / name]
    assert (DOCS / name).read_text() == expected, (
        "run: python -m lightly_assets.format.rules.documentation docs"
    )
