"""Videos and models in, a Worker-ready ``.lightly/predictions`` folder out."""

from lightly_assets._version import __version__

__all__ = ["__version__"]
