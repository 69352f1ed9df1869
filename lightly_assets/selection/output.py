"""What a selection leaves behind: lists, reasons, and a page with the selected frames."""

from __future__ import annotations

import json
from pathlib import Path

from lightly_assets.folders.read import Root
from lightly_assets.report.gather import Request as ReportRequest
from lightly_assets.report.gather import gather
from lightly_assets.report.page import page
from lightly_assets.selection.errors import SelectionError
from lightly_assets.selection.run import Selected

_SHOWN = 500


def write_selection(selected: Selected, out: Path, lightly: Root, input: Root | None) -> list[Path]:
    """Writes the files of a selection into a folder; the same selection gives the same files.

    ``selected.txt`` names the frames, ``relevant_filenames.txt`` the inputs that they are of, as the Worker
    takes it; ``selection.json`` has the document and why each frame was chosen; ``selection.html`` shows
    them.

    Raises:
        SelectionError: the folder cannot be written to.
    """
    shown = [selected.samples.stems[place] for place in selected.chosen[:_SHOWN]]
    report = gather(ReportRequest(lightly, input, chosen=shown))
    document = selected.document() | {"frames": selected.reasons()}
    files = {
        "selected.txt": "".join(f"{name}\n" for name in selected.names).encode(errors="surrogateescape"),
        "relevant_filenames.txt": "".join(
            f"{name}\n" for name in selected.samples.inputs(selected.chosen)
        ).encode(errors="surrogateescape"),
        "selection.json": json.dumps(document, indent=1).encode(),
        "selection.html": page(report),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            part = out / f".{name}.part"
            part.write_bytes(data)
            part.replace(out / name)
    except OSError as error:
        raise SelectionError(f"'{out}' cannot be written to: {error.strerror}.") from None
    return [out / name for name in files]
