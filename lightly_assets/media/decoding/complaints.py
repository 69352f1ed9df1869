"""What FFmpeg's libraries call an error and what is none: everything else that they say is damage.

Each entry has its reason; ``docs/frames.md`` repeats them.
"""

import re

_LINE = re.compile(r"\[(?P<who>[^\]@]+) @ [^\]]+\] (?P<what>.*)")
# A part within a part, with an address that is another one each time.
_PART = re.compile(r"\[[^\]@]+ @ 0x[0-9a-f]+\] ")

# Cut files begin with pictures that refer to others left out. Decoders drop those pictures, as they must, and
# complain: about the first group at any time, about the second only until the first frame comes out.
_LEAD_OUT = re.compile(r"mmco: unref short failure|co located POCs unavailable")
_LEAD_IN = re.compile(
    r"non-existing PPS|[PS]PS id out of range|[PS]PS \d+ does not exist|Invalid frame dimensions 0x0"
    r"|no frame!|decode_slice_header error|reference|Could not find ref with POC"
    r"|Error constructing the frame RPS"
)
# Metadata beside the pictures, of which no pixel depends on: messages in the stream, and chapters.
_NO_PIXELS = re.compile(r"SEI type \d+ size \d+ truncated|Referenced QT chapter track not found")
_WITHOUT_PICTURE = re.compile(r"missing picture in access unit with size (\d+)")

_LAST_PARAMETER = 40
SMALL = 1 << 10
"""Larger packets hold a picture."""


def split_line(line: str) -> tuple[str, str] | None:
    """Who speaks in a line of the log, and what it says; None where it is no such line."""
    match = _LINE.match(line)
    return None if match is None else (match["who"].strip(), _PART.sub("", match["what"]).strip())


def is_harmless(what: str, *, started: bool) -> bool:
    """Whether a complaint is about nothing that a frame could lack; ``started``: a frame has come out."""
    if _LEAD_OUT.search(what) or _NO_PIXELS.search(what):
        return True
    return not started and _LEAD_IN.search(what) is not None


def size_without_picture(what: str) -> int | None:
    """The size of the packet in which a demuxer misses a picture; None where it complains of something else.

    That is damage, unless the packet consists of delimiters and parameters: then none is missing.
    """
    match = _WITHOUT_PICTURE.search(what)
    return None if match is None else int(match[1])


def is_only_parameters(data: bytes, codec: str | None) -> bool:
    """Whether a packet of a raw h264 or HEVC stream is only delimiters, parameters and messages."""
    if codec not in ("h264", "hevc") or len(data) > SMALL or not data.startswith((b"\0\0\1", b"\0\0\0\1")):
        return False
    heads = [data[match.end() : match.end() + 1] for match in re.finditer(b"\0\0\1", data)]
    if not all(heads):
        return False
    if codec == "h264":
        return all(6 <= head[0] & 31 <= 12 for head in heads)
    return all(32 <= head[0] >> 1 & 63 <= _LAST_PARAMETER for head in heads)
