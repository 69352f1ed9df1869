"""VOC, MOT, KITTI, YouTube-VIS, masks and ultralytics' results, as their tools write them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import FrameNumbers
from lightly_assets.labels.names import NameSettings
from lightly_assets.labels.placing import PlaceSettings, Placing
from lightly_assets.labels.reading import FORMATS, find_format
from lightly_assets.labels.videos import PlacedVideo
from tests.labels.reading import by_image, read, write

VOC = """<annotation><filename>{name}</filename><source><database>{database}</database></source>
<size><width>80</width><height>60</height><depth>3</depth></size><segmented>0</segmented>
<object><name>car</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2.0</ymin><xmax>64</xmax>
<ymax>6.0</ymax></bndbox></object></annotation>"""


@pytest.mark.parametrize(
    ("database", "origin", "box"),
    [
        ("Unknown", None, (1, 2, 64, 6)),  # labelImg, datumaro
        ("The VOC2007 Database", None, (0, 1, 64, 6)),  # counts from 1, the last pixel is part of it
        ("Unknown", 1, (0, 1, 64, 6)),
        ("The VOC2007 Database", 0, (1, 2, 64, 6)),
    ],
)
def test_voc_counts_pixels_from_1_where_it_is_voc(
    database: str, origin: int | None, box: Any, tmp_path: Path
) -> None:
    write(tmp_path, {"Annotations/sub/b.xml": VOC.format(name="b.jpg", database=database)})
    labels = read(tmp_path, pixel_origin=origin)
    (image,) = labels.images
    assert image.names == ("sub/b.jpg", "b.jpg") and image.size == (80, 60)
    assert [label.box for label in image.read()] == [box]


def test_other_shapes_in_voc_are_told(tmp_path: Path) -> None:
    """roLabelImg writes robndbox, Roboflow a polygon beside the box."""
    text = VOC.format(name="b.jpg", database="Unknown")
    write(tmp_path, {"b.xml": text.replace("<bndbox>", "<polygon><x1>1</x1></polygon><bndbox>")})
    assert read(tmp_path).notes == ["Objects have polygons, which are not read: the boxes around them are."]
    write(tmp_path, {"b.xml": text.replace("bndbox>", "robndbox>")})
    with pytest.raises(LabelsError, match="its robndbox is not read: write the upright box"):
        read(tmp_path)


def test_parts_of_objects_in_voc_are_counted(tmp_path: Path) -> None:
    """VOC's layout: head, hands and feet have boxes inside of their person's object."""
    corners = "<xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>5</ymax>"
    part = f"<part><name>head</name><bndbox>{corners}</bndbox></part>"
    text = VOC.format(name="b.jpg", database="Unknown").replace("</bndbox>", f"</bndbox>{part}{part}")
    labels = read(write(tmp_path, {"b.xml": text}))
    assert [(one.category, one.box) for one in by_image(labels)["b.jpg"]] == [("car", (1, 2, 64, 6))]
    dropped = labels.dropped["that are parts of others"]
    assert (dropped.count, dropped.examples) == (2, ["car of b.xml"])


def test_mot_with_places_in_the_world_has_no_classes(tmp_path: Path) -> None:
    """MOT15's sequences with calibrated cameras: columns 8 to 10 are metres."""
    rows = "1,1,10,15,31,25,1,-9.42,-5.04,0\n2,1,11,15,31,25,0,2,-5,0\n"
    write(tmp_path, {"PETS/gt/gt.txt": rows})
    labels = read(tmp_path)
    (video,) = labels.videos
    assert {n: [(one.category, one.box) for one in found] for n, found in video.singles.items()} == {
        1: [(1, (10, 15, 41, 40))],
        2: [],
    }
    write(tmp_path, {"results/PETS.txt": rows.replace(",1,-9", ",0.5,-9").replace(",0,2", ",0.4,2")})
    names = {0: "person", 1: "car"}
    with pytest.raises(
        LabelsError, match=r"line 1 .* has no class .columns 8 to 10 are a place., but there are 2"
    ):
        read(tmp_path / "results/PETS.txt", names=names)
    (video,) = read(tmp_path / "results/PETS.txt", names={0: "person"}).videos
    assert [one.score for found in video.singles.values() for one in found] == [0.5, 0.4]


