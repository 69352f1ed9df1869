"""Label Studio's JSON, with regions as its editor and its own converters make them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.labelled import Label, Labels
from tests.labels.reading import by_image, read

# Two masks as label_studio_sdk 2.1.2 encodes them (converter.brush.mask2rle), 8×6 and 7×5 pixels.
BRUSH = [
    *(0, 0, 0, 192, 57, 27, 254, 39, 0, 191, 255, 124, 2, 63, 248, 192, 39, 255, 190, 1, 127, 255, 35, 128, 0)
]  # fmt: skip
NOISE = [
    *(0, 0, 0, 140, 57, 27, 252, 127, 246, 192, 48, 223, 252, 96, 17, 255, 198, 1, 31, 252, 96, 19),
    *(255, 223, 0, 183, 255, 24, 6, 19, 255, 156, 2, 127, 240),
]  # fmt: skip
MASK = ["00000000", "00111100", "00101100", "00111100", "00000000", "00000000"]
NOISY = ["1000111", "1111010", "1011000", "0111011", "1110011"]


def region(kind: str, value: dict[str, Any], *, id: str = "r", **more: Any) -> dict[str, Any]:
    return {"id": id, "type": kind, "value": value, "original_width": 200, "original_height": 100, **more}


def task(
    *regions: dict[str, Any], image: str = "/data/upload/1/0a1b2c3d-a.png", **more: Any
) -> dict[str, Any]:
    annotations = [{"id": 1, "was_cancelled": False, "result": list(regions), "updated_at": "2026-01-01"}]
    return {"id": 1, "data": {"image": image}, "annotations": annotations, **more}


def labels_of(tmp_path: Path, *tasks: dict[str, Any]) -> Labels:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    return read(path)


def only(tmp_path: Path, *regions: dict[str, Any]) -> Label:
    labels = labels_of(tmp_path, task(*regions))
    (found,) = [label for one in by_image(labels).values() for label in one]
    return found


def test_a_box_turns_about_its_first_corner(tmp_path: Path) -> None:
    value = {"x": 25, "y": 25, "width": 50, "height": 25, "rotation": 90, "rectanglelabels": ["car"]}
    label = only(tmp_path, region("rectanglelabels", value)).scaled(200, 100)
    xs, ys = label.outline[::2], label.outline[1::2]
    assert (min(xs), min(ys), max(xs), max(ys)) == pytest.approx((25, 25, 50, 125))
    assert label.category == "car"


def test_every_kind_of_region(tmp_path: Path) -> None:
    labels = labels_of(
        tmp_path,
        task(
            region("polygonlabels", {"points": [[0, 0], [50, 0], [50, 100]], "polygonlabels": ["a"]}, id="1"),
            region(
                "ellipselabels",
                {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "ellipselabels": ["b"]},
                id="2",
            ),
            region("keypointlabels", {"x": 10, "y": 20, "width": 1, "keypointlabels": ["c"]}, id="3"),
            region("choices", {"choices": ["rainy"]}, id="4"),
            # A shape and its label apart, as <Rectangle> with <Labels> makes them.
            region("rectangle", {"x": 0, "y": 0, "width": 10, "height": 10}, id="5", score=0.5),
            region("labels", {"x": 0, "y": 0, "width": 10, "height": 10, "labels": ["d"]}, id="5"),
            region("textarea", {"text": ["note"]}, id="6"),
            region("rectangle", {"x": 0, "y": 0, "width": 10, "height": 10}, id="7"),
            {"type": "relation", "from_id": "1", "to_id": "2", "direction": "right"},
        ),
    )
    (image,) = labels.images
    polygon, ellipse, point, choice, box = image.read()
    assert (
        image.names == ("/data/upload/1/0a1b2c3d-a.png", "a.png")
        and image.size == (200, 100)
        and image.shares
    )
    assert polygon.polygons == ((0, 0, 0.5, 0, 0.5, 1),)
    assert ellipse.is_ellipse and ellipse.box == pytest.approx((0.4, 0.3, 0.6, 0.7))
    assert point.keypoints == (0.1, 0.2, 1) and choice.shape == "class"
    assert (box.category, box.score) == ("d", 0.5)
    assert labels.dropped["without a label"].count >= 1


@pytest.mark.parametrize(("bits", "rows"), [(BRUSH, MASK), (NOISE, NOISY)])
def test_brushes_as_its_own_converter_encodes_them(bits: list[int], rows: list[str], tmp_path: Path) -> None:
    size = {"original_width": len(rows[0]), "original_height": len(rows)}
    label = only(tmp_path, region("brushlabels", {"format": "rle", "rle": bits, "brushlabels": ["a"]}) | size)
    assert label.mask is not None
    assert np.array_equal(label.mask.pixels, [[one == "1" for one in row] for row in rows])


def test_points_of_an_object_have_one_order(tmp_path: Path) -> None:
    def point(name: str, x: float, parent: str) -> dict[str, Any]:
        return region(
            "keypointlabels", {"x": x, "y": x, "keypointlabels": [name]}, id=name + parent, parentID=parent
        )

    def person(id: str) -> dict[str, Any]:
        value = {"x": 0, "y": 0, "width": 50, "height": 50, "rectanglelabels": ["person"]}
        return region("rectanglelabels", value, id=id)

    labels = labels_of(
        tmp_path,
        task(person("p"), point("nose", 10, "p"), point("knee", 20, "p")),
        task(point("knee", 40, "q"), person("q"), image="b.png"),
    )
    found = [label.keypoints for one in by_image(labels).values() for label in one]
    assert found == [(0.1, 0.1, 1, 0.2, 0.2, 1), (0, 0, 0, 0.4, 0.4, 1)]


def video(sequence: list[tuple[int, float, bool]], rate: float = 25, **more: Any) -> dict[str, Any]:
    keys = [
        {
            "frame": frame,
            "time": frame / rate,
            "enabled": enabled,
            "x": x,
            "y": 0,
            "width": 10,
            "height": 10,
            "rotation": 0,
        }
        for frame, x, enabled in sequence
    ]
    value = {"sequence": keys, "labels": ["car"], **more}
    return task({"id": "v", "type": "videorectangle", "value": value}, image="") | {
        "data": {"video": "s3://b/drive.mp4"}
    }


def test_a_region_of_a_video_moves_until_it_is_switched_off(tmp_path: Path) -> None:
    (found,) = labels_of(tmp_path, video([(1, 0, True), (5, 40, False), (8, 80, True)])).videos
    lefts = [
        [round(100 * one.box[0]) for one in found.labels(frame, "linear") if one.box]
        for frame in range(1, 11)
    ]
    # Switched off at frame 5 it is still there, but not behind; the last key frame lasts.
    assert lefts == [[0], [10], [20], [30], [40], [], [], [80], [80], [80]]
    assert found.names == ("s3://b/drive.mp4",) and found.rate == pytest.approx(25) and found.shares


@pytest.mark.parametrize(
    ("more", "rate"), [({"framesCount": 300, "duration": 10.0}, 30), ({"framesCount": 300}, None)]
)
def test_without_times_the_length_says_the_rate(
    more: dict[str, Any], rate: float | None, tmp_path: Path
) -> None:
    one = video([(1, 0, True)], **more)
    del one["annotations"][0]["result"][0]["value"]["sequence"][0]["time"]
    (found,) = labels_of(tmp_path, one).videos
    assert found.rate == rate


def test_who_looked_at_a_task_decides(tmp_path: Path) -> None:
    def annotation(name: str, **more: Any) -> dict[str, Any]:
        value = {"x": 0, "y": 0, "width": 10, "height": 10, "rectanglelabels": [name]}
        return {"result": [region("rectanglelabels", value)], **more}

    tasks = [
        {
            "data": {"image": "a.png"},
            "annotations": [annotation("old", updated_at="1"), annotation("new", updated_at="2")],
        },
        {
            "data": {"image": "b.png"},
            "annotations": [annotation("true", ground_truth=True), annotation("no", updated_at="9")],
        },
        {"data": {"image": "c.png"}, "annotations": [annotation("no", was_cancelled=True)]},
        {"data": {"image": "d.png"}, "annotations": [], "predictions": [annotation("model", score=0.25)]},
        {"data": {"image": "e.png"}, "annotations": [{"result": []}]},
    ]
    labels = labels_of(tmp_path, *tasks)
    found = {name: [(one.category, one.score) for one in labels] for name, labels in by_image(labels).items()}
    assert found == {
        "a.png": [("new", None)],
        "b.png": [("true", None)],
        "d.png": [("model", 0.25)],
        "e.png": [],
    }
    assert any("2 tasks have several" in note for note in labels.notes)


def shown(tag: str = "image", **more: Any) -> dict[str, Any]:
    value = {"x": 0, "y": 0, "width": 10, "height": 10, "rectanglelabels": ["a"]}
    return region("rectanglelabels", value, to_name=tag, **more)


def test_the_file_that_was_labelled_is_the_one_that_results_name(tmp_path: Path) -> None:
    data = {"thumbnail": "s3://bucket/small/t.png", "picture": "s3://bucket/a.png", "title": "t"}
    labels = labels_of(tmp_path, task(shown("picture"), data=data))
    assert labels.images[0].names == ("s3://bucket/a.png",)


def test_a_task_that_came_in_a_json_file(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, task(shown(), image="s3://bucket/a.png", file_upload="ce76113e-tasks.json"))
    assert labels.images[0].names == ("s3://bucket/a.png",)


@pytest.mark.parametrize("first", [True, False])
def test_choices_about_a_region_are_no_objects(first: bool, tmp_path: Path) -> None:
    """With perRegion, choices have the region's id and its place."""
    place = {"x": 0, "y": 0, "width": 10, "height": 10, "rotation": 0}
    parts = [shown(), region("choices", place | {"choices": ["hidden"]})]
    of_image = region("choices", {"choices": ["rainy"]}, id="other", to_name="image")
    labels = labels_of(tmp_path, task(*(parts if first else parts[::-1]), of_image))
    (found,) = by_image(labels).values()
    assert sorted((one.category, one.shape) for one in found) == [("a", "box"), ("rainy", "class")]
    assert labels.dropped["that are choices about a region"].count == 1


