"""Endless files, decoders that die, everything that is too large: the caller always gets an answer."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lightly_assets.media import DamagedVideo, Limits, open_video, probe
from lightly_assets.media.decoding.decoder_process import pool
from tests.media.conftest import Corpus
from tests.media.corpus_files import number_of


def decoders() -> list[int]:
    """Child processes of this one that run Python: the decoders."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    running = set(children)
    for task in Path("/proc/self/task").iterdir():
        running |= set((task / "children").read_text().split())
    return [
        int(pid)
        for pid in running
        if b"lightly_assets.media.decoding.decoder_child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


@contextmanager
def no_idle_decoders() -> Iterator[None]:
    pool.close()
    assert decoders() == []
    yield


def test_a_bomb_costs_nothing(corpus: Corpus) -> None:
    # A process begins with the figure of the one that has started it.
    whose = (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
    before = max(resource.getrusage(one).ru_maxrss for one in whose)
    info = probe(corpus.path("bomb.avi"))
    assert info.frames is None
    assert any("65535x65535" in error for error in info.errors)
    pool.close()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 400 << 10)


def test_too_many_pixels_are_refused(corpus: Corpus) -> None:
    path = corpus.path("n10.mp4")
    assert probe(path, limits=Limits(max_pixels=48 * 32)).frames == 10
    info = probe(path, limits=Limits(max_pixels=48 * 32 - 1))
    assert info.frames is None
    assert info.errors


def test_too_many_frames_are_refused(corpus: Corpus) -> None:
    path = corpus.path("n100.mp4")
    assert probe(path, limits=Limits(max_frames=100)).errors == ()
    assert probe(path, limits=Limits(max_frames=99)).errors == ("has more than 99 frames, the limit",)
    with (
        pytest.raises(DamagedVideo, match="more than 99 frames"),
        open_video(path, limits=Limits(max_frames=99)) as s,
    ):
        for _ in s:
            pass


def test_memory_is_limited(corpus: Corpus) -> None:
    for threads in (0, 1):
        info = probe(corpus.path("plain.mp4"), limits=Limits(memory_bytes=1 << 16), threads=threads)
        assert info.errors
    assert probe(corpus.path("plain.mp4")).errors == ()


def test_time_is_limited(corpus: Corpus) -> None:
    info = probe(corpus.path("n1000.mp4"), limits=Limits(max_seconds=0.001))
    assert info.errors == ("takes longer than 0.001 s, the limit",)


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="max_frames must be positive, but is 0"):
        Limits(max_frames=0)


def test_special_files_are_refused_at_once(corpus: Corpus, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "endless.mp4").symlink_to("/dev/zero")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    for name in ("fifo.mp4", "folder.mp4", "endless.mp4", "loop.mp4", "missing.mp4", "nul\0.mp4"):
        assert probe(tmp_path / name).errors == ("is not a file that can be read",), name


def test_a_file_that_is_mostly_hole_ends(tmp_path: Path, corpus: Corpus) -> None:
    path = tmp_path / "huge.mpg"
    path.write_bytes(corpus.path("mpeg2.mpg").read_bytes())
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    info = probe(path, limits=Limits(max_seconds=2, stall_seconds=2))
    assert info.errors


def test_a_growing_file_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "growing.ts"
    data = corpus.path("h264.ts").read_bytes()
    path.write_bytes(data * 20)
    ended = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            while not ended.wait(0.02):
                file.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        info = probe(path, limits=Limits(max_seconds=60))
    finally:
        ended.set()
        writer.join()
    assert info.errors == ("changes while it is read; it may still be written to",)


def test_a_decoder_that_is_killed_harms_nobody(corpus: Corpus) -> None:
    with no_idle_decoders():
        # What the fast way dies of is tried the exact way, which gives the rest.
        with open_video(corpus.path("n1000.mp4"), threads=2) as stream:
            first = next(stream)
            for pid in decoders():
                os.kill(pid, signal.SIGKILL)
            assert [number_of(frame.image) for frame in stream] == list(range(1, 1000))
        assert number_of(first.image) == 0
        stream = open_video(corpus.path("n1000.mp4"), threads=1)
        first = next(stream)
        for pid in decoders():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(DamagedVideo, match="crashed \\(SIGKILL\\)"):
            for _ in stream:
                pass
        assert number_of(first.image) == 0
        stream.close()
    assert probe(corpus.path("n1000.mp4")).errors == ()


