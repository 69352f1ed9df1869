"""Names in label files against the inputs that they mean, the forms as tools write them."""

import pytest

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import FrameNumbers, frames_problem, is_numbered, number_in
from lightly_assets.labels.names import (
    NameRule,
    Names,
    NameSettings,
    advice,
    cleaned,
    match_all,
    original_name,
    parse_renames,
)

KEYS = [
    "a.png",
    "sub/b c.jpg",
    "sub/000123.jpg",
    "x/twin.png",
    "y/twin.png",
    "clips/v.mp4",
    "w.MP4",
    "notes.txt",
]


def find(name: str, rule: NameRule = "exact", **settings: object) -> object:
    match = Names(KEYS, NameSettings(rule, **settings)).find([name])  # type: ignore[arg-type]
    return match.candidates or match.frame


@pytest.mark.parametrize(
    ("name", "rule", "frame"),
    [
        ("a.png", "exact", ("a.png", None)),
        ("./a.png", "exact", ("a.png", None)),
        ("sub\\b c.jpg", "exact", ("sub/b c.jpg", None)),
        (".\\sub\\b%20c.jpg", "exact", ("sub/b c.jpg", None)),
        ("http://example.org/val/a.png", "exact", ("a.png", None)),
        ("s3://bucket/input/sub/b%20c.jpg", "exact", ("sub/b c.jpg", None)),
        ("/home/me/input/sub/b c.jpg", "exact", ("sub/b c.jpg", None)),
        ("C:\\data\\sub\\b c.jpg", "exact", ("sub/b c.jpg", None)),
        ("/data/local-files/?d=input/sub/b%20c.jpg", "exact", ("sub/b c.jpg", None)),
        ("https://host/a.png?token=1#x", "exact", ("a.png", None)),
        ("b c.jpg", "exact", None),
        ("b c.jpg", "suffix", ("sub/b c.jpg", None)),
        ("input/a.png", "suffix", ("a.png", None)),
        ("c.jpg", "suffix", None),  # not the end of a name: a whole name or folder
        ("000123", "suffix", None),
        ("000123", "stem", ("sub/000123.jpg", None)),
        ("a.jpg", "stem", ("a.png", None)),
        ("A.png", "stem", None),  # names that differ by case are two files
        ("twin.png", "suffix", ("x/twin.png", "y/twin.png")),
        ("/abs/twin.png", "exact", None),
        ("s3://bucket/twin.png", "exact", None),
        ("s3://bucket/twin.png", "suffix", ("x/twin.png", "y/twin.png")),
        ("/abs/x/twin.png", "exact", ("x/twin.png", None)),
        ("clips/v-07-mp4.png", "exact", ("clips/v.mp4", 7)),
        ("clips/v-0007-mp4.png", "exact", ("clips/v.mp4", 7)),
        ("/abs/clips/v-07-mp4.png", "exact", ("clips/v.mp4", 7)),
        ("v-07-mp4.png", "suffix", ("clips/v.mp4", 7)),
        ("w-3-MP4.png", "exact", ("w.MP4", 3)),
        ("w-3-mp4.png", "exact", None),
        ("clips/v.mp4/frame_000002.PNG", "exact", ("clips/v.mp4", 2)),
        ("clips/v/000002.jpg", "exact", ("clips/v.mp4", 2)),
        ("frame_000002.PNG", "exact", None),
        ("notes.txt", "exact", None),
        ("", "stem", None),
    ],
)
def test_what_a_name_means(name: str, rule: NameRule, frame: object) -> None:
    assert find(name, rule) == frame


def test_a_prefix_is_taken_off() -> None:
    assert find("datasets/one/a.png", strip="datasets/one/") == ("a.png", None)
    assert find("datasets/one/a.png", strip="datasets/one") == ("a.png", None)
    assert find("file:///datasets/one/sub/b%20c.jpg", strip="/datasets/one") == ("sub/b c.jpg", None)
    assert find("a.png", strip="datasets/") == ("a.png", None)


def test_renames_go_before_everything() -> None:
    assert find("a.png", renames={"a.png": "sub/b c.jpg"}) == ("sub/b c.jpg", None)
    assert find("x", renames={"x": "clips/v-1-mp4.png"}) == ("clips/v.mp4", 1)
    with pytest.raises(LabelsError, match=r"lead 'x' to 'gone\.png', which is not in the input"):
        find("x", renames={"x": "gone.png"})


def test_frames_with_only_a_number() -> None:
    assert find("frame_000002.PNG", video="clips/v.mp4") == ("clips/v.mp4", 2)
    numbers = FrameNumbers(first=1, step=5, start=10)
    assert find("frame_000003.PNG", video="clips/v.mp4", numbers=numbers) == ("clips/v.mp4", 20)
    with pytest.raises(LabelsError, match="frame number 0 is before the first, 1"):
        find("frame_000000.PNG", video="clips/v.mp4", numbers=numbers)
    with pytest.raises(
        LabelsError, match=r"'v\.mp4' is not in the input; its videos are 'clips/v\.mp4', 'w\.MP4'"
    ):
        find("1.png", video="v.mp4")


