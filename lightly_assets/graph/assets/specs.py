"""What the assets are: keys, dependencies, groups and descriptions."""

from collections.abc import Iterable

import dagster as dg

from lightly_assets.config import ConfigError, Project, Task
from lightly_assets.config.sections.boxes import boxes_task
from lightly_assets.graph.assets.spec_details import Details
from lightly_assets.graph.keys import Names
from lightly_assets.pipeline.state.records import Stage

_STAGES: tuple[Stage, ...] = ("predictions", "singletons", "task_folder")


def videos_spec(
    project: Project,
    partitions_def: dg.PartitionsDefinition[str] | None,
    names: Names,
    upstream: Iterable[str] = (),
) -> dg.AssetSpec:
    """The input datasource, which others write: assets of the keys ``upstream``, where those are known."""
    details = Details(project)
    return dg.AssetSpec(
        names.videos,
        deps=[dg.AssetKey.from_user_string(key) for key in upstream],
        partitions_def=partitions_def,
        group_name=names.input_group,
        kinds={"video"},
        description="Videos, and images by folder, in the input datasource. Never written by this project. "
        f"What is new is seen by the sensor '{names.new_input}', or by 'lightly-assets run'.",
        metadata={"input": dg.MetadataValue.path(project.root("input")), **details.links()},
        **details.of_all(),
    )


def chain_specs(
    project: Project, partitions_def: dg.PartitionsDefinition[str], names: Names
) -> list[dg.AssetSpec]:
    """The assets of the chain: frames, three for each task, embeddings, and tasks.json.

    Raises:
        ConfigError: two task names differ too little to be told apart by Dagster.
    """
    _refuse_twins([task.name for task in project.tasks])
    details = Details(project)
    frames = dg.AssetSpec(
        names.frames,
        deps=[names.videos],
        partitions_def=partitions_def,
        skippable=True,
        group_name=names.input_group,
        kinds={"python", "video"},
        description="What decoding finds out: frames in decode order, size, rotation, damage. "
        "'lightly-assets probe' says it of one file.",
        code_version=details.frames_code_version(),
        metadata=details.links(),
        **details.of_all(),
    )
    specs = [frames]
    for task in project.tasks:
        specs += _task_specs(task, details, partitions_def, names)
    tasks_json = dg.AssetSpec(
        names.tasks_json,
        deps=[names.stage(task.name, "task_folder") for task in project.tasks],
        skippable=True,
        group_name=names.output_group,
        kinds={"json"},
        description="The list of tasks that the Worker reads. Names of others in it are kept. "
        "'lightly-assets check' looks at all that is published.",
        metadata=details.published() | details.links(),
        **details.of_all(),
        **details.freshness(),
    )
    return [*specs, *_embeddings_specs(project, partitions_def, names), tasks_json]


def _embeddings_specs(
    project: Project, partitions_def: dg.PartitionsDefinition[str], names: Names
) -> list[dg.AssetSpec]:
    """Vectors of frames, and of the objects of tasks."""
    if project.embeddings is None:
        return []
    details = Details(project)
    of: list[tuple[str | None, list[dg.AssetKey], str, str]] = [
        (None, [names.frames], names.input_group, "frame and image")
    ]
    for task in dict.fromkeys(project.embeddings.objects):
        deps = [names.frames, names.stage(task, "singletons")]
        of.append((task, deps, names.task_group(task), f"object of {task}"))
    return [
        dg.AssetSpec(
            names.embeddings(task),
            deps=deps,
            partitions_def=partitions_def,
            skippable=True,
            group_name=group,
            kinds={"python", "parquet"},
            description=f"A vector for each {what}, in the state. 'lightly-assets select' uses them.",
            metadata={"model": project.embeddings.model.kind, **details.links()},
            **details.of_all(),
        )
        for task, deps, group, what in of
    ]


def _task_specs(
    task: Task, details: Details, partitions_def: dg.PartitionsDefinition[str], names: Names
) -> list[dg.AssetSpec]:
    predictions, singletons, folder = (names.stage(task.name, stage) for stage in _STAGES)
    texts: tuple[tuple[Stage, dg.AssetKey, dg.AssetKey, str, str], ...] = (
        (
            "predictions",
            predictions,
            names.frames,
            "parquet",
            "What the model said, as columns. Another threshold needs no other predictions.",
        ),
        (
            "singletons",
            singletons,
            predictions,
            "json",
            f"Predictions in the format ({task.task_type}), validated. "
            "Each partition shows a picture of some.",
        ),
        (
            "task_folder",
            folder,
            singletons,
            "json",
            f"The published files of .lightly/predictions/{task.name}. 'lightly-assets report' shows them.",
        ),
    )
    base = boxes_task(task)
    boxes = {predictions: [names.stage(base, "singletons")]} if base is not None else {}
    return [
        dg.AssetSpec(
            key,
            deps=[dep, *boxes.get(key, [])],
            partitions_def=partitions_def,
            skippable=True,
            group_name=names.task_group(task.name),
            kinds={"python", kind},
            description=text,
            code_version=details.code_version(task, stage),
            metadata={"task_type": str(task.task_type), "model": task.model.kind}
            | (details.published(task) if stage == "task_folder" else {})
            | details.links(task),
            **details.of_all(),
            **(details.freshness() if stage == "task_folder" else {}),
        )
        for stage, key, dep, kind, text in texts
    ]


def _refuse_twins(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(dg.AssetKey([name, "x"]).to_python_identifier(), name)
        if twin != name:
            raise ConfigError(
                f"The tasks '{twin}' and '{name}' differ only in '.', '-' or '_', which Dagster cannot tell "
                "apart; rename one of them."
            )
