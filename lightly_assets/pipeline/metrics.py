"""What is recorded of a project, as numbers for Prometheus. Neither input nor output is listed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lightly_assets.pipeline.session import Session

PREFIX = "lightly_assets_"


@dataclass(frozen=True, slots=True)
class Metric:
    """A number, or one for each combination of labels."""

    name: str
    """Without :data:`PREFIX`; with the unit, as Prometheus' conventions want it."""
    help: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)
    """Labels and value."""
    kind: Literal["gauge"] = "gauge"

    def lines(self) -> Iterator[str]:
        name = PREFIX + self.name
        yield f"# HELP {name} {_escaped(self.help)}"
        yield f"# TYPE {name} {self.kind}"
        for labels, value in self.samples:
            some = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels.items())
            yield f"{name}{{{some}}} {value:.17g}" if some else f"{name} {value:.17g}"


def to_text(metrics: Iterable[Metric]) -> str:
    """A document in the text format, version 0.0.4."""
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines())


def project_metrics(session: Session) -> list[Metric]:
    """What the records of a project say.

    Raises:
        StorageError: the state is out of reach.
    """
    session.take_over()
    index = session.warehouse.index
    failed: dict[str, set[str]] = {name: set() for name in session.setups}
    failed[""] = set()
    for key, by_task in session.failures().items():
        for task in by_task:
            failed.setdefault(task, set()).add(key)
    quarantine = session.quarantine()
    metrics = [
        Metric("inputs_failed", "Inputs whose last run failed; an empty task: in all of them.", [
            ({"task": task}, len(keys)) for task, keys in failed.items()
        ]),
        Metric("inputs_paused", "Inputs that are left alone on purpose.", [({}, len(quarantine))]),
        Metric("frames_recorded", "Frames of videos, and images, that are recorded.", [
            ({}, index.totals("")["frames"])
        ]),
    ]  # fmt: skip
    told = {
        "inputs_recorded": ("inputs", "Inputs that something is recorded of."),
        "inputs_published": ("published", "Inputs with published prediction files."),
        "files_published": ("files", "Published prediction files."),
        "published_bytes": ("bytes", "Size of the published prediction files."),
        "predictions": ("predictions", "Objects and labels in the stored predictions."),
    }
    totals = {name: index.totals(name) for name in session.setups}
    return metrics + [
        Metric(name, text, [({"task": task}, found[column]) for task, found in totals.items()])
        for name, (column, text) in told.items()
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
