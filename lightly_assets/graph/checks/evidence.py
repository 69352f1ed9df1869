"""What a verdict is founded on: counts, examples, and a picture where one helps."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from lightly_assets.encoding.shift import CORNERS
from lightly_assets.encoding.statistics import Statistics, from_record
from lightly_assets.pictures.score_histogram import score_histograms
from lightly_assets.pipeline.running.outcome import TaskOutcome
from lightly_assets.pipeline.state.index import Indexed

Evidence = dict[str, dg.MetadataValue[Any]]

_MOST_EXAMPLES = 50


def counts(**numbers: int) -> Evidence:
    """Numbers, which Dagster also plots over time."""
    return {name: dg.MetadataValue.int(number) for name, number in numbers.items()}


def examples(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Evidence:
    """A table of the first few; nothing where there are none."""
    records = [
        dg.TableRecord(dict(zip(columns, row, strict=True)))
        for _, row in zip(range(_MOST_EXAMPLES), rows, strict=False)
    ]
    if not records:
        return {}
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])
    return {"examples": dg.MetadataValue.table(records, schema)}


def problems(found: Mapping[str, str]) -> Evidence:
    """Inputs that something is wrong with, and what."""
    return examples(("input", "problem"), sorted(found.items()))


def decoding(rows: Iterable[Indexed], unread: Mapping[str, str], inputs: int) -> Evidence:
    """Of ``frame_count_matches``."""
    read = [row for row in rows if row.input not in unread]
    differ = {
        row.input for row in read if row.frames is not None and row.container_frames not in (None, row.frames)
    }
    rotated = {row.input for row in read if row.rotation}
    damaged = {row.input for row in read if row.damage}
    found = counts(
        inputs=inputs,
        frames=sum(row.frames or 1 for row in read),
        unreadable=len(unread),
        count_differs=len(differ),
        rotated=len(rotated),
        damaged=len(damaged),
    )
    strange = differ | rotated | damaged
    odd = [
        (
            row.input,
            "" if row.frames is None else str(row.frames),
            "" if row.container_frames is None else str(row.container_frames),
            f"{row.rotation}°" if row.rotation else "",
            row.damage,
        )
        for row in read
        if row.input in strange
    ]
    broken = [(key, "", "", "", error) for key, error in sorted(unread.items())]
    return found | examples(("input", "frames", "container", "rotation", "damage"), [*broken, *odd])


def odd_inputs(rows: Iterable[Indexed]) -> dict[str, str]:
    """What is implausible about inputs; corners have a check of their own."""
    found = {row.input: row.odd.replace(CORNERS, "").strip() for row in rows}
    return {key: text for key, text in found.items() if text}


def boxes(rows: Iterable[Indexed], outcomes: Sequence[TaskOutcome], corners: Sequence[str]) -> Evidence:
    """Of ``boxes_are_xywh``."""
    found = counts(
        predictions=sum(row.predictions for row in rows),
        boxes_clipped=sum(one.clipped for one in outcomes),
        boxes_dropped=sum(one.dropped for one in outcomes),
    )
    if not corners:
        return found
    return found | examples(("input",), ((key,) for key in corners)) | _sheet(outcomes)


def plausibility(rows: Iterable[Indexed], outcomes: Sequence[TaskOutcome]) -> Evidence:
    """Of ``predictions_plausible``: the score distributions where both are known, else frames."""
    rows = list(rows)
    odd = odd_inputs(rows)
    found = counts(
        inputs=len(rows), predictions=sum(row.predictions for row in rows), implausible=len(odd)
    ) | examples(("input", "what is odd"), sorted(odd.items()))
    if not odd:
        return found
    before = sum((one.before for one in outcomes if one.before), Statistics.none())
    now = sum((_now(one) for one in outcomes), Statistics.none())
    if before.scores.any() and now.scores.any():
        picture = score_histograms(before, now)
        found["scores"] = embedded("scores", "png", picture)
    return found | _sheet(outcomes)


def spread(outcomes: Sequence[TaskOutcome], inputs: int) -> Evidence:
    """Numbers of a partition that Dagster plots over partitions; nothing where a part of it was done only."""
    if sum(len(one.done) for one in outcomes) < inputs:
        return {}
    found = sum((_now(one) for one in outcomes), Statistics.none())
    numbers = {"predictions_per_frame": dg.MetadataValue.float(round(found.per_frame, 4))}
    if found.frames:
        numbers["frames_without_predictions"] = dg.MetadataValue.float(round(found.empty / found.frames, 4))
    if (score := found.median_score) is not None:
        numbers["median_score"] = dg.MetadataValue.float(round(score, 4))
    return {**numbers}


def _now(outcome: TaskOutcome) -> Statistics:
    found = (from_record(record.statistics) for record in outcome.done.values())
    return sum((one for one in found if one), Statistics.none())


def _sheet(outcomes: Iterable[TaskOutcome]) -> Evidence:
    sheet = next((one.sheet for one in outcomes if one.sheet), None)
    return {"preview": embedded("predictions", "webp", sheet)} if sheet else {}


def embedded(name: str, kind: str, data: bytes) -> dg.MarkdownMetadataValue:
    """A picture that the UI shows."""
    text = base64.b64encode(data).decode()
    return dg.MetadataValue.md(f"![{name}](data:image/{kind};base64,{text})")
