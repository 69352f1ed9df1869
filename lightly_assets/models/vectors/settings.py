"""What stands under ``embeddings.model:`` in ``lightly.yaml``."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from lightly_assets.errors import BadValue
from lightly_assets.format.registry import Registry
from lightly_assets.format.rules.messages import field_name, problem_sentence, problems, shown
from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import BatchSize
from lightly_assets.models.layouts.base import Layout
from lightly_assets.models.preprocess import Preprocess
from lightly_assets.models.protocol import Runtime
from lightly_assets.models.runtimes.onnx import OnnxModel, OnnxRuntime
from lightly_assets.models.runtimes.python import PythonModel, PythonRuntime
from lightly_assets.models.vectors.descriptor import Descriptor
from lightly_assets.models.vectors.layout import VectorLayout, VectorOptions
from lightly_assets.settings import Settings


class VectorSettings(Settings):
    """Settings that all kinds share."""

    def load(self, base_dir: Path) -> Runtime:
        """The model, ready to run; what it returns is not checked yet.

        Raises:
            ModelError: the file is missing, refused or broken, or has no output of vectors.
        """
        raise NotImplementedError


VECTOR_KINDS: Registry[type[VectorSettings]] = Registry("kind of embedding model")
"""Settings by the kind of the model."""


@VECTOR_KINDS.register("descriptor")
class DescriptorVectors(VectorSettings):
    """A classic descriptor, colours and directions of edges: no file, no download, and no meaning."""

    kind: Literal["descriptor"]

    def load(self, base_dir: Path) -> Runtime:  # noqa: ARG002
        return Descriptor()


@VECTOR_KINDS.register("onnx")
class OnnxVectors(VectorSettings):
    """An ONNX file with an output of a vector for each image, (B, D) or (B, D, 1, 1)."""

    kind: Literal["onnx"]
    path: Annotated[str, Field(min_length=1)]
    """Relative to ``lightly.yaml``."""
    output: str | None = None
    """The name of the output with the vectors, where there are several that could be them."""
    preprocess: Preprocess = Preprocess()
    """How an image becomes the model's input, as under ``tasks[].model``."""
    batch_size: BatchSize = 8
    threads: Annotated[int, Field(ge=1)] | None = None
    """Cores that the model may use; all of them where not given."""
    providers: list[str] | None = None
    """ONNX Runtime's execution providers, first choice first; the best at hand where not given."""
    metadata: Literal["check", "ignore"] = "check"
    """What the file, or one beside it, says of pixels is used and must not be contradicted; or is ignored."""

    def load(self, base_dir: Path) -> Runtime:
        given = self.model_dump(exclude={"output", "preprocess"})
        config = _VectorFile(
            **given, preprocess=self.preprocess, options=VectorOptions(output=self.output), layout="vector"
        )
        return OnnxRuntime(config, TaskType.CLASSIFICATION, 1, base_dir)


class _VectorFile(OnnxModel):
    """The same as a file with a layout, so that batches, padding and errors are those of every model."""

    @field_validator("layout")
    @classmethod
    def _known(cls, value: str) -> str:
        return value

    @property
    def kind_of_layout(self) -> type[Layout]:
        return VectorLayout


@VECTOR_KINDS.register("python")
class PythonVectors(VectorSettings):
    """A function or a class of the user's, ``module:name``, that returns one vector for each image."""

    kind: Literal["python"]
    call: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")]
    """``package.module:name``; modules beside ``lightly.yaml`` can be imported."""
    args: dict[str, Any] = Field(default_factory=dict)
    """A class is instantiated once with these."""
    batch_size: BatchSize = 8
    version: str | None = None
    """Replaces the hash of the module's source in the model's version."""

    def load(self, base_dir: Path) -> Runtime:
        return PythonRuntime(PythonModel(**self.model_dump()), base_dir)


def parse_vector_model(data: Any) -> Any:
    """The settings of an embedding model from what ``lightly.yaml`` says.

    Raises:
        BadValue: one sentence with the field, the value and what is allowed.
    """
    if isinstance(data, VectorSettings):
        return data
    where = "embeddings.model"
    if not isinstance(data, dict) or data.get("kind") is None:
        kinds = ", ".join(VECTOR_KINDS.names)
        raise BadValue(f"{where} is {shown(data)}; it must have a kind ({kinds}) and what that kind needs")
    kind = data["kind"]
    if not isinstance(kind, str) or kind not in VECTOR_KINDS:
        raise BadValue(VECTOR_KINDS.refusal(f"{where}.kind", kind))
    try:
        return VECTOR_KINDS[kind].model_validate(data)
    except ValidationError as error:
        first = problems(error)[0]
        field = f"{where}.{field_name(first['loc'])}"
        if first["type"] == "value_error":
            raise BadValue(f"{where}.{first['ctx']['error']}") from None
        keys = () if len(first["loc"]) > 1 else VECTOR_KINDS[kind].model_fields
        raise BadValue(problem_sentence(first, field, keys)) from None
