"""What is wrong with a label file."""

from lightly_assets.errors import BadValue


class LabelsError(BadValue):
    """A label file, or what was said about it, is wrong: one sentence for people. Never worth a retry."""
