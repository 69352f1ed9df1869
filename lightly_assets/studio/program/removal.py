"""Samples removed with all that refers to them, which LightlyStudio itself does for a part only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from lightly_studio.models.annotation.annotation_base import AnnotationBaseTable
from lightly_studio.models.annotation_collection_coverage import AnnotationCollectionCoverageTable
from lightly_studio.models.caption import CaptionTable
from lightly_studio.models.evaluation_sample_metric import EvaluationSampleMetricTable
from lightly_studio.models.image import ImageTable
from lightly_studio.models.metadata import SampleMetadataTable
from lightly_studio.models.sample import SampleTable, SampleTagLinkTable
from lightly_studio.models.sample_embedding import SampleEmbeddingTable
from lightly_studio.models.video import VideoFrameTable, VideoTable
from lightly_studio.resolvers import annotation_resolver
from sqlmodel import Session, col, delete, select

_AT_ONCE = 500


def remove_samples(session: Session, samples: Sequence[UUID]) -> None:
    """Removes images, or videos with their frames, and whatever is on them."""
    for start in range(0, len(samples), _AT_ONCE):
        part = list(samples[start : start + _AT_ONCE])
        frames = _ids(session, VideoFrameTable.sample_id, VideoFrameTable.parent_sample_id, part)
        for first in range(0, len(frames), _AT_ONCE):
            _remove(session, frames[first : first + _AT_ONCE])
        _remove(session, part)


def _remove(session: Session, samples: list[UUID]) -> None:
    annotations = _ids(session, AnnotationBaseTable.sample_id, AnnotationBaseTable.parent_sample_id, samples)
    annotation_resolver.delete_annotations_by_ids(session=session, annotation_ids=annotations)
    captions = _ids(session, CaptionTable.sample_id, CaptionTable.parent_sample_id, samples)
    _delete(session, CaptionTable.sample_id, CaptionTable, captions)
    _delete(
        session,
        AnnotationCollectionCoverageTable.parent_sample_id,
        AnnotationCollectionCoverageTable,
        samples,
    )
    for table in (SampleMetadataTable, SampleTagLinkTable, SampleEmbeddingTable, EvaluationSampleMetricTable):
        _delete(session, table.sample_id, table, samples)
    # DuckDB looks for rows that refer to others in what was committed, so children go first.
    session.commit()
    for table in (ImageTable, VideoFrameTable):
        _delete(session, table.sample_id, table, samples)
    session.commit()
    _delete(session, VideoTable.sample_id, VideoTable, samples)
    session.commit()
    _delete(session, SampleTable.sample_id, SampleTable, [*samples, *captions])
    session.commit()


def _ids(session: Session, wanted: Any, key: Any, samples: list[UUID]) -> list[UUID]:
    return list(session.exec(select(wanted).where(col(key).in_(samples))).all())


def _delete(session: Session, key: Any, table: Any, samples: Sequence[UUID]) -> None:
    if samples:
        session.exec(delete(table).where(col(key).in_(samples)))
