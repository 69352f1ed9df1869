"""YOLO's text files in the layouts that ultralytics, darknet, CVAT and Roboflow make."""

from pathlib import Path

import pytest
from PIL import Image

from lightly_assets.format.schema import TaskType
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.labelled import Label, Labels
from tests.labels.reading import by_image, read, write

YAML = "path: .\ntrain: images/train\nval: images/val\nnames: {0: person, 2: car}\n"
BOX = "2 0.5 0.5 0.2 0.4\n"


def only(labels: Labels) -> Label:
    (found,) = [label for one in by_image(labels).values() for label in one]
    return found


def data_set(root: Path, files: dict[str, str], *images: str) -> Path:
    write(root, files)
    for image in images:
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(root / image)
    return root


def test_a_data_set_with_its_pictures(tmp_path: Path) -> None:
    files = {"data.yaml": YAML, "labels/train/a.txt": BOX, "labels/train/sub/b.txt": ""}
    root = data_set(
        tmp_path, files, *(f"images/train/{name}.jpg" for name in ("a", "sub/b", "c")), "images/val/d.png"
    )
    for path in (root, root / "data.yaml"):
        labels = read(path)
        found = by_image(labels)
        assert labels.names == {0: "person", 2: "car"}
        assert {name: len(one) for name, one in found.items()} == {
            "images/train/a.jpg": 1,
            "images/train/sub/b.jpg": 0,
            "images/train/c.jpg": 0,  # without a text file: without objects
            "images/val/d.png": 0,
        }
        assert only(labels).box == pytest.approx((0.4, 0.3, 0.6, 0.7))


@pytest.mark.parametrize(
    ("lists", "label", "names"),
    [
        # CVAT's "YOLO 1.1" and datumaro: darknet, text beside the picture.
        ("data/obj_train_data/sub/b.jpg", "obj_train_data/sub/b.txt", "obj.names"),
        # CVAT's "Ultralytics YOLO": images/train and labels/train, with a prefix that is nowhere.
        ("data/images/train/b.jpg", "labels/train/b.txt", "classes.txt"),
        ("/home/somebody/set/images/train/b.jpg", "labels/train/b.txt", "classes.txt"),
        ("my_images/images/b.jpg", "my_images/labels/b.txt", "classes.txt"),
    ],
)
def test_lists_of_pictures_that_lie_elsewhere(lists: str, label: str, names: str, tmp_path: Path) -> None:
    write(tmp_path, {"train.txt": f"{lists}\n./images/none.jpg\n", label: BOX, names: "a\nb\nc\n"})
    labels = read(tmp_path, "yolo")
    assert labels.names == {0: "a", 1: "b", 2: "c"}
    assert [len(one) for one in by_image(labels).values()] == [1, 0]


def test_train_and_val_of_one_name_are_two_pictures(tmp_path: Path) -> None:
    files = {"labels/train/a.txt": BOX, "labels/val/a.txt": BOX + BOX}
    labels = read(data_set(tmp_path, {"data.yaml": YAML, **files}, "images/train/a.jpg", "images/val/a.jpg"))
    assert {name: len(one) for name, one in by_image(labels).items()} == {
        "images/train/a.jpg": 1,
        "images/val/a.jpg": 2,
    }


def test_text_files_alone_name_their_pictures_without_suffix(tmp_path: Path) -> None:
    write(tmp_path, {"train/labels/sub/a.b.txt": BOX, "classes.txt": "a\nb\nc"})
    (image,) = read(tmp_path).images
    assert (
        image.names == ("train/images/sub/a.b", "train/sub/a.b") and not image.has_suffix and image.is_loose
    )


