"""The project's embeddings as the pipeline needs them: planned and stored as a task of one stage.

So versions, resuming and being killed are those of tasks. They are no task of the format: nothing of them is
encoded or published, and no list of tasks names them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from lightly_assets.config import Project
from lightly_assets.config.sections.embeddings import PREFIX, embeddings_of
from lightly_assets.models.protocol import ModelError
from lightly_assets.models.vectors.model import VectorModel, load_vector_model
from lightly_assets.pipeline.planning.task_setup import TaskSetup
from lightly_assets.pipeline.state.records import embeddings_key, version

# Part of the version of objects' vectors: raise it when other pixels are cut out for the same box.
_CROP_VERSION = 1


class SharedModel:
    """The embedding model of a project, loaded once."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def model(self) -> VectorModel:
        """Raises ModelError where it cannot be loaded; the message says that it is that of embeddings."""
        settings = self.project.embeddings
        assert settings is not None
        try:
            return load_vector_model(
                settings.model, normalise=settings.normalise, base_dir=self.project.base_dir
            )
        except ModelError as error:
            raise ModelError(f"embeddings: {error}") from error.__cause__


@dataclass(frozen=True)
class EmbeddingSetup:
    """Vectors of frames; or, with ``of``, of the objects of a task."""

    name: str
    shared: SharedModel
    of: TaskSetup | None = None

    settings_hash = ""
    """Nothing is encoded."""
    looks_up = False
    """No labels have to meet the inputs."""

    @property
    def model(self) -> VectorModel:
        """Raises ModelError where it cannot be loaded."""
        return self.shared.model

    @cached_property
    def model_version(self) -> str:
        """Of objects, all that decides which boxes there are is part of it."""
        own = self.model.version[:24]
        if self.of is None:
            return own
        return version(own, _CROP_VERSION, self.of.model_version, self.of.settings_hash)

    def meet(self, keys: Collection[str]) -> None:
        """Nothing to be told of the inputs there are."""

    def let_go(self) -> None:
        """Free the memory of a model that others run; what it is remains known."""
        if self.model_version:
            self.shared.__dict__.pop("model", None)

    def table_key(self, unit: str, content: str) -> str:
        """Where the vectors of a unit lie in the state."""
        return embeddings_key(None if self.of is None else self.of.name, unit, content)


AnySetup = TaskSetup | EmbeddingSetup


def embedding_setups(
    project: Project, setups: Mapping[str, TaskSetup], loaded: Collection[AnySetup] = ()
) -> dict[str, EmbeddingSetup]:
    """The embeddings of a project by their names: of frames, then of objects; none where it has none.

    Among ``loaded`` the model may be in memory already.
    """
    if project.embeddings is None:
        return {}
    shared = next(
        (one.shared for one in loaded if isinstance(one, EmbeddingSetup) and one.shared.project == project),
        SharedModel(project),
    )
    found = {PREFIX: EmbeddingSetup(PREFIX, shared)}
    for task in dict.fromkeys(project.embeddings.objects):
        if task in setups:
            name = embeddings_of(task)
            found[name] = EmbeddingSetup(name, shared, setups[task])
    return found
