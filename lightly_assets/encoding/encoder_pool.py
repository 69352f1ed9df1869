"""Processes that pack and encode results beside a run's own, whose threads take turns in Python.

Reading masks between a model's pixels and writing singletons is much Python. Where it takes long enough,
other processes do most of it, and all cores have work. What is written is the same.
"""

import logging
import os
import pickle
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from lightly_assets.child_processes import ONE_THREAD, start_child
from lightly_assets.cores import usable_cores
from lightly_assets.encoding.encode import Size
from lightly_assets.encoding.rows import EncodedRow, encode_rows, weight
from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.models.results import Result

log = logging.getLogger(__name__)
_CHILD = "lightly_assets.encoding.encoder_child"
_WORTH_SECONDS = 0.5
"""CPU time of encoding here after which a process is started, which itself takes that long to begin."""
_MOST = 8
"""Each takes 70 MB of memory."""
_MOST_BYTES = 1 << 25
"""Heavier results are encoded where they are: moving them takes as long."""


class EncoderPool:
    """Encodes results of a run's tasks, here or in processes that are started once it has taken a while."""

    def __init__(self, settings: Mapping[str, TaskSettings], most: int | None = None) -> None:
        """
        Args:
            settings: of the tasks.
            most: processes; by default as many as there are cores that this process may use, but no more than
                8, and none for a single core.
        """
        self._settings = dict(settings)
        if most is None:
            there = usable_cores()
            most = min(there, _MOST) if there > 1 else 0
        self._most = most
        self._lock = threading.Lock()
        self._starting: list[_Encoder] = []
        self._idle: list[_Encoder] = []
        self._all: list[_Encoder] = []
        self._spent = 0.0

    def encode(
        self, task: str, results: Sequence[Result], sizes: Sequence[Size], *, encodes: bool
    ) -> list[EncodedRow] | None:
        """As :func:`encode_rows`; None where a process found something wrong, which is told on writing.

        Raises:
            BadValue: one of them cannot be written.
        """
        if (encoder := self._take(results)) is not None:
            try:
                found = encoder.ask((task, list(results), list(sizes), encodes))
            except (EOFError, OSError):
                encoder.kill()  # it is gone, whatever took it: what it was asked is done here
            else:
                with self._lock:
                    self._idle.append(encoder)
                return found
        begun = time.thread_time()
        try:
            return encode_rows(results, sizes, self._settings[task] if encodes else None)
        finally:
            self._note(time.thread_time() - begun)

    def _take(self, results: Sequence[Result]) -> "_Encoder | None":
        if not self._all or sum(map(weight, results)) > _MOST_BYTES:
            return None
        with self._lock:
            for encoder in [one for one in self._starting if one.is_ready]:
                self._starting.remove(encoder)
                self._idle.append(encoder)
            return self._idle.pop() if self._idle else None

    def _note(self, seconds: float) -> None:
        with self._lock:
            self._spent += seconds
            if self._spent < _WORTH_SECONDS or len(self._all) >= self._most:
                return
            self._spent = 0.0
            try:
                encoder = _Encoder(self._settings)
            except OSError as error:
                # A limit of processes or of memory: nothing depends on them.
                log.warning("No process could be started to encode in (%s); the run does it itself.", error)
                self._most = 0
                return
            self._all.append(encoder)
            self._starting.append(encoder)

    def close(self) -> None:
        """End the processes; nobody asks any more."""
        with self._lock:
            encoders, self._all, self._idle, self._starting = self._all, [], [], []
            self._most = 0
        for encoder in encoders:
            encoder.kill()


class _Encoder:
    """One process."""

    def __init__(self, settings: Mapping[str, TaskSettings]) -> None:
        # Whoever interrupts a run interrupts its own process, which ends this one.
        self._process, ours = start_child(_CHILD, os.environ | ONE_THREAD, interruptible=False)
        self._pipe: Connection[Any, Any] = Connection(ours.detach())
        with suppress(OSError):
            self._pipe.send(settings)

    @property
    def is_ready(self) -> bool:
        """Whether it may be asked; it says something once it is, or is gone."""
        try:
            if not self._pipe.poll():
                return False
            self._pipe.recv_bytes()
        except (EOFError, OSError):
            pass  # whoever asks it is told
        return True

    def ask(self, question: object) -> list[EncodedRow] | None:
        """Raises EOFError or OSError where it is gone."""
        self._pipe.send_bytes(pickle.dumps(question, pickle.HIGHEST_PROTOCOL))
        found: list[EncodedRow] | None = self._pipe.recv()
        return found

    def kill(self) -> None:
        """End it: nothing that it has is needed. A thread that waits for it is told that it is gone."""
        self._process.kill()
        self._process.wait()
