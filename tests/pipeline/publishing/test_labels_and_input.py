"""Labels beside an input: frames of videos, turned pictures, what is left over; by importing and in a run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image, ImageOps

from lightly_assets.checker.check import check
from lightly_assets.config import load_project
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.format.rle import decode
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.coco.shapes import stored_view
from lightly_assets.labels.frames import FrameNumbers
from lightly_assets.labels.names import NameSettings
from lightly_assets.pipeline.publishing.coco_import import Imported, ImportSettings, import_coco
from lightly_assets.pipeline.session import Session
from tests.projects import HEIGHT, WIDTH, write_video

CATEGORIES = [{"id": 0, "name": "cat"}]
FRAMES = 12


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_video(tmp_path / "input/sub/v.mp4", range(0, 2 * FRAMES, 2))
    return tmp_path


def labels(names: list[str], **size: Any) -> dict[str, Any]:
    """One box in each image; its x is the place of the image."""
    images = [{"id": place, "file_name": name, **size} for place, name in enumerate(names)]
    annotations = [
        {"image_id": place, "category_id": 0, "bbox": [place, 2, 30, 40]} for place in range(len(names))
    ]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}


def imported(root: Path, document: Any, names: NameSettings | None = None, **settings: Any) -> Imported:
    (root / "labels.json").write_text(json.dumps(document))
    coco = CocoSettings(names=names or NameSettings())
    chosen = ImportSettings(coco, **settings)
    return import_coco(
        root / "labels.json", root / "lightly", "labels", input=root / "input", settings=chosen
    )


def written(root: Path, lightly: str = "lightly") -> dict[str, list[Any]]:
    """The boxes of each prediction file."""
    folder = root / lightly / ".lightly/predictions/labels"
    files = [
        json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json")) if path.name != "schema.json"
    ]
    return {one["file_name"]: [box["bbox"] for box in one["predictions"]] for one in files}


def ran(root: Path, document: Any, **model: Any) -> dict[str, str]:
    """A run with the labels as the model; what failed."""
    (root / "labels.json").write_text(json.dumps(document))
    task = {
        "name": "labels",
        "task_type": "object-detection",
        "categories": CATEGORIES,
        "model": {"kind": "coco", "path": "labels.json", **model},
    }
    datasource = {"input": "./input", "lightly": "./published", "state": "./state"}
    (root / "lightly.yaml").write_text(yaml.safe_dump({"datasource": datasource, "tasks": [task]}))
    failed: dict[str, str] = {}
    with Session(load_project(root / "lightly.yaml")) as session:
        for outcome in session.run(session.plan()):
            for done in outcome.tasks.values():
                failed |= done.failed
        session.finish()
    return failed


EXACT = [f"sub/v-{index:02d}-mp4.png" for index in range(FRAMES)]
CVAT = [f"frame_{index:06d}.PNG" for index in range(FRAMES)]
EXPECTED = {f"sub/v-{index:02d}-mp4.png": [[index, 2, 30, 40]] for index in range(FRAMES)}


@pytest.mark.parametrize(
    ("names", "settings", "model"),
    [
        (EXACT, NameSettings(), {}),
        ([f"sub/v-{index}-mp4.png" for index in range(FRAMES)], NameSettings(), {}),
        ([Path(name).name for name in EXACT], NameSettings("suffix"), {"names": "suffix"}),
        (CVAT, NameSettings(video="sub/v.mp4"), {"video": "sub/v.mp4"}),
        ([f"sub/v/{index:05d}.jpg" for index in range(FRAMES)], NameSettings(), {}),
        (
            [f"{index + 1}.png" for index in range(FRAMES)],
            NameSettings(video="sub/v.mp4", numbers=FrameNumbers(first=1)),
            {"video": "sub/v.mp4", "first_frame": 1},
        ),
        (
            [f"sub/v-{index + 1:02d}-mp4.png" for index in range(FRAMES)],
            NameSettings(numbers=FrameNumbers(first=1)),
            {"first_frame": 1},
        ),
    ],
)
def test_frames_of_a_video(
    root: Path, names: list[str], settings: NameSettings, model: dict[str, Any]
) -> None:
    document = labels(names, width=WIDTH, height=HEIGHT)
    imported(root, document, settings)
    assert written(root) == EXPECTED
    assert check(root / "lightly", root / "input").ok
    assert ran(root, document, **model) == {}
    assert written(root, "published") == EXPECTED


def test_frames_that_are_one_late_are_refused(root: Path) -> None:
    document = labels([f"sub/v-{index:02d}-mp4.png" for index in range(1, FRAMES + 1)])
    late = (
        r"lists frame 12 of 'sub/v\.mp4', which has 12 frames, 0 to 11; .* --first-frame 1 \(first_frame: 1\)"
    )
    with pytest.raises(LightlyAssetsError, match=late):
        imported(root, document)
    assert not (root / "lightly").exists()
    (problem,) = ran(root, document, missing="empty").values()
    with pytest.raises(AssertionError, match=late):
        raise AssertionError(problem)
    (problem,) = ran(root, document).values()
    assert "first_frame: 1" in problem
    assert written(root, "published") == {}


def test_only_some_frames(root: Path) -> None:
    document = labels(EXACT[1:])
    with pytest.raises(
        LightlyAssetsError, match=r"lists 11 of the 12 frames of 'sub/v\.mp4'; its frames begin at 1"
    ):
        imported(root, document)
    left = imported(root, document, unlisted="leave")
    assert (left.files, left.report.unlisted.count) == (11, 1)
    assert imported(root, document, unlisted="empty").files == 12
    assert written(root)["sub/v-00-mp4.png"] == []
    assert list(ran(root, document)) == ["sub/v.mp4"]
    assert ran(root, document, missing="empty") == {}
    assert written(root, "published")["sub/v-00-mp4.png"] == []


def test_frames_without_a_video_are_explained(root: Path) -> None:
    with pytest.raises(
        LightlyAssetsError, match=r"look like frames of a video: name it with --video sub/v\.mp4"
    ):
        imported(root, labels(CVAT))


def test_what_an_earlier_import_has_left(root: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(root / "input" / name)
    imported(root, labels(["a.png", "b.png"]))
    again = imported(root, labels(["a.png"]))
    assert again.leftovers == [".lightly/predictions/labels/b.json"]
    assert any("are of an earlier import, such as 'b.json'" in note for note in again.report.notes)
    assert imported(root, labels(["a.png"]), leftovers="remove").leftovers == again.leftovers
    assert list(written(root)) == ["a.png"]


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["bbox", "polygon", "counts"])
def test_labels_of_the_turned_view(orientation: int, kind: str, tmp_path: Path) -> None:
    """Drawn into what a viewer shows, and found in what is stored."""
    width, height = 20, 12
    stored = Image.new("L", (width, height))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.paste(255, (3, 2, 11, 9))
    stored.putpixel((3, 2), 0)
    path = tmp_path / "a.png"
    stored.save(path, exif=exif)
    with Image.open(path) as picture:
        shown = ImageOps.exif_transpose(picture)
    x1, y1, x2, y2 = shown.getbbox()
    row: dict[str, Any] = {"bbox": [x1, y1, x2 - x1, y2 - y1]}
    if kind == "polygon":
        row = {"segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]]}
    elif kind == "counts":
        flat = [int(shown.getpixel((x, y)) > 0) for x in range(shown.width) for y in range(shown.height)]
        counts, value = [0], 0
        for pixel in flat:
            if pixel != value:
                counts.append(0)
                value = pixel
            counts[-1] += 1
        row = {"segmentation": {"size": [shown.height, shown.width], "counts": counts}}
    found = stored_view(row, orientation, width, height)
    if kind == "bbox":
        assert found["bbox"] == [3, 2, 8, 7]
    elif kind == "polygon":
        points = found["segmentation"][0]
        assert (min(points[0::2]), max(points[0::2]), min(points[1::2]), max(points[1::2])) == (3, 11, 2, 9)
    else:
        columns = found["segmentation"]["counts"]
        mask = decode(columns, width, height).T
        assert (mask == (np.asarray(stored) > 0)).all()


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_turned_picture(orientation: int, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (20, 12)).save(tmp_path / "input/a.jpg", exif=exif)
    size = (12, 20) if orientation == 6 else (20, 12)
    document = labels(["a.jpg"], width=size[0], height=size[1])
    document["annotations"][0]["bbox"] = [1, 2, 4, 6]
    if orientation == 6:
        with pytest.raises(
            LightlyAssetsError, match=r"'a\.jpg' is 12×20 .* 20×12 \(EXIF orientation 6\).*--exif turn"
        ):
            imported(tmp_path, document)
        assert "exif: turn" in ran(tmp_path, document)["a.jpg"]
    imported(tmp_path, document, exif="turn")
    turned = {6: [2, 7, 6, 4], 3: [15, 4, 4, 6]}[orientation]
    assert written(tmp_path) == {"a.jpg": [turned]}
    assert ran(tmp_path, document, exif="turn") == {}
    assert written(tmp_path, "published") == {"a.jpg": [turned]}


@pytest.mark.parametrize(
    ("orientation", "stored", "size"),
    [(3, (20, 12), (20, 12)), (6, (20, 12), (0, 0)), (6, (16, 16), (16, 16)), (2, (20, 12), (0, 0))],
)
def test_a_view_that_the_size_does_not_tell(
    orientation: int, stored: tuple[int, int], size: tuple[int, int], tmp_path: Path
) -> None:
    (tmp_path / "input").mkdir()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", stored).save(tmp_path / "input/a.jpg", exif=exif)
    document = labels(["a.jpg"], width=size[0], height=size[1])
    document["annotations"][0]["bbox"] = [1, 2, 4, 6]
    words = rf"'a\.jpg' \(orientation {orientation}\).*--exif turn.*--exif stored"
    with pytest.raises(LightlyAssetsError, match=words):
        imported(tmp_path, document)
    assert not (tmp_path / "lightly").exists()
    assert "'exif: stored'" in ran(tmp_path, document)["a.jpg"]
    imported(tmp_path, document, exif="stored")
    assert written(tmp_path) == {"a.jpg": [[1, 2, 4, 6]]}
    assert ran(tmp_path, document, exif="stored") == {}
    assert written(tmp_path, "published") == {"a.jpg": [[1, 2, 4, 6]]}


def test_a_size_that_is_that_of_the_stored_pixels(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 12)).save(tmp_path / "input/a.jpg", exif=exif)
    imported(tmp_path, labels(["a.jpg"], width=20, height=12))
    assert list(written(tmp_path)) == ["a.jpg"]


def test_a_part_of_a_video_says_so_too(root: Path) -> None:
    document = labels([f"sub/v/{number:06d}.jpg" for number in range(3, 6)])
    for place, image in enumerate(document["images"]):
        image |= {"video_id": 1, "frame_id": place + 2}
    with pytest.raises(LightlyAssetsError, match=r"frame_id 2 is called 3, .* say --first-frame 1 \(first"):
        imported(root, document, unlisted="leave")
    with pytest.raises(LightlyAssetsError, match=r"say --first-frame 1 \(first"):
        ran(root, document, missing="empty")
    imported(root, document, NameSettings(numbers=FrameNumbers(first=1)), unlisted="leave")
    assert min(written(root)) == "sub/v-02-mp4.png"


def test_corners_are_found_where_only_the_input_knows_the_size(root: Path) -> None:
    Image.new("RGB", (64, 48)).save(root / "input/a.jpg")
    document = labels(["a.jpg"])
    document["annotations"] = [{"image_id": 0, "category_id": 0, "bbox": [30, 20, 60, 40]}] * 3
    with pytest.raises(LightlyAssetsError, match="3 of 3 boxes leave their image"):
        imported(root, document)
    assert not (root / "lightly").exists()


# The number in the first name, its frame_id, and what is said of both.
COUNTED = {
    "MOT as CocoVID": (1, 0, "frame_id 0 is called 1, so names count from 1: say --first-frame 1"),
    "TAO": (1, 0, "frame_id 0 is called 1, so names count from 1: say --first-frame 1"),
    "MOT as ByteTrack has it": (
        1,
        1,
        "frame_id 1 is called 1, and nothing says .* say --first-frame 1 .*or 0",
    ),
    "a second half": (4, 0, "frame_id 0 is called 4, and nothing says .* say --first-frame 1 .*or 0"),
    "a part of a part": (5, 3, "frame_id 3 is called 5, and nothing says .* say --first-frame 1 .*or 0"),
    "both from 0": (0, 0, ""),
    "a part with the video's numbers": (3, 3, ""),
    "names from 0 and ids from 1": (0, 1, ""),
    "ids of a longer video": (1, 5, ""),
}


@pytest.mark.parametrize("name", COUNTED)
def test_the_labels_own_frame_ids_say_what_names_count_from(name: str, root: Path) -> None:
    first, first_id, words = COUNTED[name]
    key = "frame_index" if name == "TAO" else "frame_id"
    document = labels([f"sub/v/{number:06d}.jpg" for number in range(first, first + 5)])
    for place, image in enumerate(document["images"]):
        image |= {"video_id": 1, key: place + first_id}
    if not words:
        imported(root, document, unlisted="leave")
        assert min(written(root)) == f"sub/v-{first:02d}-mp4.png"
        return
    with pytest.raises(LightlyAssetsError, match=words):
        imported(root, document, unlisted="leave")
    with pytest.raises(LightlyAssetsError, match=words):
        ran(root, document, missing="empty")
    assert written(root, "published") == {}
    for said in (0, 1):
        numbers = FrameNumbers(first=said, is_said=True)
        imported(root, document, NameSettings(numbers=numbers), unlisted="leave", leftovers="remove")
        assert written(root)[f"sub/v-{first - said:02d}-mp4.png"] == [[0, 2, 30, 40]]
        assert ran(root, document, missing="empty", first_frame=said) == {}
        assert written(root, "published")[f"sub/v-{first - said:02d}-mp4.png"] == [[0, 2, 30, 40]]


def test_a_box_that_no_object_of_its_image_can_have_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "input").mkdir()
    Image.new("RGB", (64, 48)).save(tmp_path / "input/a.jpg")
    document = labels(["a.jpg"] * 1)
    document["annotations"] += [{"image_id": 0, "category_id": 0, "bbox": [5, 5, 630, 470]}]
    report = imported(tmp_path, document).report
    told = "more than twice as wide or high as the image"
    assert report.notes[0] == (
        f"1 box is {told}, such as annotations[1] of 'a.jpg': are the labels of these images?"
    )
    assert ran(tmp_path, document) == {} and f"1 boxes of a.jpg are {told}" in caplog.text
    # A person that is cut by the edge.
    document["annotations"][1]["bbox"] = [5, 5, 50, 90]
    assert not imported(tmp_path, document, leftovers="remove").report.notes
