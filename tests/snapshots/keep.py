"""What must not change unnoticed, as text beside the tests: ``make snapshots`` writes it anew."""

import json
import os
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("kept")
WRITE = os.environ.get("WRITE_SNAPSHOTS") == "1"


def unchanged(name: str, document: Any) -> None:
    """Compare a JSON document with the one that is kept, or keep it."""
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    file = KEPT / name
    if WRITE:
        KEPT.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert json.loads(text) == kept, f"{name} differs; if that is meant: make snapshots, and CHANGELOG.md"
