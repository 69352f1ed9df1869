"""What is stale in a task, in numbers and examples."""

from collections import Counter
from dataclasses import dataclass, field

from lightly_assets.pipeline.state.records import STAGES, Stage

MOST_NAMED = 200


@dataclass(slots=True)
class Staleness:
    """The inputs of a task that were published and are not up to date any more."""

    stages: Counter[Stage] = field(default_factory=Counter)
    """How many inputs must be redone, by the first stage that must be."""
    examples: list[tuple[str, str, Stage]] = field(default_factory=list)
    """Input, partition and stage of some of them."""
    more: bool = False
    """Whether not all were looked at."""

    def add(self, key: str, partition: str, stage: Stage) -> None:
        self.stages[stage] += 1
        if len(self.examples) < MOST_NAMED:
            self.examples.append((key, partition, stage))

    @property
    def text(self) -> str | None:
        """One sentence; None where nothing is stale."""
        if not self.stages:
            return None
        counts = [f"{self.stages[stage]:,} from {stage} on" for stage in STAGES if self.stages[stage]]
        total = self.stages.total()
        verb = "input is" if total == 1 else "inputs are"
        least = "At least " if self.more else ""
        return f"{least}{total:,} {verb} stale ({', '.join(counts)}), such as '{self.examples[0][0]}'."
