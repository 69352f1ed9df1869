"""``frames:`` in ``lightly.yaml``."""

from typing import Literal

from lightly_assets.config.section import Section


class FrameSettings(Section):
    """What happens to decoded frames beside going to the models."""

    export: Literal["none", "png"] = "none"
    """``png``: every frame is also written below the state, named as the specification says."""
