"""What the assets are: keys, dependencies, groups and descriptions."""

from collections.abc import Iterable

import dagster as dg

from lightly_assets.config import ConfigError, Project
from lightly_assets.graph.keys import Names
from lightly_assets.pipeline.state.records import Stage

_STAGES: tuple[Stage, ...] = ("predictions", "singletons", "task_folder")


def videos_spec(
    partitions_def: dg.PartitionsDefinition[str] | None, names: Names, upstream: Iterable[str] = ()
) -> dg.AssetSpec:
    """The input datasource, which others write: assets of the keys ``upstream``, where those are known."""
    return dg.AssetSpec(
        names.videos,
        deps=[dg.AssetKey.from_user_string(key) for key in upstream],
        partitions_def=partitions_def,
        group_name=names.name("input"),
        kinds={"video"},
        description="Videos, and images by folder, in the input datasource. Never written by this project.",
    )


def chain_specs(
    project: Project, partitions_def: dg.PartitionsDefinition[str], names: Names
) -> list[dg.AssetSpec]:
    """The assets of the chain: frames, three for each task, and tasks.json.

    Raises:
        ConfigError: two task names differ too little to be told apart by Dagster.
    """
    _refuse_twins([task.name for task in project.tasks])
    frames = dg.AssetSpec(
        names.frames,
        deps=[names.videos],
        partitions_def=partitions_def,
        skippable=True,
        group_name=names.name("input"),
        kinds={"python", "video"},
        description="What decoding finds out: frames in decode order, size, rotation, damage.",
    )
    specs = [frames]
    for task in project.tasks:
        predictions, singletons, folder = (names.stage(task.name, stage) for stage in _STAGES)
        group = names.name(dg.AssetKey([task.name]).to_python_identifier())
        texts = (
            (predictions, names.frames, "parquet", "What the model said, as columns."),
            (singletons, predictions, "json", f"Predictions in the format ({task.task_type}), validated."),
            (folder, singletons, "json", f"The published files of .lightly/predictions/{task.name}."),
        )
        specs += [
            dg.AssetSpec(
                key,
                deps=[dep],
                partitions_def=partitions_def,
                skippable=True,
                group_name=group,
                kinds={"python", kind},
                description=text,
                metadata={"task_type": str(task.task_type), "model": task.model.kind},
            )
            for key, dep, kind, text in texts
        ]
    tasks_json = dg.AssetSpec(
        names.tasks_json,
        deps=[names.stage(task.name, "task_folder") for task in project.tasks],
        skippable=True,
        group_name=names.name("output"),
        kinds={"json"},
        description="The list of tasks that the Worker reads. Names of others in it are kept.",
    )
    return [*specs, tasks_json]


def _refuse_twins(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(dg.AssetKey([name, "x"]).to_python_identifier(), name)
        if twin != name:
            raise ConfigError(
                f"The tasks '{twin}' and '{name}' differ only in '.', '-' or '_', which Dagster cannot tell "
                "apart; rename one of them."
            )
