"""What runs in a worker process of this machine."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from multiprocessing.connection import Connection
from typing import Any

from lightly_assets.media.decoding.decoder_process import pool
from lightly_assets.pipeline.engines.messages import Begun, Over
from lightly_assets.pipeline.engines.worker import Worker

_POLL_SECONDS = 0.5


def main(pipe: int) -> None:
    """Work for the process at the other end of a pipe, for as long as that lives."""
    # An interrupt from the keyboard reaches all processes; the run decides what comes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection: Connection[Any, Any] = Connection(pipe)
    order, folder, name = connection.recv()
    worker = Worker(pickle.loads(order), folder, name)  # noqa: S301 - from our own process
    worker.say(Begun())
    threads = [
        threading.Thread(target=_listen, args=(connection, worker), daemon=True),
        threading.Thread(target=_tell, args=(connection, worker)),
    ]
    for thread in threads:
        thread.start()
    worker.run()
    threads[1].join()
    pool.close()
    # What a package would do at exit takes longer than anybody waits for.
    os._exit(0)


def _listen(connection: Connection[Any, Any], worker: Worker) -> None:
    try:
        while (message := connection.recv()) is not None:
            worker.give(message)
        worker.stop()
        connection.recv()  # nothing more comes, but the end
    except (EOFError, OSError):
        pool.close()
        os._exit(1)  # whoever began the run is gone


def _tell(connection: Connection[Any, Any], worker: Worker) -> None:
    while True:
        for report in worker.reports(_POLL_SECONDS):
            try:
                connection.send(report)
            except OSError:
                os._exit(1)
            if isinstance(report, Over):
                return