def test_rows_of_visdrone_that_do_not_count_are_left_out(tmp_path: Path) -> None:
    rows = "1,0,10,15,31,25,1,4,0,0\n1,1,10,15,31,25,0,0,0,0\n2,0,11,15,31,25,1,4,0,1\n"
    write(tmp_path, {"uav.txt": rows})
    labels = read(tmp_path / "uav.txt", names={0: "ignored", 4: "car"})
    (video,) = labels.videos
    assert [one.category for found in video.singles.values() for one in found] == [4, 4]
    assert labels.dropped["that do not count (column 7 is 0)"].examples == ["line 2 of uav.txt"]
    # Confidences may be 0.
    write(tmp_path, {"uav.txt": rows.replace(",1,4,0,1", ",0.5,4,0,1")})
    (video,) = read(tmp_path / "uav.txt", names={0: "ignored", 4: "car"}).videos
    assert [one.score for found in video.singles.values() for one in found] == [1, 0, 0.5]


def test_mot_truth_counts_frames_from_1_and_says_what_counts(tmp_path: Path) -> None:
    rows = "1,1,794.2,47.5,71,174,1,1,0.8\n1,2,10,10,5,5,0,1,1\n3,1,796,48,71,174,1,3,0.5\n"
    info = "[Sequence]\nname=MOT17-02\nimDir=img1\nframeRate=30\nimWidth=1920\nimHeight=1080\nimExt=.jpg\n"
    write(tmp_path, {"MOT17-02-FRCNN/gt/gt.txt": rows, "MOT17-02-FRCNN/seqinfo.ini": info})
    labels = read(tmp_path)
    (video,) = labels.videos
    assert FORMATS["mot"].first_frame == 1
    assert video.names == ("MOT17-02", "MOT17-02-FRCNN") and video.size == (1920, 1080)
    assert video.image_of is not None and video.image_of(3) == "MOT17-02-FRCNN/img1/000003.jpg"
    assert {n: [(one.category, one.box) for one in rows] for n, rows in video.singles.items()} == {
        1: [(1, (794.2, 47.5, pytest.approx(865.2), 221.5))],
        3: [(3, (796, 48, 867, 222))],
    }
    assert labels.names[3] == "car" and labels.dropped["that do not count (column 7 is 0)"].count == 1
    write(
        tmp_path, {"MOT17-02-FRCNN/gt/labels.txt": "cat\ndog\nbird\n"}
    )  # as datumaro and CVAT write beside it
    assert read(tmp_path).names[3] == "bird"


def test_mot_says_how_many_frames_there_are(tmp_path: Path) -> None:
    info = "[Sequence]\nname=v\nseqLength=5\nframeRate=15\n"
    write(tmp_path, {"v/gt/gt.txt": "1,1,1,1,5,5,1,1,1\n", "v/seqinfo.ini": info})
    (video,) = read(tmp_path).videos
    placed = PlacedVideo(video, "v.mp4", FrameNumbers(1), None, "linear", "v")
    placed.check(5, None)
    with pytest.raises(LabelsError, match=r"is of 5 frames of 'v\.mp4', which has 10; .*--fps"):
        placed.check(10, None)
    PlacedVideo(video, "v.mp4", FrameNumbers(1), 15, "linear", "v").check(10, 9 / 30)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 4, 7, 10), range(1, 11, 3)),
        ((1, 4, 10, 16, 19, 22), range(1, 23, 3)),
        ((1, 4, 10), None),
        ((1, 4), None),
        ((1, 2, 3), None),
    ],
)
def test_frames_between_each_nth_were_not_looked_at(
    numbers: tuple[int, ...], expected: range | None, tmp_path: Path
) -> None:
    write(tmp_path, {"v.txt": "".join(f"{number},1,1,1,5,5,0.5,-1,-1,-1\n" for number in numbers)})
    (video,) = read(tmp_path / "v.txt").videos
    (placed,) = Placing(read(tmp_path / "v.txt"), 1, PlaceSettings(NameSettings())).place(["v.mp4"]).videos
    assert video.regular == expected == placed.video.listed


