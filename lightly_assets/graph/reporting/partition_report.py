"""What happened to a partition, as the events that Dagster shows."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import dagster as dg
import orjson

from lightly_assets.config.sections.embeddings import is_embeddings, objects_of
from lightly_assets.encoding.shift import CORNERS, ENOUGH
from lightly_assets.format.schema import Schema
from lightly_assets.graph.checks import evidence
from lightly_assets.graph.checks.verdicts import latest, verdict
from lightly_assets.graph.keys import Names
from lightly_assets.graph.reporting.embeddings_report import embeddings_metadata
from lightly_assets.graph.reporting.recording import Recording
from lightly_assets.media.info import HINTS
from lightly_assets.pipeline.inputs.listing import Scan
from lightly_assets.pipeline.running.outcome import TaskOutcome, UnitOutcome
from lightly_assets.pipeline.state.index import Index, Indexed
from lightly_assets.pipeline.state.records import Stage, version

STAGE_FIELD: dict[Stage, str] = {
    "predictions": "predictions_version",
    "singletons": "singletons_version",
    "task_folder": "published_from",
}
"""What a record says of each stage once it is made."""
_MOST_NAMED = 10


@dataclass
class PartitionState:
    """The inputs of a partition, and what has come of them in this run."""

    partition: str
    inputs: list[str]
    problems: dict[str, dict[str, str]] = field(default_factory=dict)
    """Key → task (``""``: all) → one sentence."""
    outcomes: list[UnitOutcome] = field(default_factory=list)
    waiting: int = 0
    """Units that are not done."""

    def problem(self, task: str) -> str | None:
        """What is wrong for a task, in one text; None where nothing is."""
        return _text(self.failed(task))

    def failed(self, task: str) -> dict[str, str]:
        """The inputs that something is wrong with for a task, and what."""
        found = {key: by.get("") or by.get(task) for key, by in self.problems.items()}
        return {key: error for key, error in found.items() if error}

    def tasks(self, name: str) -> list[TaskOutcome]:
        return [outcome.tasks[name] for outcome in self.outcomes if name in outcome.tasks]


class Reporter:
    """Turns partitions into materialisations and verdicts."""

    def __init__(
        self,
        recording: Recording,
        index: Index,
        scan: Scan,
        tasks: Iterable[str],
        selected: set[dg.AssetKey],
        selected_checks: set[dg.AssetCheckKey],
        waiting: Mapping[str, str],
        names: Names,
    ) -> None:
        self._names = names
        self._recording = recording
        self._index = index
        self._scan = scan
        tasks = list(tasks)
        self._tasks = [task for task in tasks if not is_embeddings(task)]
        self._embeddings = [task for task in tasks if is_embeddings(task)]
        self._selected = selected
        self._checks = selected_checks
        self._waiting = waiting
        self.code_versions: Mapping[dg.AssetKey, str | None] = {}
        """Of the assets, as far as they are known."""
        self._made: set[tuple[dg.AssetKey, str]] = set()
        self._records: dict[dg.AssetKey, dg.EventLogRecord | None] = {}
        """Of the partition that is reported on."""

    def not_made(self, state: PartitionState) -> list[dg.AssetKey]:
        """Selected assets that were not made for a partition."""
        made = [
            self._names.frames,
            *(self._names.stage(t, stage) for t in self._tasks for stage in STAGE_FIELD),
            *(self._names.embeddings(objects_of(name)) for name in self._embeddings),
        ]
        return [key for key in made if key in self._selected and (key, state.partition) not in self._made]

    def report(self, state: PartitionState) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        """The events of one partition, in the order of the chain."""
        self._records.clear()
        yield from self._frames(state)
        for task in self._tasks:
            rows = {row.input: row for row in self._index.entries(task, state.inputs)}
            yield from self._task(state, task, rows)
        for name in self._embeddings:
            yield from self._vectors(state, name)

    def _vectors(
        self, state: PartitionState, name: str
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        """Embeddings, which are a task of one stage."""
        of = objects_of(name)
        key, failed = self._names.embeddings(of), state.failed(name)
        rows = {row.input: row for row in self._index.entries(name, state.inputs)}
        made = [row for row in rows.values() if row.predictions_version]
        parents = [self._names.frames, *([self._names.stage(of, "singletons")] if of else [])]
        if key in self._selected and not failed and len(made) == len(state.inputs):
            data_version = stage_version(made, STAGE_FIELD["predictions"])
            metadata = embeddings_metadata(rows.values(), state.tasks(name))
            yield self._materialization(key, state, data_version, metadata, parents)
        found = evidence.counts(
            inputs=len(state.inputs), failed=len(failed), vectors=sum(row.predictions for row in made)
        ) | evidence.problems(failed)
        yield from self._verdict(key, "embeddings_complete", state, _text(failed), found)

    def _frames(self, state: PartitionState) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        unread = {key: by[""] for key, by in state.problems.items() if "" in by}
        rows = {row.input: row for row in self._index.entries("", state.inputs)}
        good = len(unread) < len(state.inputs) and not unread
        if self._names.frames in self._selected and good:
            yield self._materialization(
                self._names.frames, state, frames_version(rows.values()), _frames_metadata(state, rows), []
            )
        colliding = {key: error for key, error in unread.items() if key in self._scan.problems}
        yield from self._verdict(
            self._names.frames,
            "no_collisions",
            state,
            _text(colliding),
            evidence.counts(inputs=len(state.inputs), colliding=len(colliding))
            | evidence.problems(colliding),
        )
        broken = {key: error for key, error in unread.items() if key not in self._scan.problems}
        notes = [note for row in rows.values() for note in _notes(row)]
        yield from self._verdict(
            self._names.frames,
            "frame_count_matches",
            state,
            _text(broken) or " ".join(notes[:_MOST_NAMED]) or None,
            evidence.decoding(rows.values(), broken, len(state.inputs)),
            warning=not broken,
        )

    def _task(
        self, state: PartitionState, task: str, rows: dict[str, Indexed]
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        problem = state.problem(task)
        parent = self._names.frames
        stages: tuple[Stage, ...] = ("predictions", "singletons", "task_folder")
        for stage in stages:
            key = self._names.stage(task, stage)
            made = [row for row in rows.values() if getattr(row, STAGE_FIELD[stage])]
            waits = stage == "task_folder" and task in self._waiting
            if key in self._selected and not problem and not waits and len(made) == len(state.inputs):
                data_version = stage_version(made, STAGE_FIELD[stage])
                metadata = self._task_metadata(state, task, stage, rows)
                yield self._materialization(key, state, data_version, metadata, [parent])
            parent = key
            if stage == "singletons":
                yield from self._singletons(key, state, task, rows)
            elif stage == "task_folder":
                failed = state.failed(task)
                found = evidence.counts(
                    inputs=len(state.inputs),
                    failed=len(failed),
                    files=sum(row.files for row in rows.values()),
                    bytes=sum(row.bytes for row in rows.values()),
                ) | evidence.problems(failed)
                reason = problem or (self._waiting[task] if waits else None)
                yield from self._verdict(
                    key, "task_folder_complete", state, reason, found, warning=not problem
                )

    def _singletons(
        self, key: dg.AssetKey, state: PartitionState, task: str, rows: dict[str, Indexed]
    ) -> Iterator[dg.AssetCheckEvaluation]:
        """The verdicts on what is predicted."""
        failed, outcomes = state.failed(task), state.tasks(task)
        found = evidence.counts(
            inputs=len(state.inputs),
            failed=len(failed),
            frames=sum(row.frames or 1 for row in rows.values()),
            predictions=sum(row.predictions for row in rows.values()),
        ) | evidence.problems(failed)
        yield from self._verdict(key, "singletons_valid", state, state.problem(task), found)
        # What is published says it where boxes were not cut; else what was given does.
        corners = [row.input for row in rows.values() if CORNERS in row.odd]
        if not corners and any(outcome.corners for outcome in outcomes):
            corners = sorted({key for outcome in outcomes if outcome.corners for key in outcome.done})
        named = f" In '{corners[0]}', for one." if corners else ""
        yield from self._verdict(
            key,
            "boxes_are_xywh",
            state,
            CORNERS + named if corners else None,
            evidence.boxes(rows.values(), outcomes, corners),
            warning=True,
        )
        odd = " ".join(f"'{key}': {text}" for key, text in evidence.odd_inputs(rows.values()).items())
        yield from self._verdict(
            key,
            "predictions_plausible",
            state,
            odd or None,
            evidence.plausibility(rows.values(), outcomes),
            warning=True,
        )

    def _materialization(
        self,
        key: dg.AssetKey,
        state: PartitionState,
        data_version: str,
        metadata: dict[str, dg.MetadataValue],
        parents: list[dg.AssetKey],
    ) -> dg.AssetMaterialization:
        tags = {"dagster/data_version": data_version, "dagster/data_version_is_user_provided": "true"}
        if code_version := self.code_versions.get(key):
            tags["dagster/code_version"] = code_version
        for parent in parents:
            record = self._record(parent, state.partition)
            if record is not None and (found := record.asset_materialization) is not None:
                name = parent.to_user_string()
                tags[f"dagster/input_data_version/{name}"] = (found.tags or {}).get(
                    "dagster/data_version", ""
                )
                tags[f"dagster/input_event_pointer/{name}"] = str(record.storage_id)
        self._records.pop(key, None)
        self._made.add((key, state.partition))
        description = None if state.outcomes else "Unchanged: it was up to date."
        return dg.AssetMaterialization(
            key, partition=state.partition, metadata=metadata, tags=tags, description=description
        )

    def _verdict(
        self,
        key: dg.AssetKey,
        name: str,
        state: PartitionState,
        problem: str | None,
        found: evidence.Evidence,
        *,
        warning: bool = False,
    ) -> Iterator[dg.AssetCheckEvaluation]:
        if dg.AssetCheckKey(key, name) in self._checks:
            about = self._record(key, state.partition)
            yield verdict(key, name, state.partition, problem, about=about, warning=warning, metadata=found)

    def _record(self, key: dg.AssetKey, partition: str) -> dg.EventLogRecord | None:
        """The latest materialisation; asked once, because each question costs milliseconds."""
        if key not in self._records:
            self._records[key] = self._recording.latest(key, partition)
        return self._records[key]

    def _task_metadata(
        self, state: PartitionState, task: str, stage: Stage, rows: dict[str, Indexed]
    ) -> dict[str, dg.MetadataValue]:
        outcomes = state.tasks(task)
        metadata: dict[str, dg.MetadataValue] = {
            "inputs": dg.MetadataValue.int(len(rows)),
            "frames": dg.MetadataValue.int(sum(row.frames or 1 for row in rows.values())),
        }
        if stage == "predictions":
            seconds = sum(one.predict_seconds for one in outcomes)
            predicted = sum(one.predicted for one in outcomes)
            metadata["predicted"] = dg.MetadataValue.int(predicted)
            if seconds:
                metadata["model_seconds"] = dg.MetadataValue.float(round(seconds, 3))
                metadata["model_frames_per_second"] = dg.MetadataValue.float(round(predicted / seconds, 1))
            models = sorted({row.model for row in rows.values()})
            metadata["model_version"] = dg.MetadataValue.text(", ".join(models))
            return metadata
        metadata["predictions"] = dg.MetadataValue.int(sum(row.predictions for row in rows.values()))
        if stage == "singletons":
            counts: Counter[str] = sum((one.categories for one in outcomes), Counter())
            if counts:
                metadata["by_category"] = dg.MetadataValue.json(dict(counts.most_common()))
            metadata |= evidence.spread(outcomes, len(state.inputs))
            metadata["boxes_clipped"] = dg.MetadataValue.int(sum(one.clipped for one in outcomes))
            metadata["boxes_dropped"] = dg.MetadataValue.int(sum(one.dropped for one in outcomes))
        else:
            metadata["files"] = dg.MetadataValue.int(sum(row.files for row in rows.values()))
            metadata["bytes"] = dg.MetadataValue.int(sum(row.bytes for row in rows.values()))
            metadata["files_written"] = dg.MetadataValue.int(sum(one.files_written for one in outcomes))
            metadata["files_deleted"] = dg.MetadataValue.int(sum(one.files_deleted for one in outcomes))
        sheets = [one.sheet for one in outcomes if one.sheet]
        if sheets and stage == "singletons":
            return {"preview": evidence.embedded("predictions", "webp", sheets[0]), **metadata}
        return metadata


def frames_version(rows: Iterable[Indexed]) -> str:
    """The data version of ``frames`` for a partition with these records."""
    return version(*sorted((row.input, row.fingerprint, row.decode) for row in rows))


def stage_version(rows: Iterable[Indexed], field: str) -> str:
    """That of what is made of a task's inputs, see :data:`STAGE_FIELD`."""
    return version(*sorted((row.input, getattr(row, field)) for row in rows))


