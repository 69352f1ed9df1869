"""What goes out comes in again: predictions exported and imported, in every format and kind of task."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from lightly_assets.checker.check import check
from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.names import NameSettings
from lightly_assets.labels.writing import WRITERS
from lightly_assets.pipeline.publishing.label_export import export_task
from lightly_assets.pipeline.publishing.label_import import LabelImportSettings, import_labels
from tests.projects import HEIGHT, WIDTH, positions, write_video

PREDICTIONS = ".lightly/predictions"
IMAGES = ("a.jpg", "sub/b.c.png")
FRAMES = 12


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("input")
    for name in IMAGES:
        (root / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / name)
    write_video(root / "sub/drive 1.mp4", positions(FRAMES))
    return root


def mask(random: np.random.Generator) -> list[int]:
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    top, left = int(random.integers(0, HEIGHT - 4)), int(random.integers(0, WIDTH - 4))
    pixels[top : top + 30, left : left + 20] = (
        random.random(pixels[top : top + 30, left : left + 20].shape) > 0.3
    )
    pixels[top, left] = 1
    return rle.encode(pixels)


def box(random: np.random.Generator) -> list[float]:
    x, y = random.random() * (WIDTH - 20), random.random() * (HEIGHT - 20)
    # As models' numbers are written: a float32 by its shortest text.
    return [
        float(str(np.float32(value))) for value in (x, y, 1 + random.random() * 18, 1 + random.random() * 18)
    ]


def singleton(task_type: TaskType, random: np.random.Generator, category: int) -> dict[str, Any]:
    one: dict[str, Any] = {"category_id": category}
    score = float(np.float32(random.random()))
    if task_type is TaskType.KEYPOINT_DETECTION:
        points = [
            value
            for _ in range(3)
            for value in (*(random.random(2) * 60).round(5).tolist(), round(random.random(), 3))
        ]
        return one | {"keypoints": points, "score": score, "bbox": box(random)}
    if task_type is TaskType.OBJECT_DETECTION:
        return one | {"bbox": box(random), "score": score}
    if task_type is TaskType.CLASSIFICATION:
        return one | {"score": score}
    counts = mask(random)
    one |= {"segmentation": counts, "score": score}
    return one | (
        {"bbox": rle.bounding_box(counts, WIDTH)} if task_type is TaskType.INSTANCE_SEGMENTATION else {}
    )


def write_task(root: Path, task_type: TaskType, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """A task of random predictions; some images have none."""
    random = np.random.default_rng(7)
    schema = Schema.parse(
        {"task_type": task_type, "categories": [{"id": 3, "name": 'a "b" & <c>'}, {"id": 7, "name": "d"}]}
    )
    folder = root / PREDICTIONS / "task"
    found: dict[str, list[dict[str, Any]]] = {}
    for place, name in enumerate(names):
        single = task_type in (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)
        categories = [3] if single else [int(random.choice([3, 7])) for _ in range(3)]
        found[name] = [] if place % 4 == 3 else [singleton(task_type, random, one) for one in categories]
        path = folder / re.sub(r"\.\w+$", ".json", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"file_name": name, "predictions": found[name]}))
    (folder / "schema.json").write_bytes(schema.to_bytes())
    (folder.parent / "tasks.json").write_text('["task"]')
    return found


def frames() -> list[str]:
    return [f"sub/drive 1-{index:02}-mp4.png" for index in range(FRAMES)]


def read_back(root: Path) -> dict[str, list[dict[str, Any]]]:
    folder = root / PREDICTIONS / "task"
    files = [json.loads(path.read_text()) for path in folder.rglob("*.json") if path.name != "schema.json"]
    return {one["file_name"]: one["predictions"] for one in files}


def in_order(predictions: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in predictions)


CASES = [(name, kind) for name in WRITERS.names for kind in WRITERS[name].task_types]


@pytest.mark.parametrize(("format", "kind"), CASES)
def test_what_goes_out_comes_in_again(format: str, kind: TaskType, inputs: Path, tmp_path: Path) -> None:
    names = frames() if format == "youtube-vis" else [*IMAGES, *frames()]
    written = write_task(tmp_path / "one", kind, names)
    out = tmp_path / ("out.json" if format in ("coco", "youtube-vis") else "out")
    exported = export_task(tmp_path / "one", "task", format, out, input=inputs)
    assert exported.images == len(names) and exported.predictions == sum(map(len, written.values()))
    assert not exported.lost
    settings = LabelImportSettings(format=format, task_type=kind)
    parts = sorted(out.rglob("*.xml")) if format == "cvat" else [out]
    found: dict[str, list[dict[str, Any]]] = {}
    for number, part in enumerate(parts):
        import_labels(part, tmp_path / f"two{number}", "task", input=inputs, settings=settings)
        found |= read_back(tmp_path / f"two{number}")
        if format != "cvat":
            assert (tmp_path / "two0" / PREDICTIONS / "task/schema.json").read_bytes() == (
                tmp_path / "one" / PREDICTIONS / "task/schema.json"
            ).read_bytes()
    if format == "cvat":  # names its categories, without numbers
        found = {
            name: [one | {"category_id": {0: 3, 1: 7}[one["category_id"]]} for one in rows]
            for name, rows in found.items()
        }
    assert found.keys() == written.keys()
    for name, predictions in written.items():
        if format == "youtube-vis":  # objects of a category stand together
            assert in_order(found[name]) == in_order(predictions)
        else:
            assert found[name] == predictions, name


def test_coco_keeps_probabilities_and_others_tell(inputs: Path, tmp_path: Path) -> None:
    write_task(tmp_path, TaskType.OBJECT_DETECTION, ["a.jpg"])
    path = tmp_path / PREDICTIONS / "task/a.json"
    data = json.loads(path.read_text())
    for one in data["predictions"]:
        one["probabilities"] = [0.25, 0.75]
    path.write_text(json.dumps(data))
    assert check(tmp_path).ok
    assert not export_task(tmp_path, "task", "coco", tmp_path / "out.json", input=inputs).lost
    import_labels(tmp_path / "out.json", tmp_path / "two", "task", input=inputs)
    assert read_back(tmp_path / "two")["a.jpg"] == data["predictions"]
    for format in ("yolo", "cvat"):
        assert export_task(tmp_path, "task", format, tmp_path / format, input=inputs).lost == {
            "probabilities": 3
        }


def test_pycocotools_reads_the_file(inputs: Path, tmp_path: Path) -> None:
    written = write_task(tmp_path, TaskType.INSTANCE_SEGMENTATION, list(IMAGES))
    export_task(tmp_path, "task", "coco", tmp_path / "out.json", input=inputs)
    coco = COCO(tmp_path / "out.json")
    for image in coco.dataset["images"]:
        for row, one in zip(coco.imgToAnns[image["id"]], written[image["file_name"]], strict=True):
            assert np.array_equal(coco.annToMask(row), rle.decode(one["segmentation"], HEIGHT, WIDTH))
            assert row["area"] == coco.annToMask(row).sum()


@pytest.mark.parametrize(
    ("format", "out", "words"),
    [
        ("yolo", "out", "cannot hold instance-segmentation; these can: coco, cvat, youtube-vis"),
        ("tfrecord", "out", "allowed are coco, cvat, yolo, youtube-vis"),
        ("youtube-vis", "out.json", "is no frame of a video"),
        ("coco", "out.txt", r"must name a file that ends with .json"),
        ("coco", "there.json", "is there already; nothing is overwritten"),
        ("cvat", "full", "not an empty folder"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    format: str, out: str, words: str, inputs: Path, tmp_path: Path
) -> None:
    write_task(tmp_path, TaskType.INSTANCE_SEGMENTATION, ["a.jpg"])
    (tmp_path / "there.json").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    with pytest.raises(LabelsError, match=words):
        export_task(tmp_path, "task", format, tmp_path / out, input=inputs)
    assert (tmp_path / "there.json").read_text() == "mine"


def test_files_of_no_input_stop_an_export(inputs: Path, tmp_path: Path) -> None:
    write_task(tmp_path, TaskType.OBJECT_DETECTION, ["a.jpg", "gone.png"])
    with pytest.raises(LabelsError, match=r"1 of 2 prediction files .* such as 'task/gone.json'; .*--input"):
        export_task(tmp_path, "task", "coco", tmp_path / "out.json", input=inputs)
    with pytest.raises(LabelsError, match=r"no task 'tasks' with a schema.json.*it has 'task'"):
        export_task(tmp_path, "tasks", "coco", tmp_path / "out.json", input=inputs)


def damage(root: Path, good: Path) -> None:
    """Videos that are cut short, empty and of something else, and an image that is none."""
    (root / "broken").mkdir()
    data = good.read_bytes()
    for name, part in {"cut.mp4": data[: len(data) // 2], "empty.AVI": b"", "text.mov": b"text" * 99}.items():
        (root / "broken" / name).write_bytes(part)
    (root / "broken/image.png").write_bytes(b"text")


@pytest.mark.parametrize("format", ["coco", "yolo", "cvat", "youtube-vis"])
def test_damage_that_the_task_has_nothing_of_is_in_nobodys_way(
    format: str, inputs: Path, tmp_path: Path
) -> None:
    shutil.copytree(inputs, tmp_path / "input")
    damage(tmp_path / "input", inputs / "sub/drive 1.mp4")
    # An image that is called like a frame of a damaged video is an image.
    images = [] if format == "youtube-vis" else [*IMAGES, "broken/cut-3-mp4.png"]
    if images:
        shutil.copy(inputs / "sub/b.c.png", tmp_path / "input" / images[-1])
    written = write_task(tmp_path / "one", TaskType.OBJECT_DETECTION, [*images, *frames()])
    out = tmp_path / ("out.json" if format in ("coco", "youtube-vis") else "out")
    exported = export_task(
        tmp_path / "one", "task", format, out, input=tmp_path / "input", pictures=tmp_path / "pictures"
    )
    assert exported.images == len(written) and exported.predictions == sum(map(len, written.values()))


@pytest.mark.parametrize("format", ["coco", "yolo", "cvat", "youtube-vis"])
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["broken/cut-3-mp4.png"], r"'broken/cut\.mp4' cannot be decoded to its end: .*; 'task' has predict"),
        (
            ["broken/text-3-mov.png", "broken/empty-0-AVI.png"],
            r"'broken/empty\.AVI' cannot .* \(and 1 more video\); 'task' .* frames out with --selected",
        ),
        (["broken/image.png"], r"The image 'broken/image\.png' of the input is no image"),
    ],
)
def test_damage_that_the_task_has_something_of_is_named_and_nothing_exported(
    format: str, names: list[str], words: str, inputs: Path, tmp_path: Path
) -> None:
    shutil.copytree(inputs, tmp_path / "input")
    damage(tmp_path / "input", inputs / "sub/drive 1.mp4")
    images = [] if format == "youtube-vis" else list(IMAGES)
    write_task(tmp_path / "one", TaskType.OBJECT_DETECTION, [*images, *frames(), *names])
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / ("new.json" if format in ("coco", "youtube-vis") else "new")
    with pytest.raises(LabelsError, match=words) as caught:
        export_task(tmp_path / "one", "task", format, out, input=tmp_path / "input")
    assert "\n" not in str(caught.value) and not list((tmp_path / "out").iterdir())
    chosen = [*images, *frames()]
    done = export_task(tmp_path / "one", "task", format, out, input=tmp_path / "input", selected=chosen)
    assert done.images == len(chosen)


def test_names_of_the_format_are_frames_whatever_the_format_counts_from(inputs: Path, tmp_path: Path) -> None:
    """YOLO's frames count from 1, but a frame's own name counts from 0; a number that is said goes before."""
    written = write_task(tmp_path / "one", TaskType.OBJECT_DETECTION, frames()[1:])
    export_task(tmp_path / "one", "task", "yolo", tmp_path / "out", input=inputs)
    settings = LabelImportSettings(
        first_frame=1, unlisted="empty", objects=CocoSettings(names=NameSettings())
    )
    import_labels(tmp_path / "out", tmp_path / "two", "task", input=inputs, settings=settings)
    assert read_back(tmp_path / "two")[frames()[0]] == written[frames()[1]]


@pytest.mark.parametrize("format", ["coco", "yolo"])
def test_only_what_is_selected(format: str, inputs: Path, tmp_path: Path) -> None:
    write_task(tmp_path / "one", TaskType.OBJECT_DETECTION, [*IMAGES, *frames()])
    chosen = [IMAGES[0], frames()[1]]
    out = tmp_path / ("out.json" if format == "coco" else "out")
    exported = export_task(tmp_path / "one", "task", format, out, input=inputs, selected=chosen)
    assert exported.images == 2
    if format == "coco":
        names = {one["file_name"] for one in json.loads(out.read_text())["images"]}
        assert names == set(chosen)
    with pytest.raises(LabelsError, match=r"'other\.png' is selected, but 'task' has no file"):
        export_task(tmp_path / "one", "task", format, tmp_path / "no", input=inputs, selected=["other.png"])


def pixels_of(video: Path, indices: list[int]) -> dict[int, np.ndarray[Any, Any]]:
    with av.open(video) as container:
        decoded = enumerate(container.decode(video=0))
        return {index: frame.to_ndarray(format="rgb24") for index, frame in decoded if index in indices}


@pytest.mark.parametrize("format", ["coco", "yolo", "cvat", "youtube-vis"])
def test_the_pictures_beside_the_labels(format: str, inputs: Path, tmp_path: Path) -> None:
    """Exact frames under the names that the labels use, found again where an export was cut short."""
    write_task(tmp_path / "one", TaskType.OBJECT_DETECTION, [*IMAGES, *frames()])
    images = [] if format == "youtube-vis" else [IMAGES[1]]
    chosen = [*images, frames()[1], frames()[7]]
    out = tmp_path / "out" / ("labels.json" if format in ("coco", "youtube-vis") else "")
    pictures = tmp_path / "out/images"
    exported = export_task(
        tmp_path / "one", "task", format, out, input=inputs, selected=chosen, pictures=pictures
    )
    assert (exported.pictures, exported.pictures_found) == (len(chosen), 0)
    found = {path.relative_to(pictures).as_posix(): path for path in pictures.rglob("*") if path.is_file()}
    assert found.keys() == set(chosen)
    for name in images:
        assert found[name].read_bytes() == (inputs / name).read_bytes()
    for index, expected in pixels_of(inputs / "sub/drive 1.mp4", [1, 7]).items():
        assert np.array_equal(np.asarray(Image.open(found[frames()[index]])), expected)
    if format == "yolo":
        stems = {path.relative_to(out / "labels").with_suffix("") for path in out.rglob("*.txt")}
        assert stems == {path.relative_to(pictures).with_suffix("") for path in found.values()}
    # As after a kill: the labels are not there yet, and one picture is missing.
    for path in (tmp_path / "out").iterdir():
        if path != pictures:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    found[frames()[7]].unlink()
    before = found[frames()[1]].stat().st_mtime_ns
    again = export_task(
        tmp_path / "one", "task", format, out, input=inputs, selected=chosen, pictures=pictures
    )
    assert (again.pictures, again.pictures_found) == (len(chosen), len(chosen) - 1)
    assert found[frames()[7]].exists() and found[frames()[1]].stat().st_mtime_ns == before


def test_pictures_of_others_are_not_overwritten(inputs: Path, tmp_path: Path) -> None:
    write_task(tmp_path / "one", TaskType.OBJECT_DETECTION, [*IMAGES, *frames()])
    for name in (IMAGES[0], frames()[3]):
        mine = tmp_path / "images" / name
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_bytes(b"mine")
        with pytest.raises(BadValue, match=r"is there already .*name another folder"):
            export_task(
                tmp_path / "one", "task", "coco", tmp_path / "out.json", input=inputs,
                selected=[name], pictures=tmp_path / "images",
            )  # fmt: skip
        assert mine.read_bytes() == b"mine" and not (tmp_path / "out.json").exists()


def test_frames_of_an_older_video_are_replaced(inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs, tmp_path / "input")
    write_task(tmp_path / "one", TaskType.OBJECT_DETECTION, frames())
    for number in (1, 2):
        export_task(
            tmp_path / "one", "task", "coco", tmp_path / f"{number}.json", input=tmp_path / "input",
            selected=frames()[2:3], pictures=tmp_path / "images",
        )  # fmt: skip
        picture = np.asarray(Image.open(tmp_path / "images" / frames()[2]))
        (expected,) = pixels_of(tmp_path / "input/sub/drive 1.mp4", [2]).values()
        assert np.array_equal(picture, expected)
        write_video(tmp_path / "input/sub/drive 1.mp4", positions(FRAMES)[::-1])