def test_an_idle_decoder_that_died_is_replaced(corpus: Corpus) -> None:
    with no_idle_decoders():
        probe(corpus.path("n10.mp4"))
        for pid in decoders():
            os.kill(pid, signal.SIGKILL)
        assert probe(corpus.path("n10.mp4")).frames == 10


def test_a_decoder_that_hangs_is_killed(corpus: Corpus) -> None:
    with no_idle_decoders():
        stream = open_video(corpus.path("n1000.mp4"), limits=Limits(stall_seconds=0.5), threads=1)
        next(stream)
        (pid,) = decoders()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(DamagedVideo, match=r"made no progress for 0\.5 s and was stopped"):
            for _ in stream:
                pass
        assert decoders() == []


def test_leaving_early_stops_the_decoder(corpus: Corpus) -> None:
    with no_idle_decoders():
        with open_video(corpus.path("n1000.mp4")) as stream:
            kept = [next(stream).image for _ in range(3)]
        assert decoders() == []
        assert [number_of(image) for image in kept] == [0, 1, 2]


def test_sound_files_share_a_decoder(corpus: Corpus) -> None:
    with no_idle_decoders():
        probe(corpus.path("n10.mp4"))
        before = decoders()
        for name in ("plain.mp4", "vp9.webm", "mpeg4.avi"):
            probe(corpus.path(name))
        assert decoders() == before


def test_a_decoder_starts_without_what_only_its_parent_needs(corpus: Corpus) -> None:
    with no_idle_decoders():
        for name in ("n10.mp4", "plain.mp4", "vp9.webm"):
            with open_video(corpus.path(name)) as stream:
                assert len(list(stream)) > 0
        (decoder,) = decoders()
        loaded = Path(f"/proc/{decoder}/maps").read_text()
    assert "/av/video/frame" in loaded
    assert "/numpy/" not in loaded


def test_decoders_end_with_their_parent(corpus: Corpus) -> None:
    script = (
        "import os, signal, sys; from lightly_assets.media import open_video\n"
        "stream = open_video(sys.argv[1]); next(stream)\n"
        "print(open(f'/proc/self/task/{os.getpid()}/children').read(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(corpus.path("n1000.mp4"))],
        capture_output=True,
        text=True,
        cwd=Path.cwd(),
    )
    (pid,) = map(int, done.stdout.split())
    descriptor = -1
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    import select

    try:
        assert select.select([descriptor], [], [], 10)[0], "the decoder outlives its parent"
    finally:
        os.close(descriptor)


def test_a_decoder_cannot_be_made_to_run_code_or_write_elsewhere(corpus: Corpus) -> None:
    """What a decoder says is checked: places outside the shared memory are refused."""
    from lightly_assets.media.decoding.places import RingWriter
    from lightly_assets.media.decoding.ring import RingReader

    reader = RingReader()
    writer = RingWriter(os.dup(reader.fd))
    layout = writer.make_room(96 * 64 * 3)
    for wrong in ({"slots": 1 << 40}, {"start": -4096}, {"slot_bytes": 1 << 40}):
        with pytest.raises(ValueError, match="outside"):
            reader.move(**{**layout, **wrong})
    reader.move(**layout)
    for slot, height, width in ((-1, 64, 96), (layout["slots"], 64, 96), (0, 0, 96), (0, 6400, 9600)):
        with pytest.raises(ValueError, match="outside"):
            reader.take(slot, height, width)
    reader.close()
    writer.close()


def test_a_consumer_that_keeps_all_frames_does_not_stop_the_decoder(corpus: Corpus) -> None:
    with open_video(corpus.path("n999.mp4")) as stream:
        frames = list(stream)
    assert [number_of(frame.image) for frame in frames] == list(range(999))
