"""The generated parts of the documentation: ``python -m lightly_assets.format.rules.documentation docs``.

The table of rules and the examples of ``docs/format.md`` come from the code, so that they cannot be wrong; a
test compares them with the files.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lightly_assets.format.rules.table import RULES, ordered_rules
from lightly_assets.format.schema import TaskType
from lightly_assets.format.singletons import SINGLETONS, parse_prediction_file

_BEGIN, _END = "<!-- generated: begin -->", "<!-- generated: end -->"

EXAMPLES: dict[TaskType, dict[str, Any]] = {
    TaskType.CLASSIFICATION: {"category_id": 0, "score": 0.8, "probabilities": [0.8, 0.1, 0.1]},
    TaskType.OBJECT_DETECTION: {
        "category_id": 0,
        "bbox": [140, 100, 80, 90],
        "score": 0.8,
        "probabilities": [0.8, 0.2],
    },
    TaskType.KEYPOINT_DETECTION: {
        "category_id": 1,
        "keypoints": [100, 100, 0.95, 13, 29, 0.8, 30, 35, 0.5],
        "score": 0.9,
        "bbox": [13, 29, 87, 71],
    },
    TaskType.INSTANCE_SEGMENTATION: {
        "category_id": 0,
        "segmentation": [2, 2, 1, 3, 3, 1],
        "score": 0.8,
        "bbox": [1, 0, 3, 3],
    },
    TaskType.SEMANTIC_SEGMENTATION: {"category_id": 2, "segmentation": [2, 2, 1, 3, 3, 1], "score": 0.8},
}


def rules_table() -> str:
    """All rules as a Markdown table."""
    rows = [f"| `{name}` | {RULES[name].severity} | {RULES[name].finds} |" for name in ordered_rules()]
    return "\n".join(["| rule | severity | finds |", "|---|---|---|", *rows])


def task_types() -> str:
    """Every task type with its fields and a valid example."""
    return "\n\n".join(_task_type(task_type, model) for task_type, model in SINGLETONS.items())


def _task_type(task_type: TaskType, model: type[BaseModel]) -> str:
    fields = [
        f"`{name}`" if field.is_required() else f"`{name}` (optional)"
        for name, field in model.model_fields.items()
    ]
    document = {"file_name": "subdir/image_1.png", "predictions": [EXAMPLES[task_type]]}
    # An example that is not valid must not be published.
    parse_prediction_file(task_type, document)
    summary = (model.__doc__ or "").strip()
    return (
        f"### {task_type}\n\n{summary} Fields: {', '.join(fields)}.\n\n```json\n{json.dumps(document)}\n```"
    )


def with_generated(page: str, generated: str) -> str:
    """The page with the text between its two marks replaced."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{generated}\n{_END}{after}"


def pages(docs: Path) -> dict[Path, str]:
    """What the pages should contain."""
    parts = {docs / "rules.md": rules_table(), docs / "format.md": task_types()}
    return {path: with_generated(path.read_text(), generated) for path, generated in parts.items()}


if __name__ == "__main__":
    for path, content in pages(Path(sys.argv[1])).items():
        path.write_text(content)
