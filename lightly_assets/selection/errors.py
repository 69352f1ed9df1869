"""What stops a selection."""

from lightly_assets.errors import LightlyAssetsError


class SelectionError(LightlyAssetsError):
    """Why nothing is selected, in one sentence."""
