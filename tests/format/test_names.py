"""Names in both directions and collisions, against the page's own examples and script."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightly_assets.format.names.collisions import find_collisions
from lightly_assets.format.names.frame_names import frame_name, parse_frame_name, prediction_path
from lightly_assets.format.names.keys import validate_key
from lightly_assets.format.names.suffixes import VIDEO_SUFFIXES, input_kind

SEGMENT = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\"), min_size=1, max_size=12
)
SEGMENTS = st.lists(SEGMENT.filter(lambda text: text not in (".", "..")), min_size=1, max_size=4)
SUFFIX = st.sampled_from(sorted(VIDEO_SUFFIXES)).flatmap(lambda text: st.sampled_from([text, text.upper()]))


def frame_name_of_the_page(video: str, index: int, num_frames: int) -> str:
    """As the page's PyAV script names a frame."""
    path = Path(video)
    zero_padding = len(str(num_frames))
    return f"{path.with_suffix('')}-{index:0{zero_padding}}-{path.suffix[1:]}.png"


@pytest.mark.parametrize(
    ("video", "index", "num_frames", "expected"),
    [
        ("subdir/video_1.mp4", 99, 200, "subdir/video_1-099-mp4.png"),
        ("v.mp4", 99, 1000, "v-0099-mp4.png"),
        ("v.mp4", 8, 9, "v-8-mp4.png"),
        ("v.mp4", 9, 10, "v-09-mp4.png"),
        ("v.mp4", 98, 99, "v-98-mp4.png"),
        ("v.mp4", 99, 100, "v-099-mp4.png"),
        ("rot.MP4", 0, 50, "rot-00-MP4.png"),
        ("sub/x.y/my.vid eo.v1.mp4", 0, 10, "sub/x.y/my.vid eo.v1-00-mp4.png"),
        ("a-1-mp4.mov", 0, 1, "a-1-mp4-0-mov.png"),
    ],
)
def test_frame_name(video: str, index: int, num_frames: int, expected: str) -> None:
    assert frame_name(video, index, num_frames) == expected
    assert frame_name_of_the_page(video, index, num_frames) == expected


@given(SEGMENTS, SUFFIX, st.integers(1, 10**7), st.data())
def test_frame_names_can_be_taken_apart(
    segments: list[str], suffix: str, num_frames: int, data: st.DataObject
) -> None:
    video = "/".join(segments) + f".{suffix}"
    index = data.draw(st.integers(0, num_frames - 1))
    name = frame_name(video, index, num_frames)
    for written in (name, prediction_path("task", name).removeprefix("task/")):
        parsed = parse_frame_name(written)
        assert parsed is not None
        assert (parsed.video, parsed.index, parsed.width) == (video, index, len(str(num_frames)))


@pytest.mark.parametrize(
    "name",
    [
        "a.png",
        "a-00.png",
        "a-00-txt.png",
        "a-x-mp4.png",
        "-0-mp4.png",
        "s/-0-mp4.png",
        "a-٣-mp4.png",
        "a-1-mp4",
    ],
)
def test_other_names_are_no_frames(name: str) -> None:
    assert parse_frame_name(name) is None


@pytest.mark.parametrize(("index", "num_frames"), [(-1, 5), (5, 5), (0, 0)])
def test_frames_that_do_not_exist(index: int, num_frames: int) -> None:
    with pytest.raises(ValueError, match="so there is no frame"):
        frame_name("v.mp4", index, num_frames)


def test_only_videos_have_frames() -> None:
    with pytest.raises(ValueError, match="is not a video"):
        frame_name("a.png", 0, 1)


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("subdir/image_1.png", "t/subdir/image_1.json"),
        ("a.b.c.jpg", "t/a.b.c.json"),
        ("x.y/plain.png", "t/x.y/plain.json"),
        ("subdir/video_1-099-mp4.png", "t/subdir/video_1-099-mp4.json"),
    ],
)
def test_prediction_path(file_name: str, expected: str) -> None:
    assert prediction_path("t", file_name) == expected


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a.MP4", "video"),
        ("s/a.hevc", "video"),
        ("a.TIFF", "image"),
        ("a.gif", "image"),
        ("a.txt", None),
        ("mp4", None),
        (".mp4", None),
        ("s/.png", None),
        ("x.png/readme", None),
        (".lightly/thumbnails/a.png", None),
    ],
)
def test_input_kind(key: str, kind: str | None) -> None:
    assert input_kind(key) == kind


