"""The PNGs of one video on their way into a folder: all of them under their names, or none.

Names contain the number of frames, which is known only behind the last one. Until then frames wait in a
hidden folder; then they are renamed, the first frame last. It says how many frames there are and what they
were made from: a first frame means that all the others are there. Whatever happens in between, the next try
goes on where this one stopped.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lightly_assets.cores import cores
from lightly_assets.errors import BadValue
from lightly_assets.format.names.frame_names import frame_name
from lightly_assets.media.info import VideoInfo
from lightly_assets.media.png import Stamp, encode_png, read_stamp, with_stamp

WAITING = ".lightly-assets"
"""Where frames wait inside the folder; gone once nothing waits."""
_SEALED = "video.json"
_MOST_DIGITS = 10


class PngExport:
    """Takes the frames of one video; use it in a ``with`` block. Other processes wait until it is closed.

    ``source`` is a text that changes when the frames may change: what was made from another one is replaced.
    """

    def __init__(self, out: str | os.PathLike[str], video: str, source: str) -> None:
        self.written = 0
        """Frames that this export encoded."""
        self.resumed = 0
        """Frames that an earlier try left here, encoded but without their names."""
        self.found: VideoInfo | None = None
        """Set where all frames are there already."""
        self._out = Path(out)
        self._video = video
        self._source = source
        self._waiting = self._out / WAITING / hashlib.sha256(video.encode()).hexdigest()[:32]
        self._lock = _locked_folder(self._waiting)
        self._workers = cores()
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="png")
        self._room = threading.Semaphore(2 * self._workers)
        self._failure: BaseException | None = None
        self._there: set[int] = set()
        self._staged: set[int] = set()
        self._take_stock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, index: int, image: NDArray[np.uint8]) -> None:
        """Takes a frame; encodes it beside others, unless it is there already.

        Raises:
            OSError: this frame or one before could not be written.
        """
        self._submit(index, lambda: encode_png(image, self._stamp(index)))

    def add_file(self, index: int, png: Path) -> None:
        """Takes a frame that somebody else encoded; the file is used up.

        Raises:
            OSError: this frame or one before could not be written.
        """

        def stamped() -> bytes:
            data = with_stamp(png.read_bytes(), self._stamp(index))
            png.unlink()
            return data

        self._submit(index, stamped)

    def folder_for_program(self) -> Path:
        """An empty folder beside the waiting frames, for files that :meth:`add_file` is to take."""
        folder = self._waiting / "program"
        folder.mkdir()
        return folder

    def flush(self) -> None:
        """Waits until all frames added so far are written.

        Raises:
            OSError: one could not be written.
        """
        self._wait()

    def publish(self, info: VideoInfo) -> None:
        """Gives all frames their names, once they are known to be all.

        Raises:
            ValueError: not every frame was added.
            OSError: a frame could not be written.
        """
        self._wait()
        count = info.frames or 0
        missing = next((i for i in range(count) if i not in self._staged | self._there), None)
        if missing is not None or not count:
            raise BadValue(
                f"'{self._video}': frame {missing or 0} of {count} is missing; nothing is published."
            )
        # From here on the frames are known to be all: another process can do the rest.
        _write(self._waiting / _SEALED, json.dumps({"source": self._source, "info": asdict(info)}).encode())
        self._finish(info, self._source)

    def discard(self) -> None:
        """Throws away what waits; what has its name already stays."""
        self._wait(quiet=True)
        self._empty()
        self.written = self.resumed = 0

    def close(self) -> None:
        """Ends the export; frames that wait are kept for the next one."""
        self._wait(quiet=True)
        self._pool.shutdown()
        # Only empty folders can be removed like this; the others hold frames for the next time.
        for folder in (self._waiting, self._waiting.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()
        os.close(self._lock)

    def _take_stock(self) -> None:
        sealed = _read_json(self._waiting / _SEALED)
        if sealed is not None:
            # A process was killed while it gave the frames their names.
            info = _video_info(sealed.get("info"))
            if info is not None:
                self._finish(info, str(sealed.get("source")))
        published = self._published()
        if published is not None and published.get("source") == self._source:
            info = _video_info(published.get("video"))
            if info is not None and info.frames:
                self._there = {i for i in range(info.frames) if self._is_mine(self._path(i, info.frames), i)}
                if len(self._there) == info.frames:
                    self.found = info
        for path in self._waiting.iterdir():
            if path.suffix == ".png" and path.stem.isdecimal() and self._is_mine(path, int(path.stem)):
                self._staged.add(int(path.stem))
            else:
                _remove(path)
        self.resumed = len(self._staged)

    def _published(self) -> Stamp | None:
        """The stamp of a first frame, whatever its number of digits."""
        for digits in range(1, _MOST_DIGITS):
            stamp = read_stamp(self._path(0, 10 ** (digits - 1)))
            if stamp is not None and "video" in stamp:
                return stamp
        return None

    def _is_mine(self, path: Path, index: int) -> bool:
        stamp = read_stamp(path)
        return stamp is not None and (stamp.get("source"), stamp.get("index")) == (self._source, index)

    def _stamp(self, index: int) -> Stamp:
        return {"source": self._source, "index": index}

    def _path(self, index: int, count: int) -> Path:
        return self._out / frame_name(self._video, index, count)

    def _submit(self, index: int, encode: Callable[[], bytes]) -> None:
        if self._failure is not None:
            self._wait()
        if index in self._staged or index in self._there:
            return
        self._staged.add(index)
        self.written += 1
        self._room.acquire()
        self._pool.submit(self._stage, index, encode).add_done_callback(self._staged_one)

    def _stage(self, index: int, encode: Callable[[], bytes]) -> None:
        _write(self._waiting / f"{index}.png", encode())

    def _staged_one(self, future: Future[None]) -> None:
        self._failure = self._failure or future.exception()
        self._room.release()

    def _wait(self, *, quiet: bool = False) -> None:
        """Until no frame is being written."""
        for _ in range(2 * self._workers):
            self._room.acquire()
        self._room.release(2 * self._workers)
        if self._failure is not None and not quiet:
            raise self._failure

    def _finish(self, info: VideoInfo, source: str) -> None:
        """Can be repeated after a kill at any place."""
        count = info.frames or 0
        self._path(0, count).parent.mkdir(parents=True, exist_ok=True)
        for index in range(1, count):
            with contextlib.suppress(FileNotFoundError):
                (self._waiting / f"{index}.png").replace(self._path(index, count))
        self._remove_older(count, source)
        first = self._waiting / "0.png"
        if first.exists() or not self._path(0, count).exists():
            stamp = {"source": source, "index": 0, "video": asdict(info)}
            _write(first, with_stamp(first.read_bytes(), stamp))
            first.replace(self._path(0, count))
        self._empty()

    def _remove_older(self, count: int, source: str) -> None:
        """Frames of a longer, shorter or otherwise named past of the same video, if they were made here."""
        for digits in range(1, _MOST_DIGITS):
            first = self._path(0, 10 ** (digits - 1))
            stamp = read_stamp(first)
            old = _video_info(stamp.get("video")) if stamp else None
            if stamp is None or old is None or not old.frames or stamp.get("source") == source:
                continue
            same_digits = len(str(old.frames)) == len(str(count))
            for index in range(count if same_digits else 1, old.frames):
                path = self._path(index, old.frames)
                found = read_stamp(path)
                if found is not None and found.get("source") == stamp["source"]:
                    path.unlink()
            if not same_digits:
                first.unlink()

    def _empty(self) -> None:
        # What says that a name is due goes last.
        for path in sorted(self._waiting.iterdir(), key=lambda path: path.name == _SEALED):
            _remove(path)
        self._staged.clear()


def _locked_folder(folder: Path) -> int:
    """Makes a folder that only this process may use until it closes the file descriptor, or ends."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # another process has just finished with it
            continue
        except FileExistsError:  # the same, while the folder was being made; or something else has its name
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISDIR(folder.lstat().st_mode):
                    raise
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), folder.stat()):
                return lock
        os.close(lock)


def _write(path: Path, data: bytes) -> None:
    """Writes a file that is complete wherever it has its name."""
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _video_info(fields: object) -> VideoInfo | None:
    if not isinstance(fields, dict):
        return None
    try:
        lists = {"sizes": tuple(tuple(one) for one in fields.get("sizes", ()))}
        lists |= {name: tuple(fields.get(name, ())) for name in ("errors", "notes")}
        return VideoInfo(**fields | lists)
    except (KeyError, TypeError):
        return None