def test_classes_in_column_8_need_names(tmp_path: Path) -> None:
    """VisDrone's columns: frame, target, box, score, category, truncation, occlusion."""
    write(tmp_path, {"v.txt": "1,0,593,43,174,190,1,4,0,0\n2,0,593,43,174,190,1,5,0,0\n"})
    with pytest.raises(LabelsError, match="a class in column 8 of all 2 rows"):
        read(tmp_path / "v.txt")
    (video,) = read(tmp_path / "v.txt", names={4: "car", 5: "van"}).videos
    assert [video.singles[number][0].category for number in (1, 2)] == [4, 5]


def test_mot_results_have_scores(tmp_path: Path) -> None:
    write(tmp_path, {"drive.txt": "1,3,1,2,10,20,0.5,-1,-1,-1\n2,3,1,2,10,20,-1,-1,-1,-1\n"})
    (video,) = read(tmp_path / "drive.txt", "auto", names={0: "person"}).videos
    assert [(one.category, one.score) for rows in video.singles.values() for one in rows] == [
        ("person", 0.5),
        ("person", None),
    ]
    write(tmp_path, {"drive.txt": "1,3,1,2,10,20,78.5,-1,-1,-1\n"})
    with pytest.raises(LabelsError, match=r"confidence is 78.5; it must be in \[0, 1\]"):
        read(tmp_path / "drive.txt")


def test_kitti_with_and_without_scores(tmp_path: Path) -> None:
    row = "0.0 0 -1 10.0 10.0 30.0 25.0 -1 -1 -1 -1 -1 -1 -1"
    write(
        tmp_path,
        {"label_2/000001.txt": f"Car {row}\nPerson {row} 0.25\nDontCare {row}\n", "label_2/000002.txt": ""},
    )
    labels = read(tmp_path)
    found = by_image(labels)
    assert [(one.category, one.score) for one in found["label_2/000001"]] == [("Car", None), ("Person", 0.25)]
    assert found["label_2/000002"] == [] and labels.dropped["that are DontCare"].count == 1
    assert labels.images[0].names == ("label_2/000001", "image_2/000001", "000001")


def test_kitti_of_videos(tmp_path: Path) -> None:
    row = "Car 0 0 -1 10.0 10.0 30.0 25.0 -1 -1 -1 -1 -1 -1 -1"
    write(tmp_path, {"label_02/0003.txt": f"0 1 {row}\n0 2 {row}\n4 1 {row} .5\n"})
    (video,) = read(tmp_path).videos
    assert {number: len(rows) for number, rows in video.singles.items()} == {0: 2, 4: 1}
    assert video.names == ("label_02/0003", "0003")


def vis(**more: Any) -> dict[str, Any]:
    annotation = {"id": 1, "video_id": 1, "category_id": 2, "bboxes": [None, [1, 2, 3, 4]], **more}
    video = {"id": 1, "width": 8, "height": 6, "length": 2, "file_names": ["v1/00000.jpg", "v1/00005.jpg"]}
    return {"videos": [video], "annotations": [annotation], "categories": [{"id": 2, "name": "car"}]}


def test_youtube_vis(tmp_path: Path) -> None:
    mask = {"size": [6, 8], "counts": [12, 2, 4, 2, 28]}
    (tmp_path / "vis.json").write_text(json.dumps(vis(segmentations=[None, mask])))
    labels = read(tmp_path / "vis.json")
    assert labels.names == {2: "car"}
    assert [image.frame for image in labels.images] == [("v1", 0), ("v1", 5)]
    empty, found = by_image(labels).values()
    assert empty == [] and found[0].box == (1, 2, 4, 6) and found[0].mask is not None
    # COCO counts down the columns: two pixels of the third column, two of the fourth.
    assert np.argwhere(found[0].mask.pixels).tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


