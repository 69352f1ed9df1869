"""A model's file with the settings that are proposed for it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lightly_assets.format.schema import Category, TaskType
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.protocol import Model
from lightly_assets.pipeline.inputs.pixels import Pixels
from lightly_assets.proposal.findings import Finding


@dataclass(slots=True)
class ModelFound:
    """A model's file, looked at."""

    path: Path
    kind: str
    findings: list[Finding] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)
    layout: str = ""
    task_type: TaskType = TaskType.OBJECT_DETECTION
    names: tuple[str, ...] = ()
    named_by: Literal["file", "user", "nobody"] = "nobody"
    options: dict[str, Any] = field(default_factory=dict)
    """What is to be written beside ``layout:``."""
    pixels: dict[str, Any] = field(default_factory=dict)
    """What is to be written under ``preprocess:``."""
    guessed: frozenset[str] = frozenset()
    """Which of ``pixels`` nobody said."""
    frame: Pixels | None = None
    """What it was tried on; None where there was nothing."""
    model: Model | None = None
    """Loaded with these settings; None where nothing fits."""
    config: Any = None

    @property
    def in_boxes(self) -> bool:
        """Whether it looks into the boxes of another task."""
        return "boxes" in self.options

    def settings(self) -> dict[str, Any]:
        """What stands under ``model:``."""
        found: dict[str, Any] = {"kind": self.kind, "path": str(self.path), "layout": self.layout}
        found |= self.options
        return found | ({"preprocess": self.pixels} if self.pixels else {})

    def load(self) -> None:
        """Loads the model as the settings say it. Raises ModelError."""
        self.config = parse_model(self.settings())
        categories = [Category(id=number, name=name) for number, name in enumerate(self.names)]
        self.model = load_model(
            self.config, task_type=self.task_type, categories=categories, base_dir=self.path.parent
        )
