"""What commands print with ``--json``, as models: the JSON Schemas in ``schemas/`` are made of them.

``DOCUMENTS["run"].model_validate_json(text)`` reads the document of a command into Python. Keys may be added
in later versions; none is taken away or means something else before the next major one.
"""

from typing import Any

from pydantic import RootModel

from lightly_assets.documents.labels import Exported, Imported, ImportTrial
from lightly_assets.documents.predictions import Check, Evaluation, ExtractedVideo, ReportPage, Video
from lightly_assets.documents.projects import (
    Collected,
    Doctor,
    Run,
    Selection,
    Status,
    Studio,
    WrittenVectors,
)
from lightly_assets.documents.shared import Failure


class RunDocument(RootModel[Run | Failure]):
    """``lightly-assets run --json``, and ``demo --json``."""


class StatusDocument(RootModel[Status | Failure]):
    """``lightly-assets status --json``"""


class GcDocument(RootModel[Collected | Failure]):
    """``lightly-assets gc --json``"""


class SelectDocument(RootModel[Selection | Failure]):
    """``lightly-assets select --json``"""


class EmbeddingsDocument(RootModel[WrittenVectors | Failure]):
    """``lightly-assets embeddings --json``"""


class StudioDocument(RootModel[Studio | Failure]):
    """``lightly-assets studio --json``"""


class CheckDocument(RootModel[Check | Failure]):
    """``lightly-assets check --json``"""


class EvaluateDocument(RootModel[Evaluation | Failure]):
    """``lightly-assets evaluate --json``"""


class ReportDocument(RootModel[ReportPage | Failure]):
    """``lightly-assets report --json``"""


class ProbeDocument(RootModel[list[Video]]):
    """``lightly-assets probe --json``: one entry a video, in the order of the call."""


class ExtractDocument(RootModel[list[ExtractedVideo]]):
    """``lightly-assets extract --json``: one entry a video, in the order of the call."""


class ImportDocument(RootModel[Imported | Failure]):
    """``lightly-assets import-coco --json``"""


class ImportLabelsDocument(RootModel[Imported | ImportTrial | Failure]):
    """``lightly-assets import-labels --json``; with ``--dry-run`` what would be written."""


class ExportDocument(RootModel[Exported | Failure]):
    """``lightly-assets export --json``"""


class DoctorDocument(RootModel[Doctor | Failure]):
    """``lightly-assets doctor --json``"""


DOCUMENTS: dict[str, type[RootModel[Any]]] = {
    "run": RunDocument,
    "demo": RunDocument,
    "status": StatusDocument,
    "gc": GcDocument,
    "select": SelectDocument,
    "embeddings": EmbeddingsDocument,
    "studio": StudioDocument,
    "check": CheckDocument,
    "evaluate": EvaluateDocument,
    "report": ReportDocument,
    "probe": ProbeDocument,
    "extract": ExtractDocument,
    "import-coco": ImportDocument,
    "import-labels": ImportLabelsDocument,
    "export": ExportDocument,
    "doctor": DoctorDocument,
}
"""By command: each of those that know ``--json``."""
