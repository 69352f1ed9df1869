"""``datasource:`` in ``lightly.yaml``: the three roots."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from lightly_assets.config.section import Section
from lightly_assets.errors import BadValue
from lightly_assets.storage import StorageError
from lightly_assets.storage.open import check_slashes


class DatasourceSettings(Section):
    """The three roots: folders (relative to ``lightly.yaml``) or URLs such as ``s3://bucket/prefix/``."""

    input: Annotated[str, Field(min_length=1)]
    """Videos and images; only read."""
    lightly: Annotated[str, Field(min_length=1)]
    """Where ``.lightly/predictions`` is published."""
    state: Annotated[str, Field(min_length=1)]
    """What is remembered between runs: stored predictions, manifests, the index."""

    @field_validator("input", "lightly", "state")
    @classmethod
    def _whole_url(cls, root: str, info: ValidationInfo) -> str:
        try:
            check_slashes(root)
        except StorageError as error:
            raise BadValue(f"datasource.{info.field_name}: {error}") from None
        return root