def picture(path: Path, rows: list[list[Any]], mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.array(rows, dtype=np.uint8)
    if mode == "P":
        image = Image.fromarray(pixels, "L").convert("P")
        image.putdata(pixels.ravel().tolist())
        image.putpalette([value for index in range(256) for value in (index, 255 - index, 7)])
    else:
        image = Image.fromarray(pixels)
    image.save(path)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_masks_of_values(mode: str, tmp_path: Path) -> None:
    picture(tmp_path / "sub/a_mask.png", [[0, 1, 1], [255, 2, 2]], mode)
    labels = read(tmp_path, "masks", names={1: "car", 2: "tree"})
    (image,) = labels.images
    assert image.names[0] == "sub/a" and image.size == (3, 2)
    found = {label.category: label.mask.pixels.astype(int).tolist() for label in image.read() if label.mask}
    assert found == {"car": [[0, 1, 1], [0, 0, 0]], "tree": [[0, 0, 0], [0, 1, 1]]}
    picture(tmp_path / "sub/a_mask.png", [[0, 3]], mode)
    with pytest.raises(LabelsError, match="value 3, which is no category"):
        read(tmp_path, "masks", names={1: "car", 2: "tree"}).images[0].read()


def test_masks_of_colours(tmp_path: Path) -> None:
    picture(tmp_path / "SegmentationClass/a.png", [[[0, 0, 0], [128, 0, 0], [224, 224, 192]]])
    write(tmp_path, {"labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:128,0,0::\n"})
    labels = read(tmp_path)
    assert labels.names == {0: "background", 1: "car"}
    found = {label.category: label.mask.pixels.tolist() for label in labels.images[0].read() if label.mask}
    assert found == {"background": [[True, False, False]], "car": [[False, True, False]]}
    assert labels.images[0].names == ("SegmentationClass/a", "a")


def test_a_mask_of_yes_and_no(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", [[0, 255]])
    (label,) = read(tmp_path, "masks", names={0: "road"}).images[0].read()
    assert (
        label.category == "road" and label.mask is not None and label.mask.pixels.tolist() == [[False, True]]
    )


@pytest.mark.parametrize(
    ("values", "names", "is_refused"),
    [
        ([0, 255], {0: "background", 1: "car"}, True),
        ([0, 255], {255: "car"}, False),
        ([0, 255, 1], {0: "background", 1: "car"}, False),
        ([0, 0], {0: "background", 1: "car"}, False),
    ],
)
def test_yes_and_no_of_several_names(
    values: list[int], names: dict[int, str], is_refused: bool, tmp_path: Path
) -> None:
    picture(tmp_path / "a.png", [values])
    if not is_refused:
        read(tmp_path, "masks", names=names).images[0].read()
        return
    with pytest.raises(LabelsError, match="values 0 and 255 only, and 2 names"):
        read(tmp_path, "masks", names=names)


COCO_80 = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,"
    + ",".join(f"class {number}" for number in range(13, 80))
    + ",toothbrush"
).split(",")


@pytest.mark.parametrize(
    ("used", "words"),
    [
        ([3], None),
        ([3, 18], "category_id 18, which is 'class 18' where ids go from 1 to 80, and 'class 17' where they"),
        ([12, 18], None),  # COCO has no 12, so these count on
        ([90], "category_id 90"),
    ],
)
def test_ids_of_cocos_classes_may_have_gaps(used: list[int], words: str | None, tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps([{"image_id": "a", "category_id": one, "bbox": [1, 2, 3, 4]} for one in used]))
    names = dict(enumerate(COCO_80))
    if words is None:
        labels = read(path, names=names)
        assert [labels.names[one] for one in used] == [COCO_80[one - 1] for one in used]
        assert any("3 is 'car'" in note or "12 is 'stop sign'" in note for note in labels.notes)
        return
    with pytest.raises(LabelsError, match=words):
        read(path, names=names)


def test_ultralytics_results_count_classes_from_1(tmp_path: Path) -> None:
    rows = [
        {"image_id": "a", "file_name": "a.jpg", "category_id": 1, "bbox": [30, 20, 12, 16], "score": 0.9},
        {"image_id": "000b", "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5, "keypoints": [1, 2, 0.5]},
        {
            "image_id": "a",
            "file_name": "a.jpg",
            "category_id": 2,
            "score": 0.5,
            "rbox": [1, 1, 1, 1, 0],
            "poly": [0] * 8,
        },
    ]
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps(rows))
    labels = read(path, names={0: "person", 1: "car"})
    assert labels.names == {1: "person", 2: "car"}
    found = by_image(labels)
    assert [one.shape for one in found["a.jpg"]] == ["box", "polygon"] and found["a.jpg"][0].box == (
        30,
        20,
        42,
        36,
    )
    assert found["000b"][0].keypoints == (1, 2, 0.5) and not labels.images[1].has_suffix
    for bad, words in (
        ({"category_id": 0}, "counts from 1"),
        ({"category_id": 3}, "the ids 1 to 2"),
        ({"image_id": 7}, "no file_name"),
    ):
        path.write_text(
            json.dumps([{"image_id": "a", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5} | bad])
        )
        with pytest.raises(LabelsError, match=words):
            read(path, names={0: "person", 1: "car"})


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("auto", {"readme.md": "hello"}, "of no known format"),
        ("yola", {"readme.md": "hello"}, "did you mean yolo"),
        ("voc", {"a.xml": "<!DOCTYPE annotation []><annotation/>"}, "no XML files of annotations"),
        (
            "voc",
            {"a.xml": "<annotation><filename>a.png</filename><object><name>x</name></object></annotation>"},
            "a bndbox",
        ),
        ("voc", {"a.xml": VOC.replace("</bndbox>", "</bndbox><bndbox/>", 1)}, "a.xml has 2 bndbox; each"),
        ("voc", {"a.xml": VOC.replace(">64<", ">6_4<", 1)}, "xmax is '6_4'; it must be a number"),
        ("mot", {"gt/gt.txt": "1,2,3\n"}, "has 3 columns"),
        ("kitti", {"a.txt": "Car 1 2 3\n"}, "15 to 18 columns"),
        ("kitti", {"a.txt": "Car" + " 0" * 14 + " 7.5\n"}, "KITTI allows any number"),
        ("masks", {"a.png": ""}, "name them with --categories"),
    ],
)
def test_what_is_wrong_is_one_sentence(name: str, files: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=words) as error:
        read(write(tmp_path, files), name)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bboxes": [[1, 2, 3, 4]]}, "2 frames, so bboxes"),
        ({"video_id": 7}, "no video has the id 7"),
        ({"segmentations": [{"size": [5, 5], "counts": [25]}, None]}, "size"),
        ({"scores": [0.5, 7]}, "score is 7"),
        (
            {"categories": [{"id": 2, "name": "car"}, {"id": 2, "name": "bus"}]},
            "'car' and 'bus' have the id 2",
        ),
        ({"videos": 2 * vis()["videos"]}, "two videos have the id 1"),
        ({"videos": [{"id": 1}]}, "vis.json: the video 1 has no list of file_names"),
    ],
)
def test_what_is_wrong_with_youtube_vis(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    document = vis() | change if change.keys() & vis().keys() else vis(**change)
    (tmp_path / "vis.json").write_text(json.dumps(document))
    with pytest.raises(LabelsError, match=words):
        read(tmp_path / "vis.json", "youtube-vis")


@pytest.mark.parametrize(
    ("masks", "boxes"),
    [
        ([[[1, 1, 9, 1, 9, 9]], []], None),
        ([[[1, 1, 9, 1, 9, 9]], [[]]], None),
        ([[[1, 1, 9, 1, 9, 9]], None], [[1, 1, 8, 8], [0, 0, 0, 0]]),
        (None, [[1, 1, 8, 8], [0, 0, 0, 0]]),
        (None, [[1, 1, 8, 8], []]),
    ],
)
def test_youtube_vis_without_a_shape_is_no_object(masks: Any, boxes: Any, tmp_path: Path) -> None:
    """Tools that write no null for the frames that an object is not in."""
    document = vis()
    names = ["v/00000.jpg", "v/00001.jpg"]
    document["videos"] = [{"id": 1, "width": 80, "height": 60, "length": 2, "file_names": names}]
    one = {"id": 1, "video_id": 1, "category_id": document["categories"][0]["id"]}
    document["annotations"] = [one | {"segmentations": masks, "bboxes": boxes}]
    (tmp_path / "vis.json").write_text(json.dumps(document))
    found = by_image(read(tmp_path / "vis.json"))
    assert {name: len(labels) for name, labels in found.items()} == {names[0]: 1, names[1]: 0}


def test_coco_of_videos_is_coco(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "v/000001.jpg", "video_id": 1, "frame_id": 0}
    (tmp_path / "a.json").write_text(
        json.dumps({"videos": [{"id": 1, "name": "v"}], "images": [image], "annotations": []})
    )
    assert find_format(tmp_path / "a.json", "auto") is FORMATS["coco"]
    (tmp_path / "b.json").write_text(json.dumps(vis()))
    assert find_format(tmp_path / "b.json", "auto") is FORMATS["youtube-vis"]


def test_a_format_is_one_file(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "one_more.py": """
from lightly_assets.labels.labelled import Label, LabelledImage, Labels, known
from lightly_assets.labels.reading import FORMATS

class Lines:
    first_frame = 0

    def recognises(self, path):
        return path.suffix == ".lines"

    def read(self, path, options):
        rows = [line.split() for line in path.read_text().splitlines()]
        return Labels(path.name, images=[LabelledImage((name,), known([Label(kind)])) for name, kind in rows])

FORMATS.add("lines", Lines())
""",
            "labels.lines": "a.png cat\n",
        },
    )
    with FORMATS.trial(folder):
        assert by_image(read(folder / "labels.lines"))["a.png"][0].category == "cat"
    assert "lines" not in FORMATS
    with pytest.raises(LabelsError, match="no known format"):
        find_format(folder / "labels.lines", "auto")


