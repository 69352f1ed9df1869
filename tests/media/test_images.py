"""Images: the stored pixels of every suffix as 8-bit RGB, and refusal of everything else."""

import struct
import zlib
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lightly_assets.format.names.suffixes import IMAGE_SUFFIXES
from lightly_assets.media import Limits, MediaError, probe, read_image
from lightly_assets.media.images import SixteenBit


def pattern(width: int = 37, height: int = 23) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 9 % 256, columns * 7 % 256, (rows + columns) * 5 % 256], 2).astype(np.uint8)


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_suffix_is_read(tmp_path: Path, suffix: str) -> None:
    image = pattern()
    path = tmp_path / f"a.{suffix.upper()}"
    kind = {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF", "tiff": "TIFF"}.get(suffix, suffix.upper())
    Image.fromarray(image).save(path, kind)
    picture = read_image(path)
    assert (picture.width, picture.height, picture.orientation) == (37, 23, 1)
    assert picture.image.shape == (23, 37, 3)
    assert picture.image.dtype == np.uint8
    assert picture.image.flags.c_contiguous and picture.image.flags.writeable
    assert np.array_equal(picture.image, np.asarray(Image.open(path).convert("RGB")))
    if kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(picture.image, image)


def test_the_content_decides_and_not_the_suffix(tmp_path: Path) -> None:
    Image.fromarray(pattern()).save(tmp_path / "a.jpg", "PNG")
    assert np.array_equal(read_image(tmp_path / "a.jpg").image, pattern())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_orientation_is_told_and_not_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pattern()).save(tmp_path / f"a.{suffix}", exif=exif)
    picture = read_image(tmp_path / f"a.{suffix}")
    assert (picture.orientation, picture.width, picture.height) == (orientation, 37, 23)
    if suffix != "jpg":
        assert np.array_equal(picture.image, pattern())


def test_a_senseless_orientation_counts_as_none(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    Image.fromarray(pattern()).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").orientation == 1


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_keeps_its_high_byte(tmp_path: Path, suffix: str) -> None:
    deep = (np.arange(37 * 23, dtype=np.uint32) * 76).astype(np.uint16).reshape(23, 37)
    Image.fromarray(deep).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}").image
    assert all(np.array_equal(image[:, :, channel], deep >> 8) for channel in range(3))


def test_16_bit_rgb_keeps_its_high_byte(tmp_path: Path) -> None:
    deep = pattern().astype(np.uint16) * 256 + 200
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    (tmp_path / "a.png").write_bytes(png(37, 23, rows, depth=16))
    assert np.array_equal(read_image(tmp_path / "a.png").image, pattern())


def test_palette_grey_black_and_white_and_alpha_become_rgb(tmp_path: Path) -> None:
    image = pattern()
    grey = image[:, :, 0]
    Image.fromarray(image).quantize(16).save(tmp_path / "palette.png")
    Image.fromarray(image).quantize(16).save(tmp_path / "transparent.png", transparency=3)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey > 99).save(tmp_path / "bits.png")
    Image.fromarray(np.dstack([image, grey])).save(tmp_path / "alpha.png")
    Image.fromarray(np.dstack([grey, grey])).save(tmp_path / "grey_alpha.png")
    palette = np.asarray(Image.fromarray(image).quantize(16).convert("RGB"))
    expected = {
        "palette": palette,
        "transparent": palette,
        "grey": np.dstack([grey] * 3),
        "bits": np.dstack([(grey > 99).astype(np.uint8) * 255] * 3),
        "alpha": image,
        "grey_alpha": np.dstack([grey] * 3),
    }
    for name, pixels in expected.items():
        assert np.array_equal(read_image(tmp_path / f"{name}.png").image, pixels), name


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_becomes_rgb(tmp_path: Path, suffix: str) -> None:
    cmyk = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    cmyk.save(tmp_path / f"a.{suffix}")
    red, green, blue = read_image(tmp_path / f"a.{suffix}").image[8, 8]
    assert red < 10 and green > 245 and blue > 245


def test_of_animations_and_pages_the_first_is_taken(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (20, 10), colour) for colour in ("red", "green", "blue")]
    for name in ("a.gif", "a.png", "a.tif"):
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
        assert (read_image(tmp_path / name).image == (255, 0, 0)).all()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif"])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(MediaError, match=f"a.{suffix}': cannot be read as an image"):
        read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_files_are_refused_or_read_but_never_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "a"
    for suffix in ("PNG", "JPEG", "GIF", "BMP", "TIFF"):
        Image.fromarray(pattern()).save(path, suffix)
        sound = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(50):
            data = sound.copy()
            data[random.integers(0, len(data), 4)] = random.integers(0, 256, 4)
            path.write_bytes(data.tobytes())
            try:
                picture = read_image(path, limits=Limits(max_pixels=1 << 20))
            except MediaError:
                continue
            assert picture.image.shape == (picture.height, picture.width, 3)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bombs_are_refused_before_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(65_535, 65_535, bytes(1000)))
    (tmp_path / "large.png").write_bytes(png(12_000, 12_000, bytes(1000)))
    with pytest.raises(MediaError, match="has more pixels than Pillow reads"):
        read_image(tmp_path / "bomb.png")
    with pytest.raises(MediaError, match="is 12000 x 12000, more than 134217728 pixels"):
        read_image(tmp_path / "large.png")


