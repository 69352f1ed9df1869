"""CVAT's XML: as its server and datumaro write it, and what must not be believed."""

from pathlib import Path

import numpy as np
import pytest

from lightly_assets.labels.errors import LabelsError
from tests.labels.reading import by_image, read, write

META = """<meta><task><id>7</id><name>drive</name><size>{size}</size><mode>interpolation</mode>
<start_frame>{start}</start_frame><stop_frame>{stop}</stop_frame><frame_filter>{filter}</frame_filter>
<labels><label><name>person</name><color>#c06060</color><type>any</type></label><label><name>car</name></label>
<label><name>hand</name><type>skeleton</type></label>
<label><name>wrist</name><type>points</type><parent>hand</parent></label>
<label><name>thumb</name><type>points</type><parent>hand</parent></label></labels>
<original_size><width>160</width><height>120</height></original_size></task><dumped>x</dumped>
<source>drive 1.mp4</source></meta>"""
BOX = (
    '<box frame="{0}" keyframe="1" outside="{1}" occluded="0" xtl="{2}" ytl="10.00" xbr="{3}" ybr="30.00" '
    'z_order="0"{4}></box>'
)
IMAGE = '<image name="a.png">{}</image>'


def xml(*parts: str, size: int = 20, start: int = 0, stop: int = 19, filter: str = "") -> str:
    meta = META.format(size=size, start=start, stop=stop, filter=filter)
    body = f"<annotations><version>1.1</version>{meta}{''.join(parts)}</annotations>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}'


def box(frame: int, left: float, *, outside: bool = False, rotation: float = 0) -> str:
    turned = f' rotation="{rotation:.2f}"' if rotation else ""
    return BOX.format(frame, int(outside), left, left + 20, turned)


def track(*shapes: str, label: str = "person") -> str:
    return f'<track id="0" label="{label}" source="manual">{"".join(shapes)}</track>'


def lefts(tmp_path: Path, text: str, frames: int, interpolate: str = "linear") -> list[float | None]:
    """Where the only object's box begins in each frame; None where it is not there."""
    (video,) = read(write(tmp_path, {"annotations.xml": text}), "cvat").videos
    found = [video.labels(frame, interpolate) for frame in range(frames)]  # type: ignore[arg-type]
    return [one[0].box[0] if one and one[0].box else None for one in found]


def test_frames_between_key_frames_move_and_an_object_stays_until_it_leaves(tmp_path: Path) -> None:
    text = xml(track(box(2, 0), box(6, 8), box(8, 8, outside=True), box(10, 50)), stop=12)
    assert lefts(tmp_path, text, 13) == [
        *(None, None, 0, 2, 4, 6, 8, 8, None, None, 50, 50, 50)
    ]  # fmt: skip
    assert lefts(tmp_path, text, 13, "none")[:8] == [None, None, 0, None, None, None, 8, None]


def test_a_server_that_writes_every_frame_is_taken_at_its_word(tmp_path: Path) -> None:
    shapes = [
        box(frame, frame**2).replace('keyframe="1"', f'keyframe="{int(frame in (0, 4))}"')
        for frame in range(5)
    ]
    assert lefts(tmp_path, xml(track(*shapes, box(5, 16, outside=True))), 7) == [0, 1, 4, 9, 16, None, None]


@pytest.mark.parametrize(
    ("frame", "dumped", "expected"),
    [(8, True, [8]), (8, False, [8, 9]), (7, True, [7, 8, 9]), (9, True, [9])],
)
def test_a_shape_of_the_last_frame_but_one(
    frame: int, dumped: bool, expected: list[int], tmp_path: Path
) -> None:
    """CVAT's server writes a single shape as a track, with an end unless that is the last frame."""
    text = xml(track(box(frame, 1)), stop=9, size=10)
    found = lefts(tmp_path, text if dumped else text.replace("<dumped>x</dumped>", ""), 10)
    assert [number for number, left in enumerate(found) if left is not None] == expected