@pytest.mark.parametrize(
    ("keys", "involved"),
    [
        (["a.png", "a.jpg"], ["a.png", "a.jpg"]),
        (["s/a.png", "s/b.png", "s/a.JPEG"], ["s/a.png", "s/a.JPEG"]),
        (["schema.png"], ["schema.png"]),
        (["Schema.jpg"], ["Schema.jpg"]),
        (["schema.json/a.png"], ["schema.json/a.png"]),
        (["v-00-mp4.png", "v.mp4"], ["v.mp4", "v-00-mp4.png"]),
        (["v.mp4", "V-7-MP4.tif"], ["v.mp4", "V-7-MP4.tif"]),
        (["a.png", "A.png"], ["a.png", "A.png"]),
        (["a.mp4", "a.MP4"], ["a.mp4", "a.MP4"]),
        (["S/a.mp4", "s/a.mp4"], ["S/a.mp4", "s/a.mp4"]),
        (
            [unicodedata.normalize(form, "é.mov") for form in ("NFC", "NFD")],
            ["é.mov", unicodedata.normalize("NFD", "é.mov")],
        ),
        (["straße.png", "STRASSE.png"], ["straße.png", "STRASSE.png"]),
        (["x.png", "x.json/y.png"], ["x.png", "x.json/y.png"]),
    ],
)
def test_collisions(keys: list[str], involved: list[str]) -> None:
    (collision,) = find_collisions(keys)
    assert list(collision.inputs) == involved
    assert all(key in collision.message for key in involved)


def test_names_that_look_alike_are_told_apart() -> None:
    (collision,) = find_collisions([unicodedata.normalize(form, "é.mov") for form in ("NFC", "NFD")])
    assert r"(\xe9.mov), " in collision.message and r"(e\u0301.mov): " in collision.message


@pytest.mark.parametrize(
    "keys",
    [
        ["a.mp4", "a.mov"],
        ["a.mp4", "a.png"],
        ["s/schema.png"],
        ["schema.mp4"],
        ["v-00-mp4.png", "v.mov"],
        ["s/v-00-mp4.png", "v.mp4"],
        ["a.png", "a.txt"],
        ["a.png", "a.png"],
        ["a.png", ".lightly/a.jpg"],
        ["x.png", "x/y.png"],
    ],
)
def test_no_collisions(keys: list[str]) -> None:
    assert find_collisions(keys) == []


def test_frames_extracted_beside_their_video_are_one_collision() -> None:
    keys = ["v.mp4", *(frame_name("v.mp4", index, 500) for index in range(500))]
    (collision,) = find_collisions(keys)
    assert len(collision.inputs) == 501
    assert "and 498 more" in collision.message


@given(st.lists(st.sampled_from(["a", "A", "b", "v-0-mp4", "schema"]), max_size=5), st.data())
def test_names_without_collisions_never_share_a_file(stems: list[str], data: st.DataObject) -> None:
    keys = {f"{stem}.{data.draw(st.sampled_from(['png', 'jpg', 'mp4']))}" for stem in stems} | {"v.mp4"}
    if find_collisions(keys):
        return
    names = [frame_name(key, 0, 1) if input_kind(key) == "video" else key for key in keys]
    paths = {prediction_path("t", name).lower() for name in names}
    assert len(paths) == len(keys)
    assert "t/schema.json" not in paths


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "is empty"),
        ("../a.mp4", "'.' or '..'"),
        ("s/./a.mp4", "'.' or '..'"),
        ("/a.mp4", "starts with '/'"),
        ("a//b.mp4", "empty folder"),
        ("a/", "empty folder"),
        ("a\\b.mp4", "backslash"),
        ("a\0.mp4", "control character"),
        ("a\nb.mp4", "control character"),
        ("a\udcff.mp4", "not valid Unicode"),
    ],
)
def test_hostile_keys_are_refused(key: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        validate_key(key)


@pytest.mark.parametrize("key", ["a.mp4", "sub/x y/ü…#?%&+'\".mp4", "..a/b...mp4", "😀.png"])
def test_harmless_keys_pass(key: str) -> None:
    validate_key(key)
