"""Verdicts of asset checks: evaluations that may be about one partition of a run that works on many."""

import dagster as dg

from lightly_assets.graph.dagster_private import verdict_target


def verdict(
    asset: dg.AssetKey,
    name: str,
    partition: str | None,
    problem: str | None,
    *,
    about: dg.EventLogRecord | None,
    warning: bool = False,
    metadata: dict[str, dg.MetadataValue] | None = None,
) -> dg.AssetCheckEvaluation:
    """An evaluation; passed where there is no problem. ``warning`` makes a problem one that stops nothing.

    ``about`` is the materialisation that it speaks of, see :func:`latest`: without it the UI does not show
    the verdict for the partition.
    """
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=name,
        passed=problem is None,
        partition=partition,
        description=problem,
        severity=dg.AssetCheckSeverity.WARN if warning else dg.AssetCheckSeverity.ERROR,
        metadata=metadata or {},
        target_materialization_data=verdict_target(about),
    )


def latest(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None = None
) -> dg.EventLogRecord | None:
    """The latest materialisation of an asset, or of one of its partitions."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset, asset_partitions=[partition] if partition else None), limit=1
    ).records
    return records[0] if records else None
