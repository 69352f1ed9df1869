"""What lies in an input, and a frame of it."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lightly_assets.config import Project
from lightly_assets.config.datasource import DatasourceSettings
from lightly_assets.format.names.suffixes import split_suffix
from lightly_assets.pipeline.inputs.listing import Input, Scan, scan_input
from lightly_assets.pipeline.inputs.pixels import PixelReader, Pixels, Unreadable
from lightly_assets.proposal.findings import Finding
from lightly_assets.storage import Store, open_store

# Every so manieth frame of the first ones is tried: the first are often black, a title, or empty.
_EVERY, _FRAMES = 30, 240
# So many inputs are tried until one can be read.
_TRIES = 5


@dataclass(slots=True)
class InputFound:
    """An input root, looked at."""

    findings: list[Finding] = field(default_factory=list)
    frames: list[Pixels] = field(default_factory=list)
    """Some frames or an image of it; none where none could be read."""


def look_at_input(root: str, folder: Path) -> InputFound:
    """Counts what lies there, and reads one frame.

    Args:
        root: a folder (relative ones from the working directory) or a URL.
        folder: of the project that is to be.

    Raises:
        StorageError: the root does not exist or cannot be listed.
    """
    project = Project(
        datasource=DatasourceSettings(input=root, lightly="lightly", state="state"), base_dir=folder
    )
    store = open_store(project.root("input"), options=project.storage_of("input"))
    scan = scan_input(store, project)
    found = InputFound(_counted(root, scan))
    found.frames, unread = _some_frames(store, scan)
    for key, error in unread:
        found.findings.append(Finding("unreadable", key, error, "open"))
    if found.frames:
        source = found.frames[0].source
        found.findings.append(Finding("size", f"{source.width}×{source.height}", source.input))
    return found


def _counted(root: str, scan: Scan) -> list[Finding]:
    kinds = Counter(one.kind for one in scan.inputs.values())
    suffixes = Counter(split_suffix(key)[1].lower() for key in scan.inputs)
    told = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common())
    counts = (f"{kinds[kind]} {kind}{'' if kinds[kind] == 1 else 's'}" for kind in ("video", "image"))
    value = f"{root}, {' and '.join(counts)}"
    found = [Finding("input", value, f"listing ({told or 'nothing that can be predicted'})")]
    if not scan.inputs:
        found[0] = Finding(
            "input", value, "nothing here is a video or an image; name another --input", "open"
        )
    if scan.skipped:
        others = ", ".join(f"{count} {suffix}" for suffix, count in scan.skipped.most_common(5))
        found.append(Finding("left out", others, "listing: no videos or images"))
    found += [Finding("refused", key, problem, "open") for key, problem in sorted(scan.problems.items())[:5]]
    return found


def _some_frames(store: Store, scan: Scan) -> tuple[list[Pixels], list[tuple[str, str]]]:
    """Frames of the first input that can be read, and the inputs that could not be."""
    unread = []
    ordered: list[Input] = sorted(scan.inputs.values(), key=lambda one: (one.kind != "video", one.key))
    for one in ordered[:_TRIES]:
        reader = PixelReader(store, [(one, True)], "keep")
        try:
            frames = []
            for event in itertools.islice(reader, _FRAMES):
                if isinstance(event, Pixels) and (event.source.index or 0) % _EVERY == 0:
                    frames.append(event)
                elif isinstance(event, Unreadable):
                    unread.append((one.key, event.error))
            if frames:
                # The later ones first: what a camera sees when it runs.
                return [*frames[1:], frames[0]], unread
        finally:
            reader.close()
    return [], unread
