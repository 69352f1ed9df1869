"""What is told to people; everything else is a bug."""


class RefusedError(Exception):
    """Why nothing more can be done, in one sentence."""