def labelbox_row(name: str, *objects: dict[str, Any], **data: Any) -> str:
    """A line of the export of a project, as Labelbox documents it."""
    labels = [{"annotations": {"objects": list(objects), "classifications": [], "relationships": []}}]
    row = {
        "data_row": {"id": f"id{name.replace('/', '')}", "external_id": name, **data},
        "media_attributes": {"width": 80, "height": 60},
        "projects": {"p": {"name": "project", "labels": labels}},
    }
    return json.dumps(row)


def test_labelbox(tmp_path: Path) -> None:
    box = {"left": 1, "top": 2, "width": 3, "height": 4}
    lines = [
        labelbox_row(
            "sub/a.jpg",
            {"name": "car", "annotation_kind": "ImageBoundingBox", "bounding_box": box},
            {"name": "road", "annotation_kind": "ImagePolygon", "polygon": []},
        ),
        labelbox_row("b.jpg"),
    ]
    write(tmp_path, {"export.ndjson": "\n".join(lines)})
    labels = read(tmp_path / "export.ndjson")
    assert labels.names == {0: "car"} and labels.images[0].size == (80, 60)
    assert {name: [(one.category, one.box) for one in rows] for name, rows in by_image(labels).items()} == {
        "sub/a.jpg": [("car", (1, 2, 4, 6))],
        "b.jpg": [],
    }
    assert {why: one.count for why, one in labels.dropped.items()} == {
        "that are ImagePolygon, which is not read": 1
    }
    for line, words in (
        ("{}", "no data_row"),
        (labelbox_row("c.jpg").replace('"labels": [', '"labels": [{},'), "single entry"),
    ):
        write(tmp_path, {"export.ndjson": line})
        with pytest.raises(LabelsError, match=words):
            read(tmp_path / "export.ndjson", "labelbox")
