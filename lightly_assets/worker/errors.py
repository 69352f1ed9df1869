"""What can go wrong on the way to a Worker run. Messages are single sentences and never hold the token."""

from lightly_assets.errors import BadValue, LightlyAssetsError


class WorkerConfigError(BadValue):
    """The ``worker_run`` section asks for something that the tasks or the platform do not have."""


class WorkerRunError(LightlyAssetsError):
    """The platform could not be reached, refused, or is not set up."""


class PlatformUnavailable(WorkerRunError):  # noqa: N818 - reads as what happened
    """The platform did not answer, or with an error of its own, after all bounded retries."""

    retriable = True
