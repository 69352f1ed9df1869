"""Asset checks: what the pipeline found out about each partition, as verdicts that Dagster shows.

The pipeline itself stops bad data, input by input; a check records that. Raw evaluations are used, because
only they can carry a verdict for each partition of a run that works on many.
"""

import warnings
from collections.abc import Iterable

import dagster as dg

from lightly_assets.config.sections.embeddings import is_embeddings, objects_of
from lightly_assets.graph.keys import Names


def chain_check_specs(
    tasks: Iterable[str],
    partitions_def: dg.PartitionsDefinition[str],
    names: Names,
) -> list[dg.AssetCheckSpec]:
    """The checks of the chain, for tasks and for what records call embeddings."""
    tasks = list(tasks)
    with warnings.catch_warnings():
        # Verdicts for each partition need what Dagster still calls a preview; its minor version is pinned.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            *_specs([task for task in tasks if not is_embeddings(task)], partitions_def, names),
            *(
                dg.AssetCheckSpec(
                    "embeddings_complete",
                    asset=names.embeddings(objects_of(name)),
                    partitions_def=partitions_def,
                    description="Every input has its vectors, of the present content and model.",
                )
                for name in tasks
                if is_embeddings(name)
            ),
        ]


def _specs(
    tasks: Iterable[str], partitions_def: dg.PartitionsDefinition[str], names: Names
) -> list[dg.AssetCheckSpec]:
    specs = [
        dg.AssetCheckSpec(
            "frame_count_matches",
            asset=names.frames,
            partitions_def=partitions_def,
            description="Every input decodes to its end. A warning where the container claims another count.",
        ),
        dg.AssetCheckSpec(
            "no_collisions",
            asset=names.frames,
            partitions_def=partitions_def,
            description="No other input would write to the same prediction files.",
        ),
        dg.AssetCheckSpec(
            "tasks_json_valid",
            asset=names.tasks_json,
            description="tasks.json is valid and lists every task that has something published.",
        ),
        dg.AssetCheckSpec(
            "no_orphans",
            asset=names.tasks_json,
            description="No prediction file is left of an input that is gone; 'lightly-assets gc' helps.",
        ),
    ]
    for task in tasks:
        singletons, folder = names.stage(task, "singletons"), names.stage(task, "task_folder")
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
