"""What can go wrong on the way to a Worker run. Messages are single sentences and never hold the token."""


class WorkerConfigError(ValueError):
    """The ``worker_run`` section asks for something that the tasks or the platform do not have."""


class WorkerRunError(Exception):
    """The platform could not be reached, refused, or is not set up."""

    retriable = False
    """Whether doing the same again later can succeed without anybody changing anything."""


class PlatformUnavailable(WorkerRunError):  # noqa: N818 - reads as what happened
    """The platform did not answer, or with an error of its own, after all bounded retries."""

    retriable = True
