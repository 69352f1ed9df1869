"""A corpus of good, odd, damaged and hostile videos, made by PyAV alone and the same every time.

Every frame carries its number as black and white blocks, so that a reader can be asked not only how many
frames it found but which ones.
"""

import os
import random
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

RATE = 25
os.environ.setdefault("SVT_LOG", "0")
_BITS = 12
_ALONE = "pools=none:frame-threads=1"


@dataclass(frozen=True)
class Video:
    """A file of the corpus and the truth about it, known from how it was made."""

    name: str
    numbers: tuple[int, ...] | None
    """The numbers that its frames carry, in order; None where it is damaged or no video."""
    note: str
    sound: bool = True


def picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """An RGB picture that carries a number in its upper half, over a pattern that moves with it."""
    rows, columns = np.mgrid[0:height, 0:width]
    wave = 40 * np.sin((columns + 3 * number) / 9.0) + 40 * np.cos((rows - 2 * number) / 7.0)
    image = np.stack([128 + wave, 128 - wave, 128 + 0.5 * wave], axis=2)
    edges = [width * bit // _BITS for bit in range(_BITS + 1)]
    for bit in range(_BITS):
        image[: height // 2, edges[bit] : edges[bit + 1]] = 225 if number >> bit & 1 else 30
    return image.astype(np.uint8)


def number_of(image: NDArray[np.uint8]) -> int:
    """The number that a picture carries."""
    height, width = image.shape[:2]
    edges = [width * bit // _BITS for bit in range(_BITS + 1)]
    upper = image[height // 8 : 3 * height // 8].mean(axis=(0, 2))
    bits = [upper[edges[bit] : edges[bit + 1]].mean() > 127 for bit in range(_BITS)]
    return sum(1 << bit for bit, on in enumerate(bits) if on)


def encode(
    path: Path,
    codec: str = "libx264",
    numbers: Iterable[int] = range(50),
    *,
    size: tuple[int, int] = (96, 64),
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    times: Callable[[int], int] = lambda index: index,
    format: str | None = None,
    title: str = "",
) -> Path:
    """Writes a video of numbered pictures; ``times`` gives the presentation time of the k-th, in frames."""
    defaults = {
        "libx264": {"preset": "veryfast", "g": "12"},
        "libx265": {"x265-params": f"log-level=none:{_ALONE}"},
    }
    with av.open(str(path), "w", format=format, options=container or {}) as output:
        if title:
            output.metadata["title"] = title
        stream = output.add_stream(codec, rate=RATE, options={**defaults.get(codec, {}), **(options or {})})
        # One thread: encoders that wait by spinning would hold up a busy machine.
        stream.codec_context.thread_count = 1
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, RATE)
        for index, number in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24").reformat(format=pixels)
            frame.pts = times(index)
            frame.time_base = Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def remux(
    source: Path,
    target: Path,
    *,
    first: int = 0,
    shift: int = 0,
    container: dict[str, str] | None = None,
    format: str | None = None,
) -> Path:
    """Copies the packets of a video, from packet ``first`` on, ``shift`` frames taken off their times."""
    with (
        av.open(str(source)) as inp,
        av.open(str(target), "w", format=format, options=container or {}) as out,
    ):
        stream = inp.streams.video[0]
        copy = out.add_stream_from_template(stream)
        offset = int(Fraction(shift, RATE) / stream.time_base)
        for index, packet in enumerate(inp.demux(stream)):
            if index < first or not packet.size:
                continue
            packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
            packet.stream = copy
            out.mux(packet)
    return target


def patch(source: Path, target: Path, change: Callable[[bytearray], None]) -> Path:
    """Copies a file and changes its bytes."""
    data = bytearray(source.read_bytes())
    change(data)
    target.write_bytes(data)
    return target


def truncate(source: Path, target: Path, share: float) -> Path:
    """Copies the beginning of a file, never up to the end of a transport packet: that nobody could tell."""
    data = source.read_bytes()
    end = int(len(data) * share)
    target.write_bytes(data[: end - (end % 188 == 0)])
    return target


def flip_bytes(source: Path, target: Path, seed: int, count: int = 8) -> Path:
    """Copies a file and changes some of its bytes, anywhere behind the first 5 %."""
    random_ = random.Random(seed)

    def flip(data: bytearray) -> None:
        for _ in range(count):
            data[random_.randrange(len(data) // 20, len(data))] ^= random_.randrange(1, 256)

    return patch(source, target, flip)


def _overwrite(begin: float, end: float) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        start, stop = int(len(data) * begin), int(len(data) * end)
        data[start:stop] = random.Random(7).randbytes(stop - start)

    return change


def _rotate(degrees: int) -> Callable[[bytearray], None]:
    """Sets the display matrix of the first track (``tkhd`` version 0: 40 bytes behind its name)."""
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = struct.pack(">9i", cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30)

    def change(data: bytearray) -> None:
        start = data.index(b"tkhd") + 4 + 40
        data[start : start + 36] = matrix

    return change


def _play_only(begin: int, frames: int) -> Callable[[bytearray], None]:
    """Sets the edit list of the first track to some of its frames."""

    def change(data: bytearray) -> None:
        at = data.index(b"elst") + 4 + 8
        timescale = struct.unpack(">I", data[(tick := data.index(b"mdhd") + 4 + 12) : tick + 4])[0]
        movie = struct.unpack(">I", data[(tick := data.index(b"mvhd") + 4 + 12) : tick + 4])[0]
        offset = struct.unpack(">i", data[at + 4 : at + 8])[0]
        data[at : at + 8] = struct.pack(">Ii", frames * movie // RATE, offset + begin * timescale // RATE)

    return change


def _with_audio(path: Path, *, cover: bool = False) -> Path:
    """A file with a sound track, and perhaps a video or a cover picture."""
    with av.open(str(path), "w") as output:
        sound = output.add_stream("aac", rate=44100, layout="mono")
        art = None
        if cover:
            art = output.add_stream("mjpeg", rate=1)
            art.width, art.height, art.pix_fmt = 64, 64, "yuvj420p"
            art.disposition = Disposition.attached_pic.value
        for block in range(20):
            samples = (0.2 * np.sin(np.arange(1024) * (0.05 + 0.001 * block))).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.rate, frame.pts = 44100, block * 1024
            output.mux(sound.encode(frame))
        output.mux(sound.encode())
        if art is not None:
            still = av.VideoFrame.from_ndarray(picture(1, 64, 64), format="rgb24").reformat(format="yuvj420p")
            still.pts = 0
            output.mux(art.encode(still))
            output.mux(art.encode())
    return path


def with_sound(
    path: Path, codec: str, sound: str, container: dict[str, str] | None = None, **options: str
) -> Path:
    """A video of 3 s whose pictures lie between blocks of sound."""
    with av.open(str(path), "w", options=container or {}) as output:
        video = output.add_stream(codec, rate=RATE, options=options)
        video.width, video.height = 96, 64
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.codec_context.thread_count = 1
        audio = output.add_stream(sound, rate=48000, layout="mono")
        for number in range(75):
            frame = av.VideoFrame.from_ndarray(picture(number, 96, 64), format="rgb24")
            frame = frame.reformat(format=video.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(video.encode(frame))
            samples = (3000 * np.sin(np.arange(1920) * 0.05)).astype(np.int16)
            block = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            block.rate, block.pts, block.time_base = 48000, number * 1920, Fraction(1, 48000)
            output.mux(audio.encode(block))
        output.mux(video.encode())
        output.mux(audio.encode())
    return path


def _two_streams(path: Path) -> Path:
    """Two video streams of different length; the first one counts."""
    with av.open(str(path), "w") as output:
        streams = []
        for size in ((96, 64), (64, 64)):
            stream = output.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            streams.append(stream)
        for number in range(45):
            for stream in streams if number < 30 else streams[1:]:
                array = picture(number, stream.width, stream.height)
                frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode())
    return path


def _two_sizes(path: Path, folder: Path) -> Path:
    """A transport stream whose second half has another size."""
    halves = [
        encode(folder / "_half0.h264", numbers=range(25), options={"bf": "0"}),
        encode(folder / "_half1.h264", numbers=range(25, 50), size=(160, 96), options={"bf": "0"}),
    ]
    joined = folder / "_joined.h264"
    joined.write_bytes(b"".join(half.read_bytes() for half in halves))
    with av.open(str(joined)) as inp, av.open(str(path), "w", format="mpegts") as out:
        stream = inp.streams.video[0]
        copy = out.add_stream_from_template(stream)
        index = 0
        for packet in inp.demux(stream):
            if packet.size:
                packet.pts = packet.dts = index * 3600
                packet.time_base = Fraction(1, 90000)
                packet.stream = copy
                out.mux(packet)
                index += 1
    for file in (*halves, joined):
        file.unlink()
    return path


def _bomb(source: Path, target: Path) -> Path:
    """A small MJPEG file whose pictures claim 65,535 x 65,535 pixels."""

    def change(data: bytearray) -> None:
        at = -1
        while (at := data.find(b"\xff\xc0\x00\x11\x08", at + 1)) >= 0:
            data[at + 5 : at + 9] = b"\xff\xff\xff\xff"

    return patch(source, target, change)


def build(folder: Path) -> list[Video]:
    """Makes the corpus in a folder; takes a few seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    videos: list[Video] = []

    def good(name: str, numbers: Iterable[int], note: str) -> None:
        videos.append(Video(name, tuple(numbers), note))

    def bad(name: str, note: str) -> None:
        videos.append(Video(name, None, note, sound=False))

    _good_files(folder, good)
    _odd_files(folder, good, bad)
    _damaged_files(folder, bad)
    _hostile_files(folder, good, bad)
    return videos


Adder = Callable[..., None]

# As root, the AV1 encoder that PyAV brings takes real-time priority and starves the machine: ready files.
_SHIPPED = Path(__file__).with_name("files")
_SHIPPED_CODEC = "shipped"


def _good_files(folder: Path, good: Adder) -> None:
    encode(folder / "plain.mp4", numbers=range(100), options={"bf": "2"})
    good("plain.mp4", range(100), "h264 with B-frames")
    encode(folder / "faststart.mp4", numbers=range(100), container={"movflags": "+faststart"})
    good("faststart.mp4", range(100), "h264, index in front")
    for count in (1, 9, 10, 99, 100, 999, 1000):
        encode(folder / f"n{count}.mp4", numbers=range(count), size=(48, 32), options={"preset": "ultrafast"})
        good(f"n{count}.mp4", range(count), f"{count} frames")
    codecs: list[tuple[str, str, dict[str, Any], str]] = [
        ("h265.mp4", "libx265", {}, "h265"),
        ("raw.hevc", "libx265", {}, "h265 without a container: no times"),
        ("av1.mp4", _SHIPPED_CODEC, {}, "av1"),
        ("av1.webm", _SHIPPED_CODEC, {}, "av1, no count in the header"),
        (
            "vp8.webm",
            "libvpx",
            {"options": {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "realtime"}},
            "vp8 with hidden frames",
        ),
        (
            "vp9.webm",
            "libvpx-vp9",
            {"options": {"deadline": "realtime", "cpu-used": "8"}},
            "vp9, no count in the header",
        ),
        (
            "vp9_alt.webm",
            "libvpx-vp9",
            {"options": {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good", "cpu-used": "5"}},
            "vp9 with hidden frames",
        ),
        ("h264.mkv", "libx264", {}, "matroska, no count in the header"),
        ("h264.ts", "libx264", {"format": "mpegts"}, "transport stream"),
        ("h264.mov", "libx264", {}, "QuickTime"),
        ("mpeg2.mpg", "mpeg2video", {"options": {"bf": "2", "b": "2000000"}}, "program stream with B-frames"),
        ("mpeg1.mpeg", "mpeg1video", {"options": {"b": "2000000"}}, "mpeg1"),
        ("mpeg4.avi", "mpeg4", {"options": {"b": "2000000"}}, "mpeg4 in avi"),
        ("mpeg4_b.avi", "mpeg4", {"options": {"bf": "2", "b": "2000000"}}, "mpeg4 with B-frames in avi"),
        ("mpeg4.m4v", "mpeg4", {"options": {"b": "2000000"}, "format": "mp4"}, "mpeg4"),
        ("mjpeg.avi", "mjpeg", {"pixels": "yuvj420p"}, "mjpeg"),
        ("mjpeg.mov", "mjpeg", {"pixels": "yuvj420p"}, "mjpeg"),
        (
            "interlaced.mp4",
            "libx264",
            {"options": {"flags": "+ildct+ilme", "x264-params": "tff=1"}},
            "interlaced h264",
        ),
        (
            "opengop.mp4",
            "libx264",
            {"options": {"x264-params": "open-gop=1:keyint=12:bframes=3"}},
            "open groups of pictures",
        ),
        ("ten_bit.mp4", "libx264", {"pixels": "yuv420p10le"}, "10 bits"),
        ("h265_ten_bit.mp4", "libx265", {"pixels": "yuv420p10le"}, "h265 with 10 bits"),
        ("grey.mp4", "libx264", {"pixels": "gray"}, "grey"),
        (
            "alpha.webm",
            "libvpx-vp9",
            {"pixels": "yuva420p", "options": {"auto-alt-ref": "0", "deadline": "realtime", "cpu-used": "8"}},
            "vp9 with transparency",
        ),
        ("alpha.mov", "qtrle", {"pixels": "argb"}, "lossless with transparency"),
        ("odd_size.mp4", "libx264", {"pixels": "yuv444p", "size": (97, 63)}, "odd width and height"),
        (
            "odd_size.webm",
            "libvpx-vp9",
            {"size": (97, 63), "options": {"deadline": "realtime", "cpu-used": "8"}},
            "odd width and height",
        ),
        ("slices.mp4", "libx264", {"options": {"x264-params": "slices=4"}}, "several slices a frame"),
    ]
    for name, codec, settings, note in codecs:
        if codec == _SHIPPED_CODEC:
            shutil.copy(_SHIPPED / name, folder / name)
        else:
            encode(folder / name, codec, **settings)
        good(name, range(50), note)


def _odd_files(folder: Path, good: Adder, bad: Adder) -> None:
    plain = folder / "plain.mp4"
    patch(plain, folder / "edit_list.mp4", _play_only(0, 75))
    good("edit_list.mp4", range(75), "an edit list leaves out the end")
    remux(plain, folder / "cut.mp4", first=24, shift=32)
    good("cut.mp4", range(32, 100), "stream-copied cut: an edit list leaves out the beginning")
    remux(folder / "h264.mkv", folder / "cut.mkv", first=12, shift=12)
    good("cut.mkv", range(12, 50), "stream-copied cut")
    encode(folder / "vfr.mp4", times=lambda index: index * 2 + (index % 3 == 1))
    good("vfr.mp4", range(50), "variable frame rate")
    encode(folder / "vfr.mkv", times=lambda index: index * index // 4 + index)
    good("vfr.mkv", range(50), "variable frame rate")
    encode(
        folder / "vfr.avi",
        "mpeg4",
        times=lambda index: index * 2 + (index % 3 == 1),
        options={"b": "2000000"},
    )
    good("vfr.avi", range(50), "avi with empty packets for the gaps")
    encode(folder / "late.mp4", times=lambda index: index + 125)
    good("late.mp4", range(50), "starts at 5 s")
    encode(folder / "late.ts", times=lambda index: index + 2500, format="mpegts")
    good("late.ts", range(50), "starts at 100 s")
    for degrees in (90, 180, 270):
        patch(plain, folder / f"rotated_{degrees}.mp4", _rotate(degrees))
        good(f"rotated_{degrees}.mp4", range(100), f"display rotation {degrees}")
    _two_streams(folder / "two_streams.mp4")
    good("two_streams.mp4", range(30), "two video streams, the first counts")
    _two_sizes(folder / "two_sizes.ts", folder)
    good("two_sizes.ts", range(50), "another size from the middle on")
    delimiter = bytes.fromhex("00000001460150")
    (folder / "delimiter.hevc").write_bytes((folder / "raw.hevc").read_bytes() + delimiter)
    good("delimiter.hevc", range(50), "h265 that ends in a lone delimiter")
    _with_audio(folder / "audio.mp4")
    bad("audio.mp4", "sound only")
    _with_audio(folder / "cover.mp4", cover=True)
    bad("cover.mp4", "sound and a cover picture")


def _damaged_files(folder: Path, bad: Adder) -> None:
    truncate(folder / "faststart.mp4", folder / "truncated_faststart.mp4", 0.6)
    bad("truncated_faststart.mp4", "cut off, index in front")
    truncate(folder / "plain.mp4", folder / "truncated.mp4", 0.6)
    bad("truncated.mp4", "cut off, and the index with it")
    for source in ("h264.mkv", "vp9.webm", "mpeg4.avi", "mpeg2.mpg", "av1.webm", "h264.ts"):
        stem, suffix = source.split(".")
        truncate(folder / source, folder / f"truncated_{stem}.{suffix}", 0.6)
        bad(f"truncated_{stem}.{suffix}", "cut off")
    for source in (
        "plain.mp4",
        "h265.mp4",
        "vp9.webm",
        "mpeg4.avi",
        "mpeg2.mpg",
        "h264.ts",
        "mjpeg.avi",
        "av1.mp4",
    ):
        stem, suffix = source.split(".")
        patch(folder / source, folder / f"corrupt_{stem}.{suffix}", _overwrite(0.45, 0.5))
        bad(f"corrupt_{stem}.{suffix}", "5 % overwritten in the middle")

    whole = with_sound(folder / "_sound.avi", "mjpeg", "pcm_s16le")
    data = whole.read_bytes()
    (folder / "cut_sound.avi").write_bytes(data[: data.index(b"01wb", len(data) // 2) + 600])
    bad("cut_sound.avi", "cut off inside its sound: FFmpeg reports a plain end")
    whole.unlink()
    fragments = {"movflags": "frag_keyframe+empty_moov"}
    data = encode(folder / "_fragments.mp4", numbers=range(50), container=fragments).read_bytes()
    (folder / "cut_fragments.mp4").write_bytes(data[: data.index(b"moof", len(data) // 2) + 1])
    bad("cut_fragments.mp4", "cut off inside the head of a fragment: FFmpeg reports a plain end")
    (folder / "_fragments.mp4").unlink()

    def hole(data: bytearray) -> None:
        at = data.index(b"00dc", len(data) // 2)
        data[at : at + 8] = b"\xff" * 8

    patch(folder / "mpeg4.avi", folder / "hole.avi", hole)
    bad("hole.avi", "the head of a picture overwritten: the demuxer steps over it")


def _hostile_files(folder: Path, good: Adder, bad: Adder) -> None:
    (folder / "empty.mp4").write_bytes(b"")
    bad("empty.mp4", "no bytes at all")
    (folder / "text.mp4").write_text("This is no video.\n" * 100)
    bad("text.mp4", "text")
    _bomb(folder / "mjpeg.avi", folder / "bomb.avi")
    bad("bomb.avi", "pictures that claim 65,535 x 65,535 pixels")
    (folder / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:1,\nplain.mp4\n#EXT-X-ENDLIST\n")
    bad("playlist.mp4", "a playlist that opens another file")
    (folder / "concat.mp4").write_text("ffconcat version 1.0\nfile plain.mp4\n")
    bad("concat.mp4", "a script that opens another file")
    source = (folder / "n10.mp4").read_bytes()
    for name in (
        "50%d %s.mp4",
        'it\'s "quoted".mp4',
        "new\nline.mp4",
        "smile 😀.mp4",
        "a:b,c|d#e?.mp4",
        "-y.mp4",
    ):
        (folder / name).write_bytes(source)
        good(name, range(10), "a name that is hard to quote")


def numbers(frames: Iterable[NDArray[np.uint8]]) -> Iterator[int]:
    """The numbers that frames carry."""
    return (number_of(frame) for frame in frames)
