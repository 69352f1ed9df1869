"""What can go wrong on the way to LightlyStudio."""

from lightly_assets.errors import LightlyAssetsError


class StudioError(LightlyAssetsError):
    """Why nothing, or not all, was handed on, in one sentence."""
