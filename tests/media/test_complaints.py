"""Sound files that FFmpeg's libraries complain about: they have the frames that the ffmpeg program counts."""

import re
import struct
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from lightly_assets.media import open_video, probe
from lightly_assets.media.decoding.complaints import split_line
from lightly_assets.media.decoding.job import Outcome
from tests.media.corpus_files import encode, number_of

HEVC = {"x265-params": "log-level=none:pools=none:frame-threads=1:repeat-headers=1:keyint=12:open-gop=0"}


def by_the_program(path: Path) -> int:
    """How many frames the ffmpeg program decodes."""
    command = [get_ffmpeg_exe(), "-v", "quiet", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"]
    done = subprocess.run([*command, "-f", "framecrc", "-"], capture_output=True, check=True)
    return sum(not line.startswith(b"#") for line in done.stdout.splitlines())


def sound_frames(path: Path, threads: int = 4) -> int:
    info = probe(path, threads=threads)
    assert info.errors == ()
    assert info.frames == by_the_program(path)
    return info.frames or 0


def nals(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the units of a raw stream begin, their start code included, and the first byte of each."""
    return ((match.start(), data[match.end()]) for match in re.finditer(b"\0\0\1", data))


def test_mpeg2_that_begins_between_key_frames(tmp_path: Path) -> None:
    whole = encode(
        tmp_path / "whole.mpg", "mpeg2video", size=(320, 240), options={"g": "15", "bf": "2", "b": "4000000"}
    )
    data = whole.read_bytes()
    path = tmp_path / "between.mpg"
    path.write_bytes(data[len(data) // 4 // 2048 * 2048 :])
    assert 20 < sound_frames(path) < 50


def test_hevc_whose_parameters_come_in_the_wrong_order(tmp_path: Path) -> None:
    data = encode(tmp_path / "whole.hevc", "libx265", options=HEVC).read_bytes()
    second = [start for start, head in nals(data) if head >> 1 & 63 == 34][1]
    path = tmp_path / "cut.hevc"
    path.write_bytes(data[second:])
    assert sound_frames(path) == 38
    with open_video(path) as stream:
        assert [number_of(frame.image) for frame in stream] == list(range(12, 50))


@pytest.mark.parametrize("end", ["0000000146 0150", "00000001 4801", "000001 4a01"])
def test_hevc_that_ends_in_a_lone_delimiter(tmp_path: Path, end: str) -> None:
    path = encode(tmp_path / "a.hevc", "libx265", options=HEVC)
    path.write_bytes(path.read_bytes() + bytes.fromhex(end))
    assert sound_frames(path) == 50


def test_hevc_that_lost_a_picture_is_no_sound_file(tmp_path: Path) -> None:
    """The same complaint, and this time a picture is missing: the head of its only slice is gone."""
    path = encode(tmp_path / "a.hevc", "libx265", options=HEVC)
    data = bytearray(path.read_bytes())
    slices = [start for start, head in nals(data) if head >> 1 & 63 < 32]
    data[slices[-1] + 3] = 62 << 1
    path.write_bytes(data)
    assert by_the_program(path) == 49
    for threads in (1, 4):
        assert probe(path, threads=threads).frames == 49


@pytest.mark.parametrize("message", ["06f0c8" + "11" * 40 + "80", "060530" + "22" * 20 + "80"])
def test_messages_that_claim_too_many_bytes_touch_no_pixel(tmp_path: Path, message: str) -> None:
    source = encode(tmp_path / "a.h264", numbers=range(25), options={"bf": "0"})
    data = source.read_bytes()
    units = [*nals(data), (len(data), 0)]
    changed = bytearray()
    for (start, head), (end, _) in pairwise(units):
        changed += b"\0\0\1" + bytes.fromhex(message) if head & 31 in (1, 5) else b""
        changed += data[start:end]
    path = tmp_path / "a.mp4"
    (tmp_path / "b.h264").write_bytes(changed)
    copy = [get_ffmpeg_exe(), "-v", "quiet", "-f", "h264", "-i", str(tmp_path / "b.h264"), "-c", "copy"]
    subprocess.run([*copy, str(path)], check=True)
    assert sound_frames(path) == 25
    with open_video(path) as stream, open_video(source) as plain:
        assert all((one.image == other.image).all() for one, other in zip(stream, plain, strict=True))


def test_chapters_that_lead_nowhere(tmp_path: Path) -> None:
    data = bytearray(encode(tmp_path / "a.mp4", numbers=range(25)).read_bytes())
    reference = struct.pack(">I4sI4sI", 20, b"tref", 12, b"chap", 99)
    for box in (b"trak", b"moov"):
        start = data.index(box) - 4
        size = struct.unpack_from(">I", data, start)[0]
        if box == b"trak":
            data[start + size : start + size] = reference
        struct.pack_into(">I", data, start, size + len(reference))
    (tmp_path / "chapters.mp4").write_bytes(data)
    assert sound_frames(tmp_path / "chapters.mp4") == 25


def test_what_is_said_twice_is_told_once_and_without_addresses() -> None:
    outcome = Outcome()
    for address in ("0x7ffd1b232f90", "0x7ffcc8427160"):
        line = f"[mjpeg @ 0x55d0] [IMGUTILS @ {address}] Picture size 65535x65535 is invalid"
        who, what = split_line(line) or ("", "")
        outcome.error(f"{who}: {what}")
    assert outcome.info().errors == ("mjpeg: Picture size 65535x65535 is invalid", "and 1 more")
