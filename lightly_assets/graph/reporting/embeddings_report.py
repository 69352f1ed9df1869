"""What is told of the embeddings of a partition."""

from collections.abc import Iterable, Sequence

import dagster as dg

from lightly_assets.pipeline.running.outcome import TaskOutcome
from lightly_assets.pipeline.state.index import Indexed


def embeddings_metadata(
    rows: Iterable[Indexed], outcomes: Sequence[TaskOutcome]
) -> dict[str, dg.MetadataValue]:
    """Of a materialisation: how many vectors, of how many numbers, by which model."""
    rows = list(rows)
    metadata: dict[str, dg.MetadataValue] = {
        "inputs": dg.MetadataValue.int(len(rows)),
        "frames": dg.MetadataValue.int(sum(row.frames or 1 for row in rows)),
        "vectors": dg.MetadataValue.int(sum(row.predictions for row in rows)),
        "vector": dg.MetadataValue.text(", ".join(sorted({row.schema for row in rows if row.schema}))),
        "model_version": dg.MetadataValue.text(", ".join(sorted({row.model for row in rows}))),
    }
    seconds, described = sum(one.predict_seconds for one in outcomes), sum(one.predicted for one in outcomes)
    if seconds:
        metadata["model_seconds"] = dg.MetadataValue.float(round(seconds, 3))
        metadata["model_frames_per_second"] = dg.MetadataValue.float(round(described / seconds, 1))
    return metadata