def test_only_the_frames_of_the_task_are_listed(tmp_path: Path) -> None:
    text = xml(track(box(10, 0), box(20, 10)), size=3, start=10, stop=20, filter="step=5")
    (video,) = read(write(tmp_path, {"annotations.xml": text}), "cvat").videos
    assert [frame for frame in range(30) if video.is_listed(frame)] == [10, 15, 20]
    assert video.labels(15, "linear")[0].box == (5, 10, 25, 30)
    assert video.names == ("drive 1.mp4", "drive") and video.size == (160, 120)


def test_the_number_of_frames_is_no_last_frame(tmp_path: Path) -> None:
    text = xml(track(box(0, 0)), size=20, stop=20)  # as datumaro 1.13.12 writes it
    (video,) = read(write(tmp_path, {"annotations.xml": text}), "cvat").videos
    assert video.listed == range(20)


@pytest.mark.parametrize(("start", "end", "middle"), [(350, 10, 0), (10, 350, 0), (0, 90, 45), (90, 0, 45)])
def test_boxes_turn_the_shorter_way(start: float, end: float, middle: float, tmp_path: Path) -> None:
    text = xml(track(box(0, 0, rotation=start), box(2, 0, rotation=end)))
    (video,) = read(write(tmp_path, {"annotations.xml": text}), "cvat").videos
    assert video.labels(1, "linear")[0].degrees % 360 == middle


def test_a_turned_box_is_turned_about_its_middle_clockwise(tmp_path: Path) -> None:
    text = xml(
        '<image id="0" name="a.png" width="80" height="60"><box label="car" source="manual" occluded="0" '
        'xtl="10" ytl="20" xbr="50" ybr="30" rotation="90.00" z_order="0"></box></image>'
    )
    (label,) = by_image(read(write(tmp_path, {"annotations.xml": text})))["a.png"]
    assert label.shape == "turned box"
    # The first corner, top left, is at the top right after a quarter turn clockwise.
    assert np.allclose(label.outline, (35, 5, 35, 45, 25, 45, 25, 5))


def polygons(tmp_path: Path, one: str, other: str) -> list[float]:
    shape = '<polygon frame="{}" outside="0" keyframe="1" occluded="0" points="{}" z_order="0"></polygon>'
    text = xml(track(shape.format(0, one), shape.format(4, other)))
    (video,) = read(write(tmp_path, {"annotations.xml": text}), "cvat").videos
    return list(video.labels(2, "linear")[0].polygons[0])


def test_outlines_of_as_many_points_move_point_by_point(tmp_path: Path) -> None:
    found = polygons(tmp_path, "0,0;10,0;10,10;0,10", "20,0;30,0;30,10;20,10")
    assert found == [10, 0, 20, 0, 20, 10, 10, 10]


def test_an_outline_may_get_more_points_on_the_way(tmp_path: Path) -> None:
    # The point in the middle of the upper side is where nothing was before: the outline is the same square.
    found = np.reshape(polygons(tmp_path, "0,0;10,0;10,10;0,10", "0,0;5,0;10,0;10,10;0,10"), (-1, 2))
    assert found.min() >= 0 and found.max() <= 10
    assert {tuple(point) for point in found.tolist()} >= {(10, 10), (0, 10)}


