"""What the sensor asks for: runs over stale inputs, cut to size, and never for what is known to fail."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from lightly_assets.config import Project
from lightly_assets.format.names.suffixes import InputKind
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.pipeline.state.failures import attempt_version
from lightly_assets.pipeline.state.records import version
from lightly_assets.pipeline.watching.seen_inputs import Stale, Versions


@dataclass(frozen=True, slots=True)
class Request:
    """A run to ask for."""

    run_key: str
    """Hash of what is asked for: the same is never asked for twice while a run works on it."""
    partitions: tuple[str, ...]
    inputs: tuple[str, ...]


class Wants:
    """What is wanted of a stale input, as a version; None where exactly that is known to fail."""

    def __init__(
        self,
        versions: Mapping[str, Versions],
        decode: Mapping[InputKind, str],
        failures: Mapping[str, Mapping[str, tuple[str, bool]]],
        unblocked: str,
    ) -> None:
        self._versions, self._decode = versions, decode
        self._failures, self._unblocked = failures, unblocked

    def of(self, stale: Stale) -> tuple[str | None, bool]:
        """And whether other inputs are to blame for a failure: then trying again is worth it when some go."""
        one = stale.input
        made_of = {task: self._attempt(one, self._versions.get(task)) for task in ["", *stale.stages]}
        failed = self._failures.get(one.key, {})
        blocked = any(by_others for _, by_others in failed.values())
        if not blocked:
            hopeless = [task for task, (tried, _) in failed.items() if made_of.get(task) == tried]
            if stale.stages and ("" in hopeless or set(stale.stages) <= set(hopeless)):
                return None, False
        return version(*sorted(made_of.items()), self._unblocked if blocked else ""), blocked

    def _attempt(self, one: Input, task: Versions | None) -> str:
        made_with = (task.model, task.settings) if task else (None, None)
        return attempt_version(one.entry.fingerprint, self._decode[one.kind], *made_with)


class Batches:
    """Stale inputs, cut into runs."""

    def __init__(self, runs: int, project: Project) -> None:
        self._runs = runs
        self._settings = project.sensor
        self._full: list[dict[str, tuple[Stale, str, int]]] = []
        self._open: dict[str, tuple[Stale, str, int]] = {}
        self._partitions: set[str] = set()
        self._bytes = 0

    def offer(self, stale: Stale, want: str, attempts: int) -> None:
        """Take an input into the open run, or into the next one; beyond the last one it has to wait."""
        if self.are_full():
            return
        settings = self._settings
        more = stale.partition not in self._partitions
        if self._open and (
            len(self._open) >= settings.inputs
            or self._bytes >= settings.bytes
            or len(self._partitions) + more > settings.partitions
        ):
            self._close()
            if self.are_full():
                return
        self._open[stale.input.key] = stale, want, attempts
        self._partitions.add(stale.partition)
        self._bytes += stale.input.entry.size

    def are_full(self) -> bool:
        """Whether nothing more is taken."""
        return len(self._full) >= self._runs

    def _close(self) -> None:
        if self._open:
            self._full.append(self._open)
        self._open, self._partitions, self._bytes = {}, set(), 0

    def requests(self, ended: str) -> Iterator[tuple[Request, dict[str, tuple[str, int]]]]:
        """The runs to ask for, and what is to be remembered of each input.

        ``ended`` has changed with the last run that ended: Dagster ignores a run key that it has seen, but
        the same may be wanted once more, as where a setting is changed and changed back.
        """
        self._close()
        for batch in islice(self._full, max(0, self._runs)):
            chosen = {key: (want, attempts) for key, (_, want, attempts) in batch.items()}
            partitions = dict.fromkeys(stale.partition for stale, _, _ in batch.values())
            yield Request(version(ended, *sorted(chosen.items())), tuple(partitions), tuple(batch)), chosen
