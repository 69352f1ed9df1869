"""What the Lightly platform takes: settings of a Worker run, the request, and its scheduling.

Nothing here looks at prediction files; the gate that does is ``lightly_assets.worker.gate``.
``docs/worker.md`` is the page for users.
"""

from lightly_assets.worker.errors import WorkerConfigError, WorkerRunError
from lightly_assets.worker.platform import ScheduledRun, can_schedule, schedule
from lightly_assets.worker.request import request_to_bytes, worker_request
from lightly_assets.worker.settings import WorkerRunSettings

__all__ = [
    "ScheduledRun",
    "WorkerConfigError",
    "WorkerRunError",
    "WorkerRunSettings",
    "can_schedule",
    "request_to_bytes",
    "schedule",
    "worker_request",
]
