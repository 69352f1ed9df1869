"""What can be wrong with workers."""

from lightly_assets.errors import LightlyAssetsError


class EngineError(LightlyAssetsError):
    """Work cannot be handed to workers: one sentence for people."""