def test_32_bit_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(MediaError, match="has 32-bit pixels"):
        read_image(tmp_path / "a.tif")


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    Image.new("RGB", (4, 4)).save(tmp_path / "other.png", "WEBP")
    for name in ("text.png", "folder.png", "script.png", "other.png", "missing.png"):
        with pytest.raises(MediaError, match=name):
            read_image(tmp_path / name)


def png(width: int, height: int, rows: bytes, depth: int = 8) -> bytes:
    """An RGB PNG file, by the letter of its specification."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", width, height, depth, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _twelve_bit_tiff(path: Path, values: NDArray[np.uint16]) -> None:
    """A TIFF file with 12 bits a pixel: two pixels in three bytes, an even number in a row."""
    height, width = values.shape
    first, second = values[:, 0::2].astype(int), values[:, 1::2].astype(int)
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=2).astype(np.uint8)
    entries = {
        256: width,
        257: height,
        258: 12,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: height,
        279: packed.size,
    }
    data = packed.tobytes()
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    directory = struct.pack("<H", len(entries)) + body + struct.pack("<I", 0)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory)


def test_twelve_bits_are_not_dark(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    _twelve_bit_tiff(tmp_path / "a.tif", values)
    image = read_image(tmp_path / "a.tif").image
    assert np.array_equal(image[..., 0], values >> 4)
    assert image.max() == 255


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_sixteen_bits(tmp_path: Path, suffix: str) -> None:
    thermal = np.linspace(7000, 8500, 64 * 48).astype(np.uint16).reshape(48, 64)
    path = tmp_path / f"thermal.{suffix}"
    Image.fromarray(thermal).save(path)
    high = read_image(path).image[..., 0]
    scaled = read_image(path, sixteen_bit="scale").image[..., 0]
    stretched = read_image(path, sixteen_bit="minmax").image[..., 0]
    assert np.array_equal(high, thermal >> 8)
    assert np.array_equal(scaled, np.round(thermal / 8500 * 255).astype(np.uint8))
    assert len(np.unique(high)) == 7
    assert len(np.unique(stretched)) == 256
    assert (int(stretched[0, 0]), int(stretched[-1, -1])) == (0, 255)
    flat = tmp_path / f"flat.{suffix}"
    Image.fromarray(np.full((4, 4), 900, np.uint16)).save(flat)
    assert read_image(flat, sixteen_bit="minmax").image.max() == 0
    assert read_image(flat, sixteen_bit="scale").image.min() == 255


@pytest.mark.parametrize("how", ["high-byte", "scale", "minmax"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colours_of_sixteen_bits_are_their_high_bytes(tmp_path: Path, suffix: str, how: SixteenBit) -> None:
    colours = np.random.default_rng(1).integers(200, 9000, (23, 37, 3), dtype=np.uint16)
    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), colours)
    other = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert other is not None and other.dtype == np.uint16
    assert np.array_equal(read_image(path, sixteen_bit=how).image, other[:, :, ::-1] >> 8)


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_transparent_pixels_of_sixteen_bits_are_their_high_bytes(
    tmp_path: Path, colour_type: int, channels: int
) -> None:
    values = np.random.default_rng(2).integers(0, 1 << 16, (5, 7, channels), dtype=np.uint16)
    header = struct.pack(">IIBBBBB", 7, 5, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path = tmp_path / "a.png"
    path.write_bytes(data)
    shown = values[..., :1] if channels == 2 else values[..., :3]
    for how in get_args(SixteenBit):
        image = read_image(path, sixteen_bit=how).image
        assert np.array_equal(image, np.broadcast_to(shown >> 8, (5, 7, 3)))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("WEBP", "a WebP image"),
        ("AVIF", "an AVIF image"),
        ("JPEG2000", "a JPEG 2000 image"),
        ("PDF", "a PDF"),
    ],
)
def test_what_is_no_image_of_ours_is_named(tmp_path: Path, kind: str, name: str) -> None:
    Image.fromarray(pattern()).save(tmp_path / "a.jpg", kind)
    with pytest.raises(MediaError, match=f"is {name}.*PNG, JPEG, BMP, GIF and TIFF are read"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b".RMF\0\0\0\x12", "is a RealMedia file, of which nothing is decoded here; convert it to MP4"),
        (bytes.fromhex("b7d800203749da11a64e0007e95ead8d"), "is a Windows TV recording"),
        (b"GIF89a" + bytes(30), "is a GIF image, no video; give it the suffix of its kind"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "is a PNG image, no video"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, head: bytes, words: str) -> None:
    (tmp_path / "a.mp4").write_bytes(head + bytes(2000))
    (error,) = probe(tmp_path / "a.mp4").errors
    assert error.startswith(words)