@pytest.mark.parametrize(("times", "words"), [((2, 8), "say --fps"), ((3, 9), None)])
def test_key_frames_say_one_rate(times: tuple[int, int], words: str | None, tmp_path: Path) -> None:
    """Label Studio's time is frame / rate; counted from 0 it fits one key frame only."""
    task = video([(3, 0, True), (9, 40, True)])
    for key, time in zip(task["annotations"][0]["result"][0]["value"]["sequence"], times, strict=True):
        key["time"] = time / 30
    if words is None:
        assert labels_of(tmp_path, task).videos[0].rate == pytest.approx(30)
        return
    with pytest.raises(LabelsError, match=words):
        labels_of(tmp_path, task)


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([task(region("rectanglelabels", {"x": None, "rectanglelabels": ["a"]}))], "x is None"),
        ([task(region("rectanglelabels", {"rectanglelabels": ["a"]}, image_rotation=90))], "turned by 90"),
        ([task(region("brushlabels", {"format": "rle", "rle": BRUSH, "brushlabels": ["a"]}))], "need 80,000"),
        ([task(region("brushlabels", {"format": "rle", "rle": [0, 1], "brushlabels": ["a"]}))], "end early"),
        (
            [task(region("brushlabels", {"format": "rle", "rle": [300], "brushlabels": ["a"]}))],
            "list of bytes",
        ),
        ([{"data": {"text": "hello"}, "annotations": []}], "names no image"),
        ([{"image": "a.png", "label": []}], "JSON-MIN"),
        ([video([])], "list of key frames"),
        ([task(shown("img1"), shown("img2", id="s"))], r"several images \(to_name img1, img2\)"),
        ([task(shown(item_index=0), shown(item_index=1, id="s"))], r"several images \(item_index 0, 1\)"),
        ([task(shown("img"), data={"image": "a.png", "other": "b.png"})], "several files in its data"),
    ],
)
def test_what_is_wrong_is_one_sentence(tasks: list[dict[str, Any]], words: str, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    with pytest.raises(LabelsError, match=words) as error:
        for image in read(path, "label-studio").images:
            image.read()
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("key", ["data", "id", "annotations"])
def test_a_key_twice_is_refused_as_nothing_says_which_counts(key: str, tmp_path: Path) -> None:
    value = {"x": 0, "y": 0, "width": 50, "height": 50, "rectanglelabels": ["person"]}
    text = json.dumps([task(region("rectanglelabels", value))])
    path = tmp_path / "export.json"
    path.write_text(text.replace(f'"{key}":', f'"{key}": null, "{key}":', 1))
    with pytest.raises(LabelsError, match=rf"export\.json has the key '{key}' twice"):
        read(path)
