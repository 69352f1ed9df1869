"""Labels of other tools led to a real input: what is written, and what is refused with nothing written."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lightly_assets.checker.check import check
from lightly_assets.cli import app
from lightly_assets.format.schema import TaskType
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import FrameNumbers
from lightly_assets.labels.names import NameSettings
from lightly_assets.pipeline.publishing.label_import import LabelImportSettings, import_labels, prepare_labels
from lightly_assets.pipeline.publishing.label_preview import draw_preview
from tests.labels.reading import write
from tests.projects import HEIGHT, SIDE, WIDTH, positions, write_video

FRAMES = 20
PREDICTIONS = ".lightly/predictions"


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    write_video(root / "front/drive 1.mp4", positions(FRAMES))
    return root


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("a.jpg", "sub/a.jpg", "sub/b.png"):
        path = tmp_path / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 60)).save(path)
    return tmp_path / "input"


def settings(**more: Any) -> LabelImportSettings:
    names = {key: more.pop(key) for key in ("rule", "video", "renames", "numbers") if key in more}
    objects = {key: more.pop(key) for key in ("box_only", "rotated", "category_map") if key in more}
    return LabelImportSettings(objects=CocoSettings(names=NameSettings(**names), **objects), **more)


def imported(labels: Path, root: Path, input: Path, **more: Any) -> dict[str, list[dict[str, Any]]]:
    """The predictions of each file that an import writes."""
    import_labels(labels, root / "lightly", "task", input=input, settings=settings(**more))
    folder = root / "lightly" / PREDICTIONS / "task"
    files = [path for path in sorted(folder.rglob("*.json")) if path.name != "schema.json"]
    return {
        path.relative_to(folder).as_posix(): json.loads(path.read_text())["predictions"] for path in files
    }


def square(index: int) -> list[list[float]]:
    """The box of the bright square in a frame of the video; none every fifth."""
    position = positions(FRAMES)[index]
    return [] if position is None else [[position, 24, SIDE, SIDE]]


def boxes(found: dict[str, list[dict[str, Any]]]) -> list[list[Any]]:
    return [[one["bbox"] for one in predictions] for predictions in found.values()]


def cvat(stop: int = FRAMES - 1, source: str = "drive 1.mp4", first: int = 0, step: int = 1) -> str:
    """A track for each run of frames in which the square is there; its first and last one are key frames."""
    shape = (
        '<box frame="{}" keyframe="1" outside="{}" occluded="0" xtl="{}" ytl="24" xbr="{}" ybr="40" '
        'z_order="0"/>'
    )
    tracks = []
    for start in range(0, FRAMES, 5):
        keys = [(start, 2 * start, 0), (start + 3, 2 * start + 6, 0), (start + 4, 2 * start + 6, 1)]
        rows = "".join(shape.format(first + frame * step, gone, x, x + SIDE) for frame, x, gone in keys)
        tracks.append(f'<track id="{start}" label="square">{rows}</track>')
    task = f"<id>1</id><size>{stop + 1}</size><start_frame>{first}</start_frame>"
    task += f"<stop_frame>{first + stop}</stop_frame>"
    task += f"<labels><label><name>square</name></label></labels><original_size><width>{WIDTH}</width>"
    task += f"<height>{HEIGHT}</height></original_size>"
    meta = f"<meta><task>{task}</task><source>{source}</source></meta>"
    return f"<annotations>{meta}{''.join(tracks)}</annotations>"


def test_a_cvat_video_is_where_the_square_is(videos: Path, tmp_path: Path) -> None:
    write(tmp_path, {"annotations.xml": cvat()})
    found = imported(tmp_path / "annotations.xml", tmp_path, videos)
    assert list(found) == [f"front/drive 1-{index:02}-mp4.json" for index in range(FRAMES)]
    assert boxes(found) == [square(index) for index in range(FRAMES)]
    assert check(tmp_path / "lightly", videos).ok


def test_the_name_of_a_video_may_be_said(videos: Path, tmp_path: Path) -> None:
    write(tmp_path, {"annotations.xml": cvat(source="0017.mp4")})
    with pytest.raises(LabelsError, match=r"'0017.mp4'.*'front/drive 1.mp4'.*--video KEY"):
        imported(tmp_path / "annotations.xml", tmp_path, videos)
    assert not (tmp_path / "lightly").exists()
    found = imported(tmp_path / "annotations.xml", tmp_path, videos, video="front/drive 1.mp4")
    assert boxes(found) == [square(index) for index in range(FRAMES)]


def test_labels_of_a_longer_video_are_refused(videos: Path, tmp_path: Path) -> None:
    write(tmp_path, {"annotations.xml": cvat(stop=24)})
    with pytest.raises(LabelsError, match=r"25 frames of 'front/drive 1.mp4', which has 20"):
        imported(tmp_path / "annotations.xml", tmp_path, videos)
    write(tmp_path, {"annotations.xml": cvat(first=2)})
    with pytest.raises(
        LabelsError, match=r"frame 20 of 'front/drive 1.mp4'.*20 frames, 0 to 19.*--first-frame 2"
    ):
        imported(tmp_path / "annotations.xml", tmp_path, videos)
    found = imported(tmp_path / "annotations.xml", tmp_path, videos, first_frame=2)
    assert boxes(found) == [square(index) for index in range(FRAMES)]


@pytest.mark.parametrize("rate", [10, 25, 30, 7.5])
def test_a_label_studio_video_is_placed_by_time(rate: float, videos: Path, tmp_path: Path) -> None:
    """The video has 10 frames a second; whatever rate the project has, its key frames are at these times."""
    keys = []
    for start in range(0, FRAMES, 5):
        for frame, enabled in ((start, True), (start + 3, False)):
            number = int(frame / 10 * rate) + 1
            place = {"x": 100 * 2 * frame / WIDTH, "y": 100 * 24 / HEIGHT, "rotation": 0}
            size = {"width": 100 * SIDE / WIDTH, "height": 100 * SIDE / HEIGHT}
            keys.append({"frame": number, "time": number / rate, "enabled": enabled, **place, **size})
    value = {"framesCount": int(2 * rate), "duration": 2.0, "sequence": keys, "labels": ["square"]}
    result = [{"id": "r", "type": "videorectangle", "value": value}]
    task = {"data": {"video": "s3://bucket/front/drive 1.mp4"}, "annotations": [{"result": result}]}
    write(tmp_path, {"export.json": json.dumps([task])})
    found = boxes(imported(tmp_path / "export.json", tmp_path, videos))
    wanted = [square(index) for index in range(FRAMES)]
    if rate == 10:
        assert found == [[pytest.approx(box) for box in frame] for frame in wanted]
    elif rate > 10:
        assert [len(frame) for frame in found] == [len(frame) for frame in wanted]
    errors = [abs(one[0][0] - other[0][0]) for one, other in zip(found, wanted, strict=True) if one and other]
    # As far as the square moves in a frame of the labels.
    assert max(errors) <= 2 * max(1, 10 / rate)


def test_labels_beyond_the_end_in_time_are_refused(videos: Path, tmp_path: Path) -> None:
    keys = [
        {"frame": 100, "time": 4.0, "enabled": True, "x": 0, "y": 0, "width": 9, "height": 9, "rotation": 0}
    ]
    result = [{"id": "r", "type": "videorectangle", "value": {"sequence": keys, "labels": ["a"]}}]
    task = {"data": {"video": "drive 1.mp4"}, "annotations": [{"result": result}]}
    write(tmp_path, {"export.json": json.dumps([task])})
    with pytest.raises(LabelsError, match=r"at 3.96 s of 'front/drive 1.mp4', which ends at 1.90 s.*--fps"):
        imported(tmp_path / "export.json", tmp_path, videos)


def mot(first: int) -> str:
    rows = [
        f"{index + first},1,{box[0]},{box[1]},{box[2]},{box[3]},0.5,-1,-1,-1"
        for index in range(FRAMES)
        for box in square(index)
    ]
    return "\n".join(rows)


def test_mot_counts_from_1(videos: Path, tmp_path: Path) -> None:
    write(tmp_path, {"drive 1.txt": mot(1)})
    found = imported(tmp_path / "drive 1.txt", tmp_path, videos)
    assert boxes(found) == [square(index) for index in range(FRAMES)]
    write(tmp_path, {"drive 1.txt": mot(0)})
    with pytest.raises(
        LabelsError, match=r"labels at frame 0 .*first frame is taken to be 1; say --first-frame 0"
    ):
        imported(tmp_path / "drive 1.txt", tmp_path, videos)
    write(tmp_path, {"drive 1.txt": mot(3)})
    with pytest.raises(LabelsError, match=r"lists frame 20.*--first-frame 3"):
        imported(tmp_path / "drive 1.txt", tmp_path, videos, first_frame=1)


def test_yolo_of_frames_names_the_video_and_the_number(videos: Path, tmp_path: Path) -> None:
    for index in range(FRAMES):
        for x, y, w, h in square(index):
            line = f"0 {(x + w / 2) / WIDTH!r} {(y + h / 2) / HEIGHT!r} {w / WIDTH!r} {h / HEIGHT!r} .5\n"
            write(tmp_path, {f"labels/drive 1_{index + 1}.txt": line})
    with pytest.raises(
        LabelsError, match=r"lists 16 of the 20 frames of 'front/drive 1.mp4'.*--unlisted empty"
    ):
        imported(tmp_path / "labels", tmp_path, videos, categories={0: "square"})
    found = imported(tmp_path / "labels", tmp_path, videos, categories={0: "square"}, unlisted="empty")
    assert boxes(found) == [square(index) for index in range(FRAMES)]
    with pytest.raises(LabelsError, match=r"does not name its category 0.*--categories"):
        import_labels(
            tmp_path / "labels", tmp_path / "other", "task", input=videos, settings=settings(unlisted="empty")
        )


def test_each_nth_frame(videos: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{number},1,{number},1,10,10,1,-1,-1,-1" for number in (1, 2, 3))
    write(tmp_path, {"drive 1.txt": rows})
    found = imported(
        tmp_path / "drive 1.txt", tmp_path, videos, numbers=FrameNumbers(0, 5, 2), unlisted="leave"
    )
    assert {name: [one["bbox"][0] for one in rows] for name, rows in found.items() if rows} == {
        f"front/drive 1-{index:02}-mp4.json": [number] for index, number in ((2, 1), (7, 2), (12, 3))
    }


def coco_of_frames(numbers: Iterable[int]) -> dict[str, str]:
    images = [{"id": one, "file_name": f"front/drive 1/{one:06}.jpg"} for one in numbers]
    rows = [{"id": one, "image_id": one, "category_id": 1, "bbox": [1, 2, 9, 9]} for one in numbers]
    document = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "car"}]}
    return {"labels.json": json.dumps(document)}


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (range(5), "those of every 4 frames, say --frame-step 4"),  # taken out, and numbered one by one
        (range(0, FRAMES, 4), "every 4 frames from 0 on"),
        (range(1, 6), "begin at its frame 1.*--first-frame 1"),
        (range(8), None),
    ],
)
def test_frames_of_a_part_may_be_others(
    numbers: range, words: str | None, videos: Path, tmp_path: Path
) -> None:
    write(tmp_path, coco_of_frames(numbers))
    labels, lightly = tmp_path / "labels.json", tmp_path / "lightly"
    with pytest.raises(LabelsError, match=f"{len(numbers)} of the 20 frames") as error:
        import_labels(labels, lightly, "task", input=videos)
    assert ("every" in str(error.value)) == (words is not None and "every" in words)
    done = import_labels(labels, lightly, "task", input=videos, settings=settings(unlisted="leave"))
    assert [bool(words and re.search(words, note)) for note in done.report.notes] == ([True] if words else [])


def test_what_stands_at_each_nth_frame_is_of_these(videos: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{number},1,{number},1,10,10,1,-1,-1,-1" for number in range(1, 21, 5))
    write(tmp_path, {"drive 1.txt": rows})
    with pytest.raises(LabelsError, match=r"4 of the 20 frames of .*, every 5 frames from 0 on"):
        imported(tmp_path / "drive 1.txt", tmp_path, videos)
    found = imported(tmp_path / "drive 1.txt", tmp_path, videos, unlisted="leave")
    assert list(found) == [f"front/drive 1-{index:02}-mp4.json" for index in range(0, 20, 5)]


def test_numbers_of_frames_that_were_taken_out_at_another_rate(videos: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{number},1,{number},1,10,10,1,-1,-1,-1" for number in range(1, 11))
    write(tmp_path, {"drive 1.txt": rows})  # ten pictures, as ffmpeg takes them at 5 of 10 frames a second
    found = imported(tmp_path / "drive 1.txt", tmp_path, videos, fps=5, unlisted="leave")
    assert {name: rows[0]["bbox"][0] for name, rows in found.items()} == {
        f"front/drive 1-{2 * number:02}-mp4.json": number + 1 for number in range(10)
    }


BOX = '<box label="{}" occluded="0" xtl="10" ytl="20" xbr="60" ybr="30"{} z_order="0"/>'
POLYGON = '<polygon label="car" points="10,10;40,10;40,30" z_order="0"/>'


def image_xml(*shapes: str, name: str = "a.jpg", width: int = 80) -> str:
    image = f'<image id="0" name="{name}" width="{width}" height="60">{"".join(shapes)}</image>'
    labels = "".join(f"<label><name>{one}</name></label>" for one in ("person", "car"))
    return f"<annotations><meta><task><labels>{labels}</labels></task></meta>{image}</annotations>"


def test_turned_boxes_are_refused_or_enclosed(images: Path, tmp_path: Path) -> None:
    path = write(tmp_path, {"x.xml": image_xml(BOX.format("car", ' rotation="90"'))}) / "x.xml"
    with pytest.raises(LabelsError, match=r"1 of 1 object.* turned rectangles.*--rotated enclose"):
        imported(path, tmp_path, images)
    assert imported(path, tmp_path, images, rotated="enclose")["a.json"][0]["bbox"] == [30, 0, 10, 50]


def test_boxes_and_masks_are_a_choice(images: Path, tmp_path: Path) -> None:
    path = write(tmp_path, {"x.xml": image_xml(BOX.format("person", ""), POLYGON)}) / "x.xml"
    with pytest.raises(LabelsError, match=r"mixes kinds: 1 of 2 objects have a mask, 1 not.*box_only"):
        imported(path, tmp_path, images)
    assert [one["category_id"] for one in imported(path, tmp_path, images, box_only="drop")["a.json"]] == [1]
    assert len(imported(path, tmp_path / "fill", images, box_only="fill")["a.json"]) == 2
    found = imported(path, tmp_path / "boxes", images, task_type=TaskType.OBJECT_DETECTION)["a.json"]
    assert [one["bbox"] for one in found] == [[10, 20, 50, 10], [10, 10, 30, 20]]


def test_sizes_are_compared(images: Path, tmp_path: Path) -> None:
    path = write(tmp_path, {"x.xml": image_xml(BOX.format("car", ""), width=160)}) / "x.xml"
    with pytest.raises(LabelsError, match=r"'a.jpg' is 160×60 pixels there, but 'a.jpg' has 80×60"):
        imported(path, tmp_path, images)


def test_categories_are_matched_by_name(images: Path, tmp_path: Path) -> None:
    path = write(tmp_path, {"x.xml": image_xml(BOX.format("person", ""))}) / "x.xml"
    assert (
        imported(path, tmp_path, images, categories={0: "car", 1: "person"})["a.json"][0]["category_id"] == 1
    )
    with pytest.raises(LabelsError, match=r"0 'person', 1 'car'.*0 'human'.*category_map"):
        imported(path, tmp_path / "1", images, categories={0: "human"})
    found = imported(path, tmp_path / "1", images, categories={0: "human"}, category_map={"person": "human"})
    assert found["a.json"][0]["category_id"] == 0


def test_stems_lead_to_the_image_that_fits_best(images: Path, tmp_path: Path) -> None:
    line = "0 .5 .5 .5 .5\n"
    write(
        tmp_path, {"set/labels/a.txt": line, "set/labels/sub/a.txt": line + line, "set/labels/sub/b.txt": ""}
    )
    write(tmp_path, {"set/classes.txt": "car"})
    found = imported(tmp_path / "set", tmp_path, images)
    assert {name: len(rows) for name, rows in found.items()} == {
        "a.json": 1,
        "sub/a.json": 2,
        "sub/b.json": 0,
    }


def test_what_is_in_no_input_is_told(images: Path, tmp_path: Path) -> None:
    line = "0 .5 .5 .5 .5\n"
    write(tmp_path, {"set/labels/a.txt": line, "set/labels/zz.txt": line, "set/classes.txt": "car"})
    done = import_labels(tmp_path / "set", tmp_path / "lightly", "task", input=images)
    report = done.report.to_json()
    assert (report["matched"], report["unknown"]["count"], report["unlisted"]["count"]) == (1, 1, 2)
    assert "zz" in report["unknown"]["examples"][0]
    write(tmp_path, {"set/labels/yy.txt": line})
    with pytest.raises(LabelsError, match=r"2 of 3 images are not in the input"):
        import_labels(tmp_path / "set", tmp_path / "other", "task", input=images)
    assert not (tmp_path / "other").exists()


def test_videos_that_are_not_listed_can_be_empty(images: Path, tmp_path: Path) -> None:
    write(tmp_path, {"set/labels/a.txt": "0 .5 .5 .5 .5\n", "set/classes.txt": "car"})
    write_video(images / "more/v.mp4", positions(3))
    found = imported(tmp_path / "set", tmp_path, images, unlisted="empty")
    assert len(found) == 6 and found["more/v-2-mp4.json"] == []
    assert check(tmp_path / "lightly", images).ok
    with pytest.raises(LabelsError, match="does not list 2 images"):
        imported(tmp_path / "set", tmp_path / "other", images, unlisted="fail")
    for name in ("sub/a.jpg", "sub/b.png"):
        (images / name).unlink()
    with pytest.raises(LabelsError, match=r"does not list 1 video .* 'more/v.mp4'"):
        imported(tmp_path / "set", tmp_path / "other", images, unlisted="fail")


def test_a_dry_run_writes_nothing_but_its_picture(videos: Path, tmp_path: Path) -> None:
    write(tmp_path, {"annotations.xml": cvat()})
    prepared = prepare_labels(tmp_path / "annotations.xml", tmp_path / "lightly", "task", input=videos)
    assert prepared.pairs(2)[1] == ("drive 1.mp4, frame 1", "front/drive 1-01-mp4.png")
    assert draw_preview(prepared, tmp_path / "seen.png") == "front/drive 1-00-mp4.png"
    with Image.open(tmp_path / "seen.png") as drawn:
        assert drawn.size == (WIDTH, HEIGHT)
        row = [drawn.getpixel((column, 24)) for column in range(WIDTH)]
    # The outline of the box is coloured where the square is, and the picture is grey elsewhere.
    coloured = [
        column
        for column, pixel in enumerate(row)
        if isinstance(pixel, tuple) and max(pixel) - min(pixel) > 60
    ]
    assert coloured and max(coloured) <= SIDE
    assert not (tmp_path / "lightly").exists()


def test_more_names_than_a_path_is_long(images: Path, tmp_path: Path) -> None:
    write(tmp_path, {"labels/a.txt": "59 .5 .5 .5 .5\n"})
    names = ",".join(f"category {number}" for number in range(60))
    roots = ["--lightly", str(tmp_path / "lightly"), "--input", str(images), "--categories", names]
    command = ["import-labels", str(tmp_path / "labels"), "--task", "task", *roots]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    schema = json.loads((tmp_path / "lightly" / PREDICTIONS / "task/schema.json").read_text())
    assert schema["categories"][59] == {"id": 59, "name": "category 59"}


def test_nothing_at_all_is_no_part(images: Path, tmp_path: Path) -> None:
    write(tmp_path, {"annotations.xml": image_xml(BOX.format("car", ""), name="x.jpg")})
    partial = LabelImportSettings(objects=CocoSettings(allow_partial=True))
    labels, lightly = tmp_path / "annotations.xml", tmp_path / "lightly"
    with pytest.raises(LabelsError, match="1 of 1 image are not in the input") as error:
        import_labels(labels, lightly, "task", input=images, settings=partial)
    assert "--allow-partial" not in str(error.value) and not lightly.exists()


def test_a_video_is_no_image(videos: Path, tmp_path: Path) -> None:
    text = coco_of_frames([0])["labels.json"].replace("/000000.jpg", ".mp4")
    write(tmp_path, {"labels.json": text})
    with pytest.raises(LabelsError, match=r"is a video of the input: .* such as front/drive 1-0-mp4\.png"):
        import_labels(tmp_path / "labels.json", tmp_path / "lightly", "task", input=videos)


@pytest.mark.parametrize("way", [[], ["--json"]])
def test_a_dry_run_of_a_coco_file(images: Path, tmp_path: Path, way: list[str]) -> None:
    document = {
        "images": [{"id": 7, "file_name": "./sub/b.png"}, {"id": 8, "file_name": "a.jpg"}],
        "categories": [{"id": 3, "name": "square"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [20, 10, 30, 40]}],
    }
    write(tmp_path, {"labels.json": json.dumps(document)})
    roots = ["--lightly", str(tmp_path / "lightly"), "--input", str(images)]
    picture = tmp_path / "seen.png"
    command = ["import-labels", str(tmp_path / "labels.json"), "--task", "task", *roots]
    done = CliRunner().invoke(app, [*command, "--dry-run", "--picture", str(picture), *way])
    assert done.exit_code == 0, done.output
    if way:
        told = json.loads(done.output)
        assert told["pairs"] == [["./sub/b.png", "sub/b.png"], ["a.jpg", "a.jpg"]]
        assert (told["format"], told["categories"], told["drawn"]) == ("coco", {"3": "square"}, "sub/b.png")
    else:
        assert "  ./sub/b.png → sub/b.png" in done.output and "shows 'sub/b.png'" in done.output
    with Image.open(picture) as drawn:
        pixels = np.asarray(drawn)
    left, right = (pixels[30, column].max() > 60 for column in (20, 5))
    assert drawn.size == (80, 60) and left and not right
    assert not (tmp_path / "lightly").exists()
    found = imported(tmp_path / "labels.json", tmp_path, images)
    assert found["sub/b.json"][0]["bbox"] == [20, 10, 30, 40]


LINE = "0 .5 .5 .25 .5\n"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"labels/train/b.txt": LINE, "labels/val/b.txt": LINE},
            "'images/train/b' and 'images/val/b' both lead to 'sub/b.png'",
        ),
        ({"labels/b.txt": LINE, "labels/b.TXT": LINE}, "'b' and 'b' both lead to 'sub/b.png'"),
        ({"labels/c.txt": LINE}, "'c' could be 'c.jpg', 'c.png' of the input; say with --renames"),
    ],
)
def test_labels_of_one_stem(files: dict[str, str], words: str, images: Path, tmp_path: Path) -> None:
    for name in ("c.jpg", "c.png"):
        Image.new("RGB", (80, 60)).save(images / name)
    write(tmp_path, {"set/classes.txt": "x"} | {f"set/{name}": text for name, text in files.items()})
    renames = {"b": "sub/b.png", "train/b": "sub/b.png", "val/b": "sub/b.png"}
    with pytest.raises(LabelsError, match=words):
        imported(tmp_path / "set", tmp_path, images, renames=renames)
    assert not (tmp_path / "lightly/.lightly/predictions").exists()


def test_two_files_of_one_image_without_renames(images: Path, tmp_path: Path) -> None:
    files = {"set/labels/train/a.txt": LINE, "set/labels/val/a.txt": LINE, "set/classes.txt": "x"}
    write(tmp_path, files)
    with pytest.raises(LabelsError, match=r"'train/a' and 'val/a' both lead to 'a\.jpg'"):
        imported(tmp_path / "set", tmp_path, images)


@pytest.mark.parametrize(
    ("numbers", "is_told"), [(range(1, FRAMES), True), (range(FRAMES), False), ([5], False)]
)
def test_a_video_whose_labels_may_count_from_1(
    numbers: Iterable[int], is_told: bool, videos: Path, tmp_path: Path
) -> None:
    """Without their last frame no number is too many: that can only be told."""
    shape = '<box frame="{}" outside="0" keyframe="1" xtl="1" ytl="2" xbr="9" ybr="9"/>'
    rows = "".join(shape.format(number) for number in numbers)
    text = f'<annotations><track id="0" label="x">{rows}</track></annotations>'
    write(tmp_path, {"annotations.xml": text})
    wanted = settings(video="front/drive 1.mp4")
    done = import_labels(
        tmp_path / "annotations.xml", tmp_path / "lightly", "task", input=videos, settings=wanted
    )
    told = [note for note in done.report.notes if "begin at frame 1" in note and "--first-frame 1" in note]
    assert len(told) == is_told


def test_a_name_that_a_copy_left_in_a_voc_file(images: Path, tmp_path: Path) -> None:
    text = "<annotation><filename>a.jpg</filename><object><name>x</name><bndbox><xmin>1</xmin><ymin>2</ymin>"
    text += "<xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
    write(tmp_path, {"set/b.xml": text})
    assert list(imported(tmp_path / "set", tmp_path, images)) == ["a.json"]
    Image.new("RGB", (80, 60)).save(images / "b.png")
    with pytest.raises(
        LabelsError, match=r"'b' says that it is of 'a\.jpg', but the input has 'b\.png', too"
    ):
        imported(tmp_path / "set", tmp_path / "other", images)
