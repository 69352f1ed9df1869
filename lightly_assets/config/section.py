"""What all sections of ``lightly.yaml`` have in common."""

from lightly_assets.settings import Settings


class Section(Settings):
    """A section."""
