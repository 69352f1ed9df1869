"""Decoder processes from the caller's side: started, reused while they behave, killed when they do not."""

import atexit
import contextlib
import os
import signal
import subprocess
import threading

from lightly_assets.child_processes import ONE_THREAD, start_child
from lightly_assets.cores import cores
from lightly_assets.media.decoding.channel import Channel, ChannelClosedError, Message

_CHILD = "lightly_assets.media.decoding.decoder_child"
_START_SECONDS = 60.0
_FILES_PER_CHILD = 500
"""After so many files a decoder is replaced, so that no leak can grow."""


class ChildDiedError(Exception):
    """The decoder is gone, or had to be killed; the text says how."""


class Child:
    """One decoder process."""

    def __init__(self) -> None:
        self._process, ours = start_child(_CHILD, os.environ | ONE_THREAD, site=False)
        self._channel = Channel(ours)
        self._ready = False
        self._files = 0

    @property
    def worn(self) -> bool:
        """Whether it has decoded enough for one process."""
        return self._files >= _FILES_PER_CHILD

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def start(self, job: Message, ring_fd: int) -> None:
        """Gives it a file to decode.

        Raises:
            ChildDiedError: it is not there any more.
        """
        self._files += 1
        self.send(job, ring_fd)

    def send(self, message: Message, *fds: int) -> None:
        """Says something to it.

        Raises:
            ChildDiedError: it is not there any more.
        """
        try:
            self._channel.send(message, fds)
        except ChannelClosedError:
            raise self._death() from None

    def receive(self, timeout: float) -> Message | None:
        """What it says next; None where it says nothing for ``timeout`` seconds.

        Raises:
            ChildDiedError: it crashed or does not speak our language.
            RuntimeError: it never came up, which is not the file's fault.
        """
        try:
            if not self._ready:
                self._ready = bool(self._channel.receive(max(timeout, _START_SECONDS)))
            return self._channel.receive(timeout)
        except ChannelClosedError:
            raise self._death() from None

    def kill(self) -> None:
        """Ends it at once, whatever it does."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._channel.close()

    def _death(self) -> Exception:
        if self._ready:
            return ChildDiedError(self._epitaph())
        return RuntimeError(f"Frames cannot be decoded: {self._epitaph()} while it started.")

    def _epitaph(self) -> str:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return "the decoder stopped talking"
        if code < 0:
            return f"the decoder crashed ({signal.Signals(-code).name})"
        return f"the decoder ended unexpectedly (exit status {code})"


class Pool:
    """Idle decoders, at most one per core."""

    def __init__(self) -> None:
        self._idle: list[Child] = []
        self._lock = threading.Lock()
        self._size = cores()

    def borrow(self) -> Child:
        """A decoder that waits for a file."""
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    return child
                child.kill()
        return Child()

    def give_back(self, child: Child) -> None:
        """Keeps a decoder that ended its file in good order."""
        with self._lock:
            if len(self._idle) < self._size and not child.worn:
                self._idle.append(child)
                return
        child.kill()

    def close(self) -> None:
        """Ends all idle decoders."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.kill()

    def forget(self) -> None:
        """After a fork: the decoders belong to the other process."""
        self._idle = []
        self._lock = threading.Lock()


pool = Pool()
atexit.register(pool.close)
os.register_at_fork(after_in_child=pool.forget)