def any_class_missing(
    index: Index, schemas: Mapping[str, Schema], checks: Collection[dg.AssetCheckKey], names: Names
) -> bool:
    """Whether a category of a task is not predicted in what this machine knows, or little is."""
    return any(
        index.predictions(task) < ENOUGH or index.never_predicted(task, schema.ids)
        for task, schema in schemas.items()
        if _every_class(task, names) in checks
    )


def _every_class(task: str, names: Names) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(names.stage(task, "task_folder"), "every_class_predicted")


def class_events(
    instance: dg.DagsterInstance,
    index: Index,
    schemas: Mapping[str, Schema],
    checks: set[dg.AssetCheckKey],
    names: Names,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Whether every category of each task is predicted somewhere; a few predictions say nothing."""
    for task, schema in schemas.items():
        key = _every_class(task, names)
        if key not in checks:
            continue
        total, text = index.predictions(task), None
        never = index.never_predicted(task, schema.ids)
        if total >= ENOUGH and never:
            some = ", ".join(f"'{schema.names[one]}'" for one in never[:_MOST_NAMED])
            more = f" and {len(never) - _MOST_NAMED} more" if len(never) > _MOST_NAMED else ""
            text = f"Never predicted: {some}{more}, in {total:,} predictions. Are the category ids right?"
        about = latest(instance, key.asset_key)
        found = evidence.counts(
            predictions=total, categories=len(schema.ids), never_predicted=len(never)
        ) | evidence.examples(("id", "category"), ((str(one), schema.names[one]) for one in never))
        yield verdict(key.asset_key, key.name, None, text, about=about, warning=True, metadata=found)


def tasks_json_events(
    instance: dg.DagsterInstance,
    tasks: list[str],
    problems: dict[str, str],
    orphans: dict[str, list[str]],
    kept: str | None,
    selected: set[dg.AssetKey],
    checks: set[dg.AssetCheckKey],
    names: Names,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """What ``tasks.json`` lists now, and whether that is right."""
    if names.tasks_json in selected:
        metadata = {"tasks": dg.MetadataValue.json(tasks), "listed": dg.MetadataValue.int(len(tasks))}
        yield dg.AssetMaterialization(
            names.tasks_json,
            metadata=metadata,
            tags={
                "dagster/data_version": version(*tasks),
                "dagster/data_version_is_user_provided": "true",
            },
        )
    if dg.AssetCheckKey(names.tasks_json, "tasks_json_valid") in checks:
        problem = " ".join(problems.values()) or None
        about = latest(instance, names.tasks_json)
        counted = evidence.counts(listed=len(tasks), wrong=len(problems)) | evidence.examples(
            ("task", "problem"), problems.items()
        )
        yield verdict(names.tasks_json, "tasks_json_valid", None, problem, about=about, metadata=counted)
    if dg.AssetCheckKey(names.tasks_json, "no_orphans") in checks:
        left = [(task, name) for task, files in orphans.items() for name in files]
        text = None
        if left:
            text = f"{len(left)} prediction files belong to no input, such as '{left[0][1]}'. "
            text += kept or "'lightly-assets gc' deletes them."
        about = latest(instance, names.tasks_json)
        counted = evidence.counts(files=len(left)) | evidence.examples(("task", "file"), left)
        yield verdict(names.tasks_json, "no_orphans", None, text, about=about, warning=True, metadata=counted)


def _frames_metadata(state: PartitionState, rows: dict[str, Indexed]) -> dict[str, dg.MetadataValue]:
    frames = sum(row.frames or 1 for row in rows.values())
    decoded = sum(outcome.decoded for outcome in state.outcomes)
    seconds = sum(outcome.seconds for outcome in state.outcomes)
    metadata: dict[str, dg.MetadataValue] = {
        "inputs": dg.MetadataValue.int(len(rows)),
        "frames": dg.MetadataValue.int(frames),
        "decoded": dg.MetadataValue.int(decoded),
    }
    sizes = sorted({f"{width}×{height}" for row in rows.values() for width, height in _sizes(row)})
    metadata["size"] = dg.MetadataValue.text(", ".join(sizes[:_MOST_NAMED]))
    if decoded and seconds:
        metadata["seconds"] = dg.MetadataValue.float(round(seconds, 3))
        metadata["frames_per_second"] = dg.MetadataValue.float(round(decoded / seconds, 1))
    claimed = [row.container_frames for row in rows.values() if row.container_frames is not None]
    if claimed:
        metadata["container_frames"] = dg.MetadataValue.int(sum(claimed))
    damage = [f"{row.input}: {row.damage}" for row in rows.values() if row.damage]
    if damage:
        metadata["damage"] = dg.MetadataValue.text("; ".join(damage[:_MOST_NAMED]))
    notes = [f"{row.input}: {note}" for row in rows.values() for note in orjson.loads(row.notes or "[]")]
    if notes:
        more = f" … and {len(notes) - _MOST_NAMED} more" if len(notes) > _MOST_NAMED else ""
        metadata["notes"] = dg.MetadataValue.text("\n".join(notes[:_MOST_NAMED]) + more)
    rotations = sorted({row.rotation for row in rows.values() if row.rotation})
    if rotations:
        metadata["rotation"] = dg.MetadataValue.text(", ".join(f"{one}°" for one in rotations))
    return metadata


def _sizes(row: Indexed) -> Iterator[tuple[int, int]]:
    yield row.width, row.height
    yield from ((width, height) for _, width, height in orjson.loads(row.sizes or "[]"))


def _notes(row: Indexed) -> Iterator[str]:
    """What is worth a warning about a video that decodes."""
    if row.damage:
        yield f"'{row.input}' is damaged, and what decodes of it was kept: {row.damage}."
    if row.frames is not None and row.container_frames not in (None, row.frames):
        yield (
            f"'{row.input}' has {row.frames} frames, but its container claims {row.container_frames}; "
            f"files are named after {row.frames}."
        )
    for note in orjson.loads(row.notes or "[]"):
        if note not in HINTS:
            yield f"'{row.input}': {note}"
    if row.rotation:
        yield (
            f"'{row.input}' is to be shown rotated by {row.rotation}°; coordinates are those of the frame "
            "before that."
        )


def _text(found: Mapping[str, str]) -> str | None:
    """What is wrong with inputs, in one text; None where nothing is."""
    errors = [error for _, error in sorted(found.items())]
    more = f" … and {len(errors) - _MOST_NAMED} more inputs" if len(errors) > _MOST_NAMED else ""
    return " ".join(errors[:_MOST_NAMED]) + more or None
