"""What is wrong with a label file."""


class LabelsError(ValueError):
    """A label file, or what was said about it, is wrong: one sentence for people. Never worth a retry."""