def test_other_names_of_an_image() -> None:
    names = Names(["b.jpg", "a_b.jpg"])
    roboflow = "a_b_jpg.rf.0123456789abcdef0123456789abcdef.jpg"
    assert original_name(roboflow) == "a_b.jpg"
    assert original_name("train/" + roboflow) == "train/a_b.jpg"
    assert original_name("a_b.jpg") is None
    match = names.find([roboflow, "b.jpg"])
    assert match.frame == ("b.jpg", None) and match.loose


def test_all_images_of_a_file() -> None:
    matching = match_all([["a.png"], ["./sub/b c.jpg"], ["gone.png"]], Names(KEYS))
    assert matching.frames == [("a.png", None), ("sub/b c.jpg", None), None]
    assert (matching.loose, matching.unknown) == ([1], [2])
    with pytest.raises(LabelsError, match=r"'a\.png' and '\./a\.png' both lead to 'a\.png'"):
        match_all([["a.png"], ["./a.png"]], Names(KEYS))
    with pytest.raises(
        LabelsError, match=r"'v-1-mp4\.png' and 'v-01-mp4\.png' both lead to frame 1 of 'v\.mp4'"
    ):
        match_all([["v-1-mp4.png"], ["v-01-mp4.png"]], Names(["v.mp4"]))
    with pytest.raises(LabelsError, match=r"'twin\.png' could be 'x/twin\.png', 'y/twin\.png' of the input"):
        match_all([["twin.png"]], Names(KEYS, NameSettings("suffix")))


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        (["b c.jpg", "gone.png"], "--names suffix finds 1 of 2"),
        (["000123"], "--names stem finds 1 of 1"),
        (["twin.png"], r"could be 'x/twin\.png', 'y/twin\.png'"),
        (["frame_000001.PNG"], r"--video clips/v\.mp4"),
        (["gone.png"], "--strip PREFIX"),
        (["A.PNG"], "'a.png' differs from 'A.PNG' in upper and lower case only"),
    ],
)
def test_advice_was_tried(listed: list[str], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(advice([[name] for name in listed], KEYS, NameSettings()))


def test_numbers_in_names() -> None:
    assert [number_in(name) for name in ("frame_000012.PNG", "a/b-7.jpg", "none.png", "v2/x.png")] == [
        12,
        7,
        None,
        None,
    ]
    assert [is_numbered(name) for name in ("frame_1.PNG", "x/0001.jpg", "cam1_0001.jpg")] == [
        True,
        True,
        False,
    ]


def test_labels_beyond_the_end_name_the_offset() -> None:
    assert frames_problem(range(25), 25, "v.mp4", file="f.json") is None
    one_late = frames_problem(range(1, 26), 25, "v.mp4", file="f.json")
    assert one_late is not None and "lists frame 25 of 'v.mp4', which has 25 frames, 0 to 24" in one_late
    assert "probably count from 1: --first-frame 1" in one_late
    absolute = frames_problem(range(100, 110), 10, "v.mp4", file="f.json")
    assert absolute is not None and "--first-frame 100" in absolute
    other = frames_problem([0, 40], 25, "v.mp4", file="f.json")
    assert other is not None and "another video" in other


def test_renames_as_csv() -> None:
    assert parse_renames('x.png,"a,b.png"\n\ny.png,c.png\n', "r.csv") == {
        "x.png": "a,b.png",
        "y.png": "c.png",
    }
    with pytest.raises(LabelsError, match=r"r\.csv, line 1: has 1 columns; it must have two"):
        parse_renames("x.png\n", "r.csv")
    with pytest.raises(LabelsError, match=r"r\.csv, line 2: 'x' stands for 'a' already"):
        parse_renames("x,a\nx,b\n", "r.csv")


def test_cleaned_names_keep_what_is_no_form() -> None:
    assert cleaned("100%.png") == "100%.png"
    assert cleaned("a?b#c.png") == "a?b#c.png"
    assert cleaned("../a.png") == "../a.png"


NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("name", "rule", "frame"),
    [
        (f"sub/{NFC}.jpg", "exact", (f"sub/{NFD}.jpg", None)),
        (f"https://host/{NFC}.jpg", "exact", None),
        ("https://host/sub/caf%C3%A9.jpg", "exact", (f"sub/{NFD}.jpg", None)),
        (f"{NFC}.jpg", "suffix", (f"sub/{NFD}.jpg", None)),
        (f"{NFC}", "stem", (f"sub/{NFD}.jpg", None)),
        (f"{NFD}-03-mp4.png", "exact", (f"{NFC}.mp4", 3)),
        (f"{NFC}.jpg", "exact", None),
    ],
)
def test_the_same_letters_written_otherwise(name: str, rule: NameRule, frame: object) -> None:
    """macOS takes é apart."""
    match = Names([f"sub/{NFD}.jpg", f"{NFC}.mp4", "a.png"], NameSettings(rule)).find([name])
    assert (match.frame, match.loose) == (frame, frame is not None)


def test_of_two_files_that_look_the_same_the_name_itself_decides() -> None:
    names = Names([f"{NFC}é.jpg", f"{NFD}e\u0301.jpg"])
    assert names.find([f"{NFD}e\u0301.jpg"]).frame == (f"{NFD}e\u0301.jpg", None)
    assert len(names.find([f"{NFC}e\u0301.jpg"]).candidates) == 2
