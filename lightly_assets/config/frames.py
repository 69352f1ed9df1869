"""``frames:`` and ``images:`` in ``lightly.yaml``."""

from typing import Literal

from lightly_assets.config.section import Section


class FrameSettings(Section):
    """What happens to decoded frames beside going to the models."""

    export: Literal["none", "png"] = "none"
    """``png``: every frame is also written below the state, named as the specification says."""


class ImageSettings(Section):
    """How images become the 8-bit RGB that models see."""

    sixteen_bit: Literal["high-byte", "scale", "minmax"] = "high-byte"
    """Grey of more than 8 bits: the high 8 bits; ``scale``: the largest value of the image becomes 255;
    ``minmax``: the smallest becomes 0 as well."""
