"""What everything in the graph is called."""

from dataclasses import dataclass

import dagster as dg

from lightly_assets.pipeline.planning.plan import TASK_STAGES
from lightly_assets.pipeline.state.records import Stage


@dataclass(frozen=True)
class Names:
    """The names of a project's assets, partitions, jobs and sensor.

    With a prefix, several projects live side by side in one Dagster.
    """

    prefix: str = ""
    """A word such as ``front``; empty for a project that has a Dagster to itself."""

    def key(self, *parts: str) -> dg.AssetKey:
        """An asset's key."""
        return dg.AssetKey([self.prefix, *parts] if self.prefix else list(parts))

    def name(self, plain: str) -> str:
        """The name of something that is no asset."""
        return f"{self.prefix}_{plain}" if self.prefix else plain

    def stage(self, task: str, stage: Stage) -> dg.AssetKey:
        """The asset of a task at a stage."""
        return self.key(task, stage)

    def embeddings(self, of: str | None) -> dg.AssetKey:
        """The asset of the vectors of frames, or of the objects of a task."""
        return self.key("embeddings") if of is None else self.key(of, "embeddings")

    def has_partitioned(self, asset: dg.AssetKey) -> bool:
        """Whether an asset is one of these, and has partitions."""
        path = asset.path[1:] if self.prefix and asset.path[0] == self.prefix else asset.path
        if self.prefix and path == asset.path:
            return False
        alone = (["videos"], ["frames"], ["embeddings"])
        return path in alone or (len(path) == 2 and path[1] in {*TASK_STAGES, "embeddings"})

    @property
    def videos(self) -> dg.AssetKey:
        """The input, which others write."""
        return self.key("videos")

    @property
    def frames(self) -> dg.AssetKey:
        """What decoding finds out."""
        return self.key("frames")

    @property
    def tasks_json(self) -> dg.AssetKey:
        """The list of tasks."""
        return self.key("tasks_json")

    @property
    def worker_run(self) -> dg.AssetKey:
        """The Worker run that may follow."""
        return self.key("worker_run")

    @property
    def selection(self) -> dg.AssetKey:
        """The frames that are selected on this machine."""
        return self.key("selection")

    @property
    def report(self) -> dg.AssetKey:
        """The page about all predictions."""
        return self.key("report")

    @property
    def chain(self) -> str:
        """The operation that makes all of them but the videos, which others write, and the selection."""
        return self.name("chain")

    # Groups are listed by their names: these are in the order of the chain.

    @property
    def input_group(self) -> str:
        """Of videos and frames."""
        return self.name("input")

    def task_group(self, task: str) -> str:
        """Of the assets of a task."""
        return self.name(f"task_{dg.AssetKey([task]).to_python_identifier()}")

    @property
    def output_group(self) -> str:
        """Of what the Worker reads, and what follows."""
        return self.name("worker")

    @property
    def partitions(self) -> str:
        """The definition of the partitions."""
        return self.name("lightly_inputs")

    @property
    def project(self) -> str:
        """The resource that is the project."""
        return self.name("lightly_project")

    @property
    def predictions_job(self) -> str:
        """The job of the whole chain."""
        return self.name("predictions")

    @property
    def worker_job(self) -> str:
        """The same with a Worker run at its end."""
        return self.name("predictions_and_worker_run")

    @property
    def new_input(self) -> str:
        """The sensor."""
        return self.name("new_input")


PLAIN = Names()
"""A project that has a Dagster to itself, as the command line's."""