@pytest.mark.parametrize(
    ("line", "task", "score", "shape"),
    [
        ("1 .5 .5 .25 .25", None, None, "box"),
        ("1 .5 .5 .25 .25 .91", None, 0.91, "box"),
        ("1 .5 .5 .25 .25 7", None, None, "box"),  # a track's number, not a score
        ("1 .5 .5 .25 .25 .91 7", None, 0.91, "box"),
        ("1 .1 .1 .5 .1 .5 .5", "instance-segmentation", None, "polygon"),
        ("1 .2 .5 .5 .2 .7 1", "instance-segmentation", None, "polygon"),  # a corner at the edge
        ("1 .5 .5 .25 .25 .7 1", None, 0.7, "box"),  # the first track of a video's frame
        ("1 .1 .1 .5 .1 .5 .5 .75", None, 0.75, "polygon"),
        ("1 .1 .1 .5 .1 .5 .5 .1 .5", "instance-segmentation", None, "polygon"),
        ("1 .5 .5 .25 .25 .4 .4 2 .6 .6 0", "keypoint-detection", None, "keypoints"),
        ("1 .5 .5 .25 .25 .4 .4 2 .6 .6 0 .8", "keypoint-detection", 0.8, "keypoints"),
        ("1 .1 .1 .5 .1 .5 .5", None, None, "polygon"),  # a triangle: the last column is no track
        ("0.93 golden retriever\n0.01 cat", None, 0.93, "class"),
    ],
)
def test_columns_say_what_a_line_is(
    line: str, task: str | None, score: float | None, shape: str, tmp_path: Path
) -> None:
    write(tmp_path, {"labels/a_1.txt": line})
    label = only(read(tmp_path, "yolo", task_type=None if task is None else TaskType(task)))
    assert (label.score, label.shape) == (score, shape)


@pytest.mark.parametrize("task", [None, "object-detection", "keypoint-detection"])
def test_poses_that_may_be_something_else_are_refused(task: str | None, tmp_path: Path) -> None:
    # 17 points with scores and a score: also 26 points without; as polygons, 28 corners.
    row = "0 .5 .5 .2 .2 " + ".1 .2 .9 " * 17 + ".75\n"
    write(tmp_path, {"labels/a.txt": row})
    with pytest.raises(LabelsError, match="57 columns, which could be poses"):
        read(tmp_path, "yolo", task_type=None if task is None else TaskType(task))
    write(tmp_path, {"data.yaml": "names: [person]\nkpt_shape: [17, 3]\n"})
    label = only(read(tmp_path, task_type=None if task is None else TaskType(task)))
    assert label.keypoints == (0.1, 0.2, 0.9) * 17 and label.score == 0.75


def test_poses_are_read_by_the_shape_that_the_data_set_names(tmp_path: Path) -> None:
    row = "0 .5 .5 .2 .2 .1 .2 2 .3 .4 1 0 0 0\n"
    write(tmp_path, {"data.yaml": "names: [p]\nkpt_shape: [3, 3]\n", "labels/a.txt": row})
    assert only(read(tmp_path)).keypoints == (0.1, 0.2, 1, 0.3, 0.4, 0.5, 0, 0, 0)
    write(
        tmp_path,
        {"data.yaml": "names: [p]\nkpt_shape: [3, 2]\n", "labels/a.txt": "0 .5 .5 .2 .2 .1 .2 .3 .4 0 0\n"},
    )
    assert only(read(tmp_path)).keypoints == (0.1, 0.2, 1, 0.3, 0.4, 1, 0, 0, 0)


def test_frames_of_videos_are_known_by_the_end_of_their_name(tmp_path: Path) -> None:
    write(tmp_path, {"labels/drive_1_12.txt": "0 .5 .5 .2 .2 .5"})
    (image,) = read(tmp_path, "yolo").images
    assert image.frame == ("drive_1", 12)


def test_folders_of_a_class_each(tmp_path: Path) -> None:
    root = data_set(tmp_path, {}, "train/cat/a.jpg", "train/dog/b.png", "val/cat/c.jpg")
    labels = read(root, "yolo", task_type=TaskType.CLASSIFICATION)
    assert labels.names == {0: "cat", 1: "dog"}
    found = {image.names: [one.category for one in image.read()] for image in labels.images}
    assert found[("train/dog/b.png", "train/b.png")] == ["dog"] and len(found) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 .1 .1 .5 .1 .5 .5 .1 .5\n" * 2, "oriented boxes, or polygons of four points"),
        ("0 " + ".5 " * 4 + ".1 .1 1 " * 3 + "\n", "poses or polygons"),
        ("0 10 20 30 40\n", "coordinate is 10.*shares"),
        ("0 .5 .5 .2 .2 .5\n0 .5 .5 .2 .2 1.5", "score is '1.5'|score is 1.5"),
        ("person .5 .5 .2 .2\n", "the class is 'person'"),
        ("0 .5 .5 nan .2\n", "column 4 is 'nan'"),
        ("-1 .5 .5 .2 .2\n", "classes count from 0"),
        ("0 .2 .5 .5 .2 .7 1\n" * 2, "triangles, or boxes with a score and a track"),
        ("0 .1 .1 .5 .1 .5 .5 .9\n0 .1 .1 .5 .1 .5 .5 .7 .7 .9 .2\n", "have a score, and some have none"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    write(tmp_path, {"labels/a.txt": text})
    with pytest.raises(LabelsError, match=words) as error:
        for image in read(tmp_path, "yolo").images:
            image.read()
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["train/cat/indoors/a.jpg", "cat/indoors/a.jpg"])
def test_folders_within_a_class(name: str, tmp_path: Path) -> None:
    """torchvision and ultralytics take 'cat', whatever is below it."""
    write(tmp_path, {"train/dog/b.jpg": "", name: ""})
    with pytest.raises(LabelsError, match="whether 'cat' or 'indoors' is their class"):
        read(tmp_path, "yolo", task_type=TaskType.CLASSIFICATION)


