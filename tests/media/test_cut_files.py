"""Files that lost something where their demuxer reports a plain end: their own lengths tell."""

import os
import random
import struct
from pathlib import Path

import av
import pytest

from lightly_assets.media import DamagedVideo, open_video, probe
from lightly_assets.media.decoding.decoder_child import LibraryLog
from lightly_assets.media.decoding.structure import find_cut
from tests.media.corpus_files import encode, patch, with_sound

FRAMES = 75

CONTAINERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mjpeg.avi": ("mjpeg", "pcm_s16le", {}),
    "mpeg4.avi": ("mpeg4", "libmp3lame", {}),
    "apart.mp4": ("libx264", "aac", {"chunk_duration": "1500000", "movflags": "+faststart"}),
    "apart.mov": ("mjpeg", "pcm_s16le", {"chunk_duration": "1500000", "movflags": "+faststart"}),
    "segments.mp4": ("libx264", "aac", {"movflags": "dash+global_sidx+frag_keyframe"}),
    "vp8.webm": ("libvpx", "libopus", {}),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_cut_passes_as_sound(tmp_path: Path, name: str) -> None:
    codec, sound, container = CONTAINERS[name]
    options = {"deadline": "realtime"} if codec == "libvpx" else {"g": "12"}
    data = with_sound(tmp_path / name, codec, sound, container, **options).read_bytes()
    assert (probe(tmp_path / name).frames, probe(tmp_path / name).errors) == (FRAMES, ())
    chance = random.Random(name)
    for end in [chance.randrange(len(data) // 10, len(data)) for _ in range(12)]:
        (tmp_path / f"cut-{name}").write_bytes(data[:end])
        assert probe(tmp_path / f"cut-{name}").errors, end


def test_an_avi_file_that_was_cut_in_its_sound_is_refused(tmp_path: Path) -> None:
    data = with_sound(tmp_path / "whole.avi", "mjpeg", "pcm_s16le").read_bytes()
    path = tmp_path / "cut.avi"
    path.write_bytes(data[: data.index(b"01wb", len(data) // 2) + 600])
    # PyAV's own loop reports nothing.
    with av.open(str(path)) as container:
        decoded = sum(1 for _ in container.decode(video=0))
    assert 0 < decoded < FRAMES
    info = probe(path)
    assert info.errors == (
        f"is cut off: its RIFF list ends at byte {len(data):,}, the file at byte {path.stat().st_size:,}",
    )
    assert info.frames == decoded
    with pytest.raises(DamagedVideo, match="is cut off"), open_video(path) as stream:
        list(stream)


def test_every_border_of_a_fragmented_file(tmp_path: Path) -> None:
    """Between two fragments nobody can tell; anywhere around a border everybody must."""
    container = {"movflags": "frag_keyframe+empty_moov"}
    data = with_sound(tmp_path / "whole.mp4", "libx264", "aac", container, g="12").read_bytes()
    assert probe(tmp_path / "whole.mp4").frames == FRAMES
    borders = [data.index(kind, len(data) // 2) - 4 for kind in (b"moof", b"mdat", b"mfra")]
    path = tmp_path / "cut.mp4"
    for border in borders:
        for end in (border - 1, *(border + 1 + more for more in (0, 6, 7, 10))):
            path.write_bytes(data[:end])
            assert probe(path).errors, end - border


def test_a_chunk_without_its_header_is_missed(tmp_path: Path) -> None:
    whole = with_sound(tmp_path / "whole.avi", "mpeg4", "pcm_s16le", b="2000000")
    data = whole.read_bytes()
    at = data.index(b"00dc", data.index(b"movi") + 4 + len(data) // 2)
    path = patch(whole, tmp_path / "hole.avi", lambda data: data.__setitem__(slice(at, at + 8), b"\xff" * 8))
    for threads in (1, 4):
        info = probe(path, threads=threads)
        assert f"its index lists {FRAMES} packets, {FRAMES - 1} come out" in info.errors


def test_a_damaged_index_loses_no_picture_in_silence(tmp_path: Path) -> None:
    """Some demuxers leave out what the index does not list; the chunks themselves are counted, too."""
    whole = with_sound(tmp_path / "whole.avi", "mpeg4", "libmp3lame", b="2000000")
    data = whole.read_bytes()
    index = data.rindex(b"idx1")
    entries = [index + 8 + 16 * number for number in range((len(data) - index - 8) // 16)]
    pictures = [entry for entry in entries if data[entry : entry + 4] == b"00dc"]
    assert len(pictures) >= FRAMES  # and an empty one at the end
    for entry in (pictures[0], pictures[30], pictures[-1]):
        path = patch(
            whole,
            tmp_path / "hole.avi",
            lambda data, at=entry: data.__setitem__(slice(at, at + 16), b"\xff" * 16),
        )
        info = probe(path)
        assert info.frames == FRAMES or info.errors, entry


def _riff(kind: bytes, body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + kind + body


def test_large_avi_files_have_several_lists_and_an_index_of_indexes(tmp_path: Path) -> None:
    """A file of more than 1 GB in small: all of it there, cut inside a list, and cut between two."""
    second = _riff(b"AVIX", b"JUNK" + struct.pack("<I", 400) + bytes(400))

    def file(last: int) -> bytes:
        index = struct.pack("<HBBI4s12xQII", 4, 0, 0, 1, b"00dc", last, 40, 1)
        header = b"LIST" + struct.pack("<I", 12 + len(index) + 4) + b"strl"
        header += b"indx" + struct.pack("<I", len(index)) + index
        return _riff(b"AVI ", b"LIST" + struct.pack("<I", len(header) + 4) + b"hdrl" + header) + second

    size = len(file(0))
    path = tmp_path / "large.avi"
    path.write_bytes(file(size - 40))
    assert find_cut(str(path), "avi") is None
    for end in (size - 2, size - len(second)):
        path.write_bytes(file(size - 40)[:end])
        assert "is cut off" in str(find_cut(str(path), "avi"))
    # Padding that a program counts and does not write; a recording whose length nobody filled in.
    path.write_bytes(file(size - 41)[:-1])
    assert find_cut(str(path), "avi") is None
    path.write_bytes(b"RIFF\0\0\0\0" + file(0)[8:100])
    assert find_cut(str(path), "avi") is None


def test_hostile_lengths_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    huge = b"\xff" * 8
    heads = {
        "avi": [b"RIFF\xfe\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrl", b"RIFF\x04\0\0\0AVI " * 50_000],
        "mov": [b"\0\0\0\x01moof" + huge, b"\0\0\0\x08moov" * 50_000, b"\0\0\0\x01free", b"\0\0\0\0\0\0\0\0"],
        "matroska": [b"\x1a\x45\xdf\xa3\x01" + huge, b"\x18\x53\x80\x67\x01" + huge[:6], b"\0" * 99, b"\x80"],
    }
    for container, contents in heads.items():
        for content in contents:
            for end in (len(content), len(content) // 2, 5, 1):
                path.write_bytes(content[:end])
                find_cut(str(path), container)
    path.write_bytes(b"\0\0\0\x01moof" + huge)
    assert "is cut off" in str(find_cut(str(path), "mov"))


def test_zeros_and_other_things_behind_a_whole_file_are_no_damage(tmp_path: Path) -> None:
    whole = with_sound(tmp_path / "whole.mp4", "libx264", "aac").read_bytes()
    (tmp_path / "more.mp4").write_bytes(whole + b"made by a camera" * 3)
    assert probe(tmp_path / "more.mp4").errors == ()
    fragments = {"movflags": "frag_keyframe+empty_moov"}
    whole = with_sound(tmp_path / "whole.mp4", "libx264", "aac", fragments).read_bytes()
    (tmp_path / "padded.mp4").write_bytes(whole + bytes(512))
    assert (probe(tmp_path / "padded.mp4").frames, probe(tmp_path / "padded.mp4").errors) == (FRAMES, ())


def test_titles_in_any_encoding_are_no_reason_to_refuse(tmp_path: Path) -> None:
    for name, codec in (("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx")):
        path = encode(tmp_path / name, codec, range(5), title="Caf_ XX")
        data = path.read_bytes()
        assert data.count(b"Caf_ XX") == 1
        path.write_bytes(data.replace(b"Caf_", b"Caf\xe9"))
        assert (probe(path).frames, probe(path).errors) == (5, ()), name
    handler = tmp_path / "handler.mp4"
    patch(tmp_path / "a.mp4", handler, lambda data: data.__setitem__(data.index(b"VideoHandler"), 0xE9))
    assert (probe(handler).frames, probe(handler).errors) == (5, ())


def test_no_line_of_the_log_is_lost(capfd: pytest.CaptureFixture[str]) -> None:
    """The decoder's threads write while lines are taken, each line in pieces."""
    before = os.dup(2)
    try:
        log = LibraryLog()
        os.write(2, b"[h264 @ 0x1] ")
        assert log.take() == []
        os.write(2, b"error\n[h264 @ 0x1] next")
        assert log.take() == ["[h264 @ 0x1] error"]
        os.write(2, b"\n")
        assert log.take() == ["[h264 @ 0x1] next"]
        os.write(2, b"old\n" * 100_000)
        assert sum(len(lines) for lines in iter(log.take, [])) == 100_000
        log.clear()
        os.write(2, b"new\n")
        assert log.take() == ["new"]
    finally:
        os.dup2(before, 2)
        os.close(before)