def test_images_with_all_their_shapes(tmp_path: Path) -> None:
    text = xml(
        '<image id="0" name="sub/a.png" width="8" height="6">'
        '<polygon label="car" points="1.00,1.00;4.00,1.00;4.00,4.00"></polygon>'
        '<points label="person" occluded="1" points="1.00,2.00;3.00,4.00"></points>'
        '<mask label="car" rle="1, 2, 1, 2" left="3" top="2" width="3" height="2"></mask>'
        '<ellipse label="car" cx="4" cy="3" rx="2" ry="1"></ellipse>'
        '<polyline label="car" points="0,0;1,1"></polyline><cuboid label="car" xtl1="0"></cuboid>'
        '<tag label="person"></tag>'
        '<skeleton label="hand"><points label="thumb" outside="0" occluded="0" points="5,5"></points>'
        '<points label="wrist" outside="1" occluded="0" points="2,2"></points></skeleton></image>'
        '<image id="1" name="b.png" width="8" height="6"></image>'
    )
    labels = read(write(tmp_path, {"annotations.xml": text}))
    found = by_image(labels)
    assert labels.names == {0: "person", 1: "car", 2: "hand"}
    assert found["b.png"] == []
    polygon, points, mask, ellipse, tag, hand = found["sub/a.png"]
    assert polygon.polygons == ((1, 1, 4, 1, 4, 4),)
    assert points.keypoints == (1, 2, 0.5, 3, 4, 0.5)
    assert mask.mask is not None and mask.mask.pixels.tolist() == [[False, True, True], [False, True, True]]
    assert (mask.mask.left, mask.mask.top) == (3, 2)
    assert (
        ellipse.is_ellipse and ellipse.box == (2, 2, 6, 4) and max(ellipse.outline[::2]) == pytest.approx(6)
    )
    assert tag.shape == "class"
    assert hand.keypoints == (2, 2, 0, 5, 5, 1)  # in the order of the label, not of the file
    assert {why: one.count for why, one in labels.dropped.items()} == {
        "that are lines": 1,
        "that are cuboids": 1,
    }


def test_a_point_alone_moves_and_several_points_stay(tmp_path: Path) -> None:
    shape = '<points frame="{}" outside="0" occluded="0" keyframe="1" points="{}"></points>'
    one = track(shape.format(0, "0,0"), shape.format(2, "4,8"))
    two = track(shape.format(0, "0,0;1,1"), shape.format(2, "4,8;5,9"))
    (video,) = read(write(tmp_path, {"annotations.xml": xml(one, two)})).videos
    assert [label.keypoints for label in video.labels(1, "linear")] == [(2, 4, 1), (0, 0, 1, 1, 1, 1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations/>', "document type"),
        ("<annotations><image>", "cannot be read as XML"),
        ("<annotations>" + "<a>" * 100, "64 levels"),
        ("<annotations></annotations>", "neither images nor tracks"),
        (xml("<image id='0' width='1'></image>"), "has no name"),
        (xml(track(box(3, 0), box(3, 0))), "frame 3 comes after frame 3"),
        (xml(track(box(0, 0).replace('xtl="0"', 'xtl="nan"'))), "xtl is 'nan'"),
        (xml(track(box(0, 0).replace('frame="0"', 'frame="1.5"'))), "frame is '1.5'"),
        (
            xml(IMAGE.format('<mask label="car" rle="5" left="0" top="0" width="2" height="2"/>')),
            "add up",
        ),
        (xml('<image name="a.png"><polygon label="car" points="1;2"/></image>'), "x,y;x,y"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=words) as error:
        read(write(tmp_path, {"annotations.xml": text}), "cvat")
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("0.5", 0.5),
        ("high", None),
        ("", None),
        ("87", ...),
        ("-1", ...),
        ("0_1", ...),
        ("0,85", ...),
        ("85%", ...),
    ],
)
def test_an_attribute_score_is_a_share(text: str, score: object, tmp_path: Path) -> None:
    shape = BOX.format(0, 0, 1, 21, ' label="person"').replace(
        "></box>", f'><attribute name="score">{text}</attribute></box>'
    )
    path = write(tmp_path, {"x.xml": xml(IMAGE.format(shape))}) / "x.xml"
    if score is ...:
        with pytest.raises(LabelsError, match=rf"the attribute score is {text}; .*divide percentages by 100"):
            read(path)
    else:
        assert by_image(read(path))["a.png"][0].score == score