def test_a_split_that_is_elsewhere(tmp_path: Path) -> None:
    """Roboflow writes ../valid/images whatever the folder is called, and also where there is none."""
    files = {"data.yaml": "train: ../train/images\nval: ../valid/images\nnames: [car]\n"}
    files |= {"train/labels/a.txt": "0 .5 .5 .2 .2\n", "train/images/a.jpg": ""}
    assert len(read(write(tmp_path, files)).images) == 1
    write(tmp_path, {"val/labels/b.txt": "0 .5 .5 .2 .2\n", "val/images/b.jpg": ""})
    with pytest.raises(LabelsError, match=r"names 'valid/images', which is not there, .*'val/labels/b\.txt'"):
        read(tmp_path)
    write(tmp_path, {"valid/images/c.jpg": ""})
    labels = read(tmp_path)
    assert len(labels.images) == 2 and "'val/labels/b.txt' (1 file)" in labels.notes[0]


def test_a_file_alone_is_none_of_its_folder(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "0 .5 .5 .2 .2\n"})
    with pytest.raises(LabelsError, match="name its folder"):
        read(tmp_path / "a.txt", "yolo")


def test_nothing_outside_of_the_data_set_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"secret/labels/a.txt": BOX, "set/labels/b.txt": BOX, "secret/list.txt": "x.jpg"})
    (tmp_path / "set/labels/link").symlink_to(tmp_path / "secret/labels")
    (tmp_path / "set/labels/c.txt").symlink_to(tmp_path / "secret/labels/a.txt")
    write(tmp_path, {"set/data.yaml": f"path: {tmp_path}/secret\ntrain: images\nnames: [a, b, c]"})
    assert [image.names[-1] for image in read(tmp_path / "set").images] == ["b"]
    write(tmp_path, {"set/data.yaml": "train: labels/../../secret/list.txt\nnames: [a, b, c]"})
    with pytest.raises(LabelsError, match="outside of the data set"):
        read(tmp_path / "set")
    write(tmp_path, {"set/data.yaml": "!!python/object/apply:os.system ['true']"})
    with pytest.raises(LabelsError, match="no YAML"):
        read(tmp_path / "set")


@pytest.mark.parametrize("file", ["labels/a.txt", "labels/a_1.txt"])
def test_percentages_are_no_tracks(file: str, tmp_path: Path) -> None:
    """A track is in an image once, and in images that are numbered."""
    write(tmp_path, {file: "0 .5 .5 .2 .2 87\n0 .1 .1 .1 .1 87\n", "classes.txt": "a"})
    with pytest.raises(LabelsError, match=r"Column 6 is 87 .*divide percentages by 100"):
        read(tmp_path)
    write(tmp_path, {file: "0 .5 .5 .2 .2 87\n0 .1 .1 .1 .1 93\n"})
    if file == "labels/a.txt":
        with pytest.raises(LabelsError, match="divide percentages by 100"):
            read(tmp_path)
    else:
        assert "taken for tracks" in read(tmp_path).notes[0]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"data.yaml": "names: [no, yes]\n"}, "reads as false; put it in quotes"),
        ({"data.yaml": "names: {0: a, 0: b}\n"}, "line 1: '0' is there twice"),
        ({"data.yaml": "names: [a]\nnames: [b]\n"}, "line 2: 'names' is there twice"),
        ({"classes.txt": "a\r\n\r\nb\r\n"}, r"classes.txt: line 2 is empty"),
        ({"classes.txt": "a\n", "labels/b.txt": "0 0,5 0,5 0,2 0,2\n"}, "column 2 is '0,5'"),
    ],
)
def test_names_and_numbers_that_would_be_read_as_others(
    files: dict[str, str], words: str, tmp_path: Path
) -> None:
    write(tmp_path, {"labels/a.txt": BOX} | files)
    with pytest.raises(LabelsError, match=words):
        [one.read() for one in read(tmp_path).images]


