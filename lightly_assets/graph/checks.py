"""Asset checks: what the pipeline found out about each partition, as verdicts that Dagster shows.

The pipeline itself stops bad data, input by input; a check records that. Raw evaluations are used, because
only they can carry a verdict for each partition of a run that works on many.
"""

import warnings
from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

FRAMES = dg.AssetKey("frames")
TASKS_JSON = dg.AssetKey("tasks_json")


def chain_check_specs(
    tasks: Iterable[str], partitions_def: dg.PartitionsDefinition[str]
) -> list[dg.AssetCheckSpec]:
    """The checks of the chain."""
    with warnings.catch_warnings():
        # Verdicts for each partition need what Dagster still calls a preview; its minor version is pinned.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return _specs(tasks, partitions_def)


def _specs(tasks: Iterable[str], partitions_def: dg.PartitionsDefinition[str]) -> list[dg.AssetCheckSpec]:
    specs = [
        dg.AssetCheckSpec(
            "frame_count_matches",
            asset=FRAMES,
            partitions_def=partitions_def,
            description="Every input decodes to its end. A warning where the container claims another count.",
        ),
        dg.AssetCheckSpec(
            "no_collisions",
            asset=FRAMES,
            partitions_def=partitions_def,
            description="No other input would write to the same prediction files.",
        ),
        dg.AssetCheckSpec(
            "tasks_json_valid",
            asset=TASKS_JSON,
            description="tasks.json is valid and lists every task that has something published.",
        ),
        dg.AssetCheckSpec(
            "no_orphans",
            asset=TASKS_JSON,
            description="No prediction file is left of an input that is gone; 'lightly-assets gc' helps.",
        ),
    ]
    for task in tasks:
        singletons, folder = dg.AssetKey([task, "singletons"]), dg.AssetKey([task, "task_folder"])
        specs += [
            dg.AssetCheckSpec(
                "singletons_valid",
                asset=singletons,
                partitions_def=partitions_def,
                description="Every frame has its predictions, and all of them keep the rules of the format.",
            ),
            dg.AssetCheckSpec(
                "boxes_are_xywh",
                asset=singletons,
                partitions_def=partitions_def,
                description="Boxes do not look like corners (x1, y1, x2, y2) that were taken for x, y, w, h.",
            ),
            dg.AssetCheckSpec(
                "predictions_plausible",
                asset=singletons,
                partitions_def=partitions_def,
                description="Scores and numbers are like those before, and few boxes were cut.",
            ),
            dg.AssetCheckSpec(
                "every_class_predicted",
                asset=folder,
                description="Each category of the schema is predicted somewhere.",
            ),
            dg.AssetCheckSpec(
                "task_folder_complete",
                asset=folder,
                partitions_def=partitions_def,
                description="Every image and every frame has its prediction file, under its right name.",
            ),
        ]
    return specs


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
        target_materialization_data=about
        and Target(storage_id=about.storage_id, run_id=about.run_id, timestamp=about.timestamp),
    )


def latest(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None = None
) -> dg.EventLogRecord | None:
    """The latest materialisation of an asset, or of one of its partitions."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset, asset_partitions=[partition] if partition else None), limit=1
    ).records
    return records[0] if records else None
