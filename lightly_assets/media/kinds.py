"""What a file is by its first bytes, whatever its name says: for sentences about files that are not read."""

import os
import re

HEAD_BYTES = 512
"""As much of the beginning as is needed."""

IMAGES = "PNG, JPEG, BMP, GIF and TIFF are read"

# A name for people, and how such files begin. Those that we read are here too: a name can be wrong.
_KINDS: tuple[tuple[str, bytes], ...] = (
    ("a Git LFS pointer instead of the file ('git lfs pull' fetches it)", rb"version https://git-lfs"),
    ("a WebP image", rb"RIFF....WEBP"),
    ("an AVIF image", rb"....ftyp(?:avif|avis)"),
    ("a HEIC image", rb"....ftyp(?:hei[cmsx]|hev[cx]|mif1|msf1)"),
    ("a JPEG 2000 image", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    ("a JPEG XL image", rb"\xff\x0a|\0\0\0\x0cJXL "),
    ("a PNG image", rb"\x89PNG\r\n"),
    ("a JPEG image", rb"\xff\xd8\xff"),
    ("a GIF image", rb"GIF8[79]a"),
    ("a BMP image", rb"BM.{4}\0\0\0\0"),
    ("a TIFF image", rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
    ("a Photoshop image", rb"8BPS"),
    ("an OpenEXR image", rb"\x76\x2f\x31\x01"),
    ("a DICOM image", rb".{128}DICM"),
    ("a Netpbm image", rb"P[1-7][\s]"),
    ("an SVG image", rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<svg"),
    ("an HTML page", rb"\s*<(?:!doctype html|html|head)"),
    ("a PDF document", rb"%PDF-"),
    ("a NumPy array", rb"\x93NUMPY"),
    ("an HDF5 file", rb"\x89HDF\r\n"),
    ("a zip archive", rb"PK\x03\x04"),
    ("a gzip archive", rb"\x1f\x8b"),
    ("an MP4 or QuickTime video", rb"....(?:ftyp|moov|mdat|wide)"),
    ("an AVI video", rb"RIFF....AVI "),
    ("a WAV sound", rb"RIFF....WAVE"),
    ("a Matroska or WebM video", rb"\x1a\x45\xdf\xa3"),
    ("a Flash video (FLV)", rb"FLV\x01"),
    ("a Windows Media file (ASF)", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ("a Windows TV recording (WTV)", rb"\xb7\xd8\x00\x20\x37\x49\xda\x11"),
    ("a RealMedia file", rb"\.RMF|\.ra\xfd"),
    ("a PVA recording", rb"AV[\x01\x02].\x55"),
    ("a 4X Technologies movie (4XM)", rb"RIFF....4XMV"),
    ("an Ogg file", rb"OggS"),
    ("an MXF file", rb"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02"),
    ("a NUT file", rb"nut/multimedia"),
    ("a Y4M video", rb"YUV4MPEG2"),
    ("an MP3 sound", rb"ID3|\xff\xfb"),
    ("a FLAC sound", rb"fLaC"),
)
_COMPILED = tuple((name, re.compile(pattern, re.DOTALL | re.IGNORECASE)) for name, pattern in _KINDS)


def kind_of(head: bytes) -> str | None:
    """What begins like this, such as ``a WebP image``; None where nobody knows."""
    return next((name for name, pattern in _COMPILED if pattern.match(head)), None)


def kind_of_file(path: str | os.PathLike[str]) -> str | None:
    """The same for a file; None also where it cannot be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return kind_of(file.read(HEAD_BYTES))
    except (OSError, ValueError):
        return None


def is_image(kind: str | None) -> bool:
    """Whether a kind is one of images."""
    return kind is not None and kind.endswith("image")
