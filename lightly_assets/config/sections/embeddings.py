"""``embeddings:`` in ``lightly.yaml``: vectors of frames and of objects, made in the same pass."""

from typing import Any

from pydantic import field_validator

from lightly_assets.config.section import Section
from lightly_assets.models.vectors.settings import DescriptorVectors, parse_vector_model

PREFIX = "_embeddings"
"""What records call them; no task can have such a name."""


class EmbeddingSettings(Section):
    """A vector for each frame and image, and for each object of some tasks."""

    model: Any = DescriptorVectors(kind="descriptor")
    """Settings of a kind of embedding model, see [embeddings](../how-to/embeddings.md)."""
    normalise: bool = True
    """Whether vectors are made of length 1."""
    objects: tuple[str, ...] = ()
    """Tasks whose objects get a vector each, too, of what lies in their boxes."""

    @field_validator("model", mode="before")
    @classmethod
    def _known_model(cls, model: Any) -> Any:
        return parse_vector_model(model)

    @property
    def names(self) -> list[str]:
        """What records call the vectors of frames, and of the objects of each task."""
        return [PREFIX, *(embeddings_of(task) for task in dict.fromkeys(self.objects))]


def embeddings_of(task: str) -> str:
    """What records call the vectors of a task's objects."""
    return f"{PREFIX}.{task}"


def embeddings_words(name: str) -> str:
    """Vectors as people know them: ``embeddings``, ``embeddings of people``."""
    return " of ".join(["embeddings", *name.split(".", 1)[1:]])


def objects_of(name: str) -> str | None:
    """The task whose objects have these vectors; None for those of whole frames."""
    return name.removeprefix(f"{PREFIX}.") if name != PREFIX else None


def is_embeddings(name: str) -> bool:
    """Whether something recorded is vectors, and no task."""
    return name == PREFIX or name.startswith(f"{PREFIX}.")