def test_line_ends_of_windows(tmp_path: Path) -> None:
    write(tmp_path, {"classes.txt": "a\r\nb\r\n\r\n", "labels/a.txt": "1 .5 .5 .2 .2\r\n\r\n"})
    assert read(tmp_path).names == {0: "a", 1: "b"} and only(read(tmp_path)).category == 1


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"data.yaml": YAML + "nc: 3\n"}, "data.yaml says nc: 3, and there are 2 names"),
        ({"data.yaml": YAML + "nc: many\n"}, "nc is 'many'; it must be a number"),
        (
            {"data.yaml": "train: images/train\nnc: 3\n", "classes.txt": "a\nb\n"},
            "nc: 3, and there are 2 names",
        ),
        (
            {"obj.names": "a\nb\n", "obj.data": "classes = 3\nnames = obj.names\n"},
            "classes = 3, and there are 2",
        ),
    ],
)
def test_how_many_categories_there_are_is_said_once(
    files: dict[str, str], words: str, tmp_path: Path
) -> None:
    """ultralytics refuses the first one with a SyntaxError: "'names' length 2 and 'nc: 3' must match"."""
    write(tmp_path, {**files, "labels/train/a.txt": BOX})
    with pytest.raises(LabelsError, match=words):
        read(tmp_path)


def test_what_agrees_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"data.yaml": YAML + "nc: 2\n", "labels/train/a.txt": BOX})
    assert only(read(tmp_path)).box is not None
    (tmp_path / "data.yaml").unlink()
    write(tmp_path, {"obj.names": "a\nb\nc\n", "obj.data": "classes= 3\ntrain = train.txt\n"})
    assert read(tmp_path).names == {0: "a", 1: "b", 2: "c"}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("0 .6 .6 .9 .9\n0 .7 .5 .95 .9\n0 .1 .1 .3 .3\n", "read as corners x1, y1, x2, y2"),
        # <class> <confidence> <box>, as older tools for mean average precision want it.
        ("0 .87 .5 .5 .2 .2\n0 .91 .2 .2 .3 .1\n", "read as a score before the box"),
        # What globox writes as Darknet's.
        ("0 .5 .25 .4333 .25 .4667\n1 .9 .74375 .5 .4875 .83333\n", "read as a score before the box"),
        ("0 .05 .5 .2 .2\n" * 3 + "0 .5 .5 .2 .2\n" * 17, "read as the first corner and the size"),
    ],
)
def test_numbers_in_another_order(lines: str, words: str, tmp_path: Path) -> None:
    write(tmp_path, {"data.yaml": YAML, "labels/train/a.txt": lines})
    with pytest.raises(LabelsError, match=f"boxes leave their image, and all fit.*{words}"):
        read(tmp_path)


def test_boxes_with_scores_may_leave_their_image(tmp_path: Path) -> None:
    """As unclipped predictions do; not all of them would fit in another order."""
    lines = "0 .98 .5 .2 .2 .3\n0 .5 .5 .2 .2 .9\n"
    write(tmp_path, {"data.yaml": YAML, "labels/train/a.txt": lines})
    assert [one.score for one in by_image(read(tmp_path))["images/train/a"]] == [0.3, 0.9]


def test_boxes_that_leave_their_image_a_little_are_boxes(tmp_path: Path) -> None:
    cut = ".98 .5 .2 .2", ".02 .5 .2 .2", ".5 .97 .2 .2", ".5 .5 1.001 1.001"
    write(tmp_path, {"data.yaml": YAML, "labels/train/a.txt": "".join(f"0 {one}\n" for one in cut)})
    assert len(read(tmp_path).images[0].read()) == 4
    write(tmp_path, {"labels/train/a.txt": "".join(f"0 {one} .9\n" for one in cut)})
    assert [one.score for one in read(tmp_path).images[0].read()] == [0.9] * 4
