"""COCO files as tools write them, by importing and as the model: both give the same, or refuse the same."""
# ruff: noqa: E501

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as pycoco

from lightly_assets.encoding.encode import TaskSettings, encode
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.format.rle import decode
from lightly_assets.format.schema import Schema
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.names import NameSettings
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.protocol import Source
from lightly_assets.pipeline.publishing.coco_import import ImportSettings, import_coco

WIDTH, HEIGHT = 64, 48
NAMES = ("person", "car")
CATEGORIES = [{"id": 1, "name": "person"}, {"id": 2, "name": "car"}]
IMAGE = {"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}
BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [30, 20, 12, 16], "iscrowd": 0}
GOOD = {"category_id": 1, "bbox": [30, 20, 12, 16], "score": 1.0}


def coco(*annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"images": [IMAGE], "categories": CATEGORIES, "annotations": list(annotations)} | changes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "input" / "a.jpg")
    return tmp_path


def imported(root: Path, task_type: str | None, document: Any, images: Any, **settings: Any) -> Any:
    """What importing writes about a.jpg."""
    (root / "labels.json").write_text(document if isinstance(document, str) else json.dumps(document))
    names = NameSettings(settings.pop("names", "exact"), settings.pop("strip", ""))
    import_coco(
        root / "labels.json",
        root / "lightly",
        "labels",
        input=root / "input",
        images=images,
        task_type=task_type,
        settings=ImportSettings(CocoSettings(**settings, names=names)),
    )
    return json.loads((root / "lightly/.lightly/predictions/labels/a.json").read_bytes())["predictions"]


def as_model(root: Path, task_type: str, document: Any, images: Any, **settings: Any) -> Any:
    """What ``kind: coco`` writes about a.jpg."""
    (root / "labels.json").write_text(document if isinstance(document, str) else json.dumps(document))
    if images is not None:
        settings["images"] = "images.json"
    config = parse_model({"kind": "coco", "path": "labels.json", **settings})
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES, 1)]
    schema = Schema.parse({"task_type": task_type, "categories": categories})
    model = load_model(config, task_type=task_type, categories=schema.categories, base_dir=root)
    model.meet(["a.jpg"])
    image = np.zeros((1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    result = model.predict(image, [Source("a.jpg", None, WIDTH, HEIGHT)])[0]
    return encode(
        result, TaskSettings(schema, encode_settings(config, schema.task_type)), WIDTH, HEIGHT
    ).singletons


def both(root: Path, document: Any, task_type: str | None = None, images: Any = None, **settings: Any) -> Any:
    path = None
    if images is not None:
        path = root / "images.json"
        path.write_text(json.dumps(images))
    found = imported(root, task_type, document, path, **settings)
    kind = json.loads((root / "lightly/.lightly/predictions/labels/schema.json").read_bytes())["task_type"]
    assert as_model(root, kind, document, path, **settings) == found
    return found


def refused(
    root: Path, document: Any, text: str, task_type: str | None, images: Any = None, **settings: Any
) -> None:
    path = None
    if images is not None:
        path = root / "images.json"
        path.write_text(json.dumps(images))
    with pytest.raises(LightlyAssetsError, match=text):
        imported(root, task_type, document, path, **settings)
    assert not (root / "lightly/.lightly/predictions").exists()
    with pytest.raises(LightlyAssetsError, match=text):
        as_model(root, task_type or "object-detection", document, path, **settings)


def changed(**changes: Any) -> dict[str, Any]:
    return BOX | changes


def image(**changes: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in (IMAGE | changes).items() if value is not ...}]


POINTS = {"keypoints": [31, 21, 2, 35, 30, 1]}
POLYGON = [[30, 20, 42, 20, 42, 36, 30, 36]]
KEYPOINT = {"category_id": 1, "keypoints": [31, 21, 1.0, 35, 30, 0.5], "score": 1.0}
RESULT = {"image_id": 1, "category_id": 1, "bbox": [30, 20, 12, 16], "score": 0.5}

READ: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "plain": (coco(BOX), [GOOD]),
    "categories in another order": (coco(changed(category_id=2), categories=CATEGORIES[::-1]), [GOOD | {"category_id": 2}]),
    "ids as text": (
        coco(changed(image_id="1", category_id="1"), categories=[{"id": "1", "name": "person"}, *CATEGORIES[1:]]),
        [GOOD],
    ),
    "ids as floats": (coco(changed(image_id=1.0, category_id=1.0)), [GOOD]),
    "ids of images as text": (coco(BOX, images=image(id="1")), [GOOD]),
    "a stem as the id": (coco(changed(image_id="a")), [GOOD]),
    "sizes as text and floats": (coco(BOX, images=image(width="64", height=48.0)), [GOOD]),
    "sizes that are null": (coco(BOX, images=image(width=None, height=None)), [GOOD]),
    "sizes that are missing or 0": (coco(BOX, images=image(width=..., height=0)), [GOOD]),
    "only a URL": (coco(BOX, images=image(file_name=..., coco_url="http://example.org/val/a.jpg")), [GOOD]),
    "an absolute path": (coco(BOX, images=image(file_name="C:\\data\\a.jpg")), [GOOD]),
    "a path with ./": (coco(BOX, images=image(file_name="./a.jpg")), [GOOD]),
    "Roboflow": (coco(BOX, images=image(file_name=f"a_jpg.rf.{'0a' * 16}.jpg", extra={"name": "a.jpg"})), [GOOD]),
    "Roboflow without the name": (coco(BOX, images=image(file_name=f"a_jpg.rf.{'0a' * 16}.jpg")), [GOOD]),
    "ignored": (coco(BOX, changed(ignore=1), changed(attributes={"outside": True})), [GOOD]),
    "a crowd": (coco(changed(iscrowd=1)), [GOOD]),
    "nulls": (coco(changed(segmentation=None, score=None, keypoints=None)), [GOOD]),
    "empty masks": (coco(changed(segmentation=[]), changed(segmentation=[[]])), [GOOD, GOOD]),
    "a score": (coco(changed(score=0.25)), [GOOD | {"score": 0.25}]),
    "a score as confidence": (coco(changed(confidence=0.25)), [GOOD | {"score": 0.25}]),
    "a score under both names": (coco(changed(score=0.5, confidence=0.25)), [GOOD | {"score": 0.5}]),
    "a score among attributes": (coco(changed(attributes={"score": "x", "confidence": 0.25})), [GOOD | {"score": 0.25}]),
    "attributes that are no score": (coco(changed(attributes={"score": 7}, confidence=None)), [GOOD]),
    "a URL with a signature": (coco(BOX, images=image(file_name="https://me:pw@example.org/a.jpg?Signature=x")), [GOOD]),
    "one wrong of many": (coco(BOX, changed(bbox=[1, 2, 3])), [GOOD]),
    "one wrong score of many": (coco(BOX, changed(score=-1)), [GOOD]),
    "one of an unknown image": (coco(BOX, changed(image_id=7)), [GOOD]),
    "annotations first": ({"annotations": [BOX], "images": [IMAGE], "categories": CATEGORIES}, [GOOD]),
    "keypoints": (coco(changed(**POINTS)), [KEYPOINT | {"bbox": [30, 20, 12, 16]}]),
    "boxes that say their order": (coco(changed(bbox_mode=1, angle=0, rotation=0)), [GOOD]),
    "areas of boxes that could be corners": (
        coco(changed(bbox=[10, 5, 30, 20], area=600)), [GOOD | {"bbox": [10, 5, 30, 20]}],
    ),
    "areas of masks, one by chance that between corners": (
        coco(*[changed(bbox=[10, 5, 30, 20], area=area) for area in (420, 300, 533)]),
        [GOOD | {"bbox": [10, 5, 30, 20]}] * 3,
    ),
    "a box that leaves its image": (coco(changed(bbox=[2, 3, 63, 46])), [GOOD | {"bbox": [2, 3, 62, 45]}]),
    "a category that names no keypoints": (
        coco(changed(**POINTS), categories=[{"id": 1, "name": "person", "keypoints": []}, CATEGORIES[1]]),
        [KEYPOINT | {"bbox": [30, 20, 12, 16]}],
    ),
    "keypoints on a line": (coco(changed(**POINTS, bbox=[31, 21, 4, 0])), [KEYPOINT]),
    "keypoints without a box": (coco({key: value for key, value in changed(**POINTS).items() if key != "bbox"}), [KEYPOINT]),
    "no labelled keypoint": (coco(changed(**POINTS), changed(keypoints=[0] * 6)), [KEYPOINT | {"bbox": [30, 20, 12, 16]}]),
    "scores of keypoints as a list": (
        coco(changed(keypoints=[31, 21, 2, 0, 0, 0], score=[0.75, 0.1])),
        [KEYPOINT | {"keypoints": [31, 21, 0.75, 0, 0, 0], "bbox": [30, 20, 12, 16]}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_is_read(root: Path, name: str) -> None:
    document, expected = READ[name]
    assert both(root, document) == expected


OTHER_IMAGES = [IMAGE, {"id": 2, "file_name": "sub/b.jpg", "width": 8, "height": 8}]
RESULTS: dict[str, Any] = {
    "by id": RESULT,
    "by stem": RESULT | {"image_id": "a"},
    "by name": RESULT | {"image_id": None, "file_name": "a.jpg"},
    "the name decides": RESULT | {"image_id": 2, "file_name": "a.jpg"},
}


@pytest.mark.parametrize("name", RESULTS)
def test_results(root: Path, name: str) -> None:
    Image.new("RGB", (8, 8)).save(root / "input" / "b.jpg")
    images = coco(images=OTHER_IMAGES)
    assert both(root, [RESULTS[name]], images=images) == [GOOD | {"score": 0.5}]


REFUSED: dict[str, tuple[Any, str | None, str]] = {
    "boxes and masks": (
        coco(changed(segmentation=[]), changed(segmentation=POLYGON)),
        "instance-segmentation", "1 of 2 objects have a mask, 1 not; .*--box-only drop.*'box_only: fill'",
    ),
    "boxes and keypoints": (coco(BOX, changed(**POINTS)), "keypoint-detection", "1 of 2 objects have keypoints, 1 not"),
    "a rotation": (coco(changed(attributes={"rotation": 45.0})), None, "1 of 1 objects are turned .*--rotated enclose"),
    "another size": (coco(BOX, images=image(width=128, height=96)), None, r"128×96 .* 64×48"),
    "panoptic": (coco({"image_id": 1, "segments_info": []}), None, "is panoptic"),
    "captions": (coco({"image_id": 1, "caption": "a cat"}), None, "holds captions"),
    "shares": (coco(changed(bbox=[0.1, 0.2, 0.3, 0.4])), None, "boxes lie in the first pixel"),
    "corners": (coco(*[changed(bbox=[30, 20, 60, 40])] * 3), None, r"3 of 3 boxes leave .*--box-format xyxy"),
    "nested keypoints": (coco(changed(keypoints=[[31, 21, 2]])), "keypoint-detection", "keypoints is .* it must be a flat list"),
    "shares as keypoints": (coco(changed(keypoints=[0.5, 0.25, 2])), "keypoint-detection", "keypoints of 1 of 1 objects lie in the first"),
    "polygons nested too deep": (
        coco(changed(segmentation=[POLYGON])), "instance-segmentation", "nested one level too deep",
    ),
    "polygons of two points": (
        coco(changed(segmentation=[[1, 1, 2, 2]])), "instance-segmentation", "a polygon needs three or more points",
    ),
    "a score of a percentage": (coco(changed(score=87)), None, "1 of 1 scores are not in .*such as 87.*divide percentages by 100"),
    "a percentage among shares": (coco(changed(score=0.5), changed(score=2)), None, "1 of 2 scores .*such as 2"),
    "percentages called confidence": (coco(changed(confidence=0.5), changed(confidence=50)), None, "such as 50"),
    "logits": (coco(changed(score=0.5), changed(score=-2.5)), None, r"1 of 2 scores .*such as -2\.5"),
    "a single box of corners": (coco(changed(bbox=[40, 20, 60, 40])), None, "1 of 1 boxes leave .*--box-format xyxy"),
    "corners by their area": (
        coco(changed(bbox=[10, 5, 30, 20], area=300), changed(bbox=[2, 2, 30, 20], area=504)), None,
        "the area of 2 boxes is that between two corners .*--box-format xyxy",
    ),
    "corners by their mode": (coco(changed(bbox=[10, 5, 30, 20], bbox_mode=0)), None, "bbox_mode 0; .*--box-format xyxy"),
    "a rotation beside the box": (coco(changed(rotation=30)), None, "1 of 1 objects are turned .*--rotated enclose"),
    "an angle": (coco(changed(angle=0.5)), None, "1 objects have 'angle', .*remove the key"),
    "fewer keypoints than are named": (
        coco(changed(**POINTS), categories=[{"id": 1, "name": "person", "keypoints": ["a", "b", "c"]}, CATEGORIES[1]]),
        "keypoint-detection", "2 keypoints, but it names 3",
    ),
    "other numbers of keypoints": (
        coco(changed(**POINTS), changed(keypoints=[31, 21, 2])), "keypoint-detection", "have 1 and 2 keypoints",
    ),
    "a list of scores": (coco(changed(score=[0.5])), None, r"score is \[0\.5\]; it must be a number"),
    "a box of objects": (coco(changed(bbox={"x": 1})), None, "bbox is .* it must be four numbers"),
    "negative sides": (coco(changed(bbox=[30, 20, -5, 5])), None, "width and height must not be negative"),
    "no match": (coco(changed(image_id="other")), None, "only 0 of 1 objects are of a listed image"),
    "an unknown category": (coco(changed(category_id=3)), None, "category_id is 3, but the categories are 1, 2"),
    "shifted categories": (
        coco(changed(category_id=0), categories=[{"id": 1, "name": "person"}, {"id": 2, "name": "car"}]),
        None, r"one less than those of the categories: category_map: \{0: 1\}",
    ),
    "two images with an id": (coco(images=[IMAGE, IMAGE]), None, "has the id 1, which 'a.jpg' has already"),
    "two names of one image": (
        coco(images=[IMAGE, IMAGE | {"id": 2, "file_name": "./a.jpg"}]), None, "'a.jpg' and './a.jpg' both lead to 'a.jpg'",
    ),
    "something else": (coco({"image_id": 1, "category_id": 1, "contour": [1, 2, 3]}), None, "have contour, which|it has no bbox"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(root: Path, name: str) -> None:
    document, task_type, text = REFUSED[name]
    refused(root, document, text, task_type)


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
@pytest.mark.parametrize("second", ["first", "last", "empty", "escaped"])
def test_a_key_twice_is_refused(root: Path, key: str, second: str) -> None:
    """Of JSON's two values parsers take the last; two exports that were glued together want both."""
    document = coco(BOX)
    parts = [f'"{name}": {json.dumps(value)}' for name, value in document.items()]
    name = f"{key[:-1]}\\u0073" if second == "escaped" else key
    again = f'"{name}": {"[]" if second == "empty" else json.dumps(document[key])}'
    text = ", ".join([again, *parts] if second == "first" else [*parts, again])
    refused(root, f"{{{text}}}", f"labels.json has the key '{key}' twice", None)


def test_a_key_of_the_images_twice_is_refused(root: Path) -> None:
    text = f'{{"images": [], {json.dumps(coco())[1:]}'
    (root / "images.json").write_text(text)
    for way in (imported, as_model):
        where: Any = root / "images.json" if way is imported else "images.json"
        with pytest.raises(LightlyAssetsError, match=r"images\.json has the key 'images' twice"):
            way(root, "object-detection", [RESULT], where)


LISTS: dict[str, tuple[Any, str]] = {
    "oriented boxes": ([{"image_id": 1, "category_id": 2, "score": 0.9, "rbox": [36, 28, 12, 16, 0.5]}], "turned rectangles"),
    "no results": ([{"x_min": 1, "y_min": 2, "class_name": "car"}], "holds no COCO results: its objects have x_min"),
    "null as the id": ([RESULT | {"image_id": None}], "has no image_id"),
    "numbers": ([1, 2], "the list holds 1; results are objects"),
    "numbers among results": ([RESULT, 5], "results are objects|must hold objects|no.* JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_lists_that_are_refused(root: Path, name: str) -> None:
    document, text = LISTS[name]
    refused(root, document, text, None, images=coco())


def test_ambiguous_ids_are_refused(root: Path) -> None:
    images = coco(images=[IMAGE | {"id": 9}, {"id": 8, "file_name": "x/9.jpg", "width": 8, "height": 8}])
    (root / "input/x").mkdir()
    Image.new("RGB", (8, 8)).save(root / "input/x/9.jpg")
    refused(root, [RESULT | {"image_id": "9"}], "could be several of them by name", None, images=images)


def test_choices_for_boxes_among_masks(root: Path) -> None:
    document = coco(changed(segmentation=[]), changed(segmentation=POLYGON, category_id=2))
    assert [one["category_id"] for one in both(root, document, "object-detection")] == [1, 2]


def test_boxes_become_masks_or_go(root: Path) -> None:
    document = coco(changed(segmentation=[]), changed(segmentation=POLYGON, category_id=2))
    filled = both(root, document, "instance-segmentation", box_only="fill")
    expected = pycoco.decode(pycoco.frPyObjects(POLYGON, HEIGHT, WIDTH))[..., 0]
    assert [(decode(one["segmentation"], HEIGHT, WIDTH) == expected).all() for one in filled] == [True, True]
    (kept,) = both(root, document, "instance-segmentation", box_only="drop")
    assert kept["category_id"] == 2


def test_a_turned_rectangle_is_enclosed(root: Path) -> None:
    """CVAT turns clockwise about the middle; the corners are those of a rotation matrix."""
    box, degrees = [20, 15, 20, 6], 30
    (found,) = both(root, coco(changed(bbox=box, attributes={"rotation": degrees})), rotated="enclose")
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-10, -3], [10, -3], [10, 3], [-10, 3]]) @ turn.T + [30, 18]
    low, high = corners.min(axis=0), corners.max(axis=0)
    assert found["bbox"] == pytest.approx([*low, *(high - low)], abs=2e-3)


def test_quadrilaterals_are_enclosed(root: Path) -> None:
    result = {"image_id": 1, "category_id": 1, "score": 0.5, "poly": [30, 20, 42, 22, 40, 36, 28, 34]}
    (found,) = both(root, [result], images=coco(), rotated="enclose")
    assert found["bbox"] == [28, 20, 14, 16]


def test_corners_can_be_said(root: Path) -> None:
    assert both(root, coco(changed(bbox=[30, 20, 42, 36])), box_format="xyxy") == [GOOD]


def test_keypoints_among_boxes_can_be_kept_alone(root: Path) -> None:
    assert both(root, coco(BOX, changed(**POINTS)), "keypoint-detection", box_only="drop") == [
        KEYPOINT | {"bbox": [30, 20, 12, 16]}
    ]


def test_a_part_of_a_polygon_does_not_stop_the_others(root: Path) -> None:
    (found,) = both(root, coco(changed(segmentation=[*POLYGON, [1, 2], [3, 4, 5, 6]])))
    expected = pycoco.decode(pycoco.frPyObjects(POLYGON, HEIGHT, WIDTH))[..., 0]
    assert (decode(found["segmentation"], HEIGHT, WIDTH) == expected).all()


@pytest.mark.parametrize("form", ["text", "list"])
def test_run_lengths(root: Path, form: str) -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[10:30, 5:40:2] = 1
    packed = pycoco.encode(np.asfortranarray(mask))
    flat = mask.T.ravel()
    runs = np.diff(np.flatnonzero(np.diff(flat, prepend=0)), prepend=0, append=flat.size).tolist()
    counts = packed["counts"].decode() if form == "text" else runs
    (found,) = both(root, coco(changed(segmentation={"size": [HEIGHT, WIDTH], "counts": counts})))
    assert (decode(found["segmentation"], HEIGHT, WIDTH) == mask).all()


def test_a_category_map_settles_names(root: Path) -> None:
    document = coco(
        BOX, changed(category_id=2), categories=[{"id": 1, "name": "human"}, {"id": 2, "name": "tree"}]
    )
    with pytest.raises(
        LightlyAssetsError, match=r"1 'human', 2 'tree', but the task has 1 'person', 2 'car'"
    ):
        as_model(root, "object-detection", document, None)
    assert as_model(root, "object-detection", document, None, category_map={"human": "car"}) == [
        GOOD | {"category_id": 2}
    ]


def test_classes_of_results_that_count_from_elsewhere(root: Path) -> None:
    images = coco(categories=[{"id": 0, "name": "person"}, {"id": 1, "name": "car"}])
    results = [RESULT, RESULT | {"category_id": 2}]
    refused(
        root,
        results,
        r"one more than those of the categories: category_map: \{1: 0, 2: 1\}",
        None,
        images=images,
    )
    found = imported(root, None, results, root / "images.json", category_map={1: 0, 2: 1})
    assert [one["category_id"] for one in found] == [0, 1]


def test_packed_files_and_byte_order_marks(root: Path) -> None:
    data = json.dumps(coco(BOX)).encode()
    for name, content in (("x.json.gz", gzip.compress(data)), ("x.json", b"\xef\xbb\xbf" + data)):
        (root / name).write_bytes(content)
        import_coco(root / name, root / "lightly", "labels", input=root / "input")
        written = json.loads((root / "lightly/.lightly/predictions/labels/a.json").read_bytes())
        assert written["predictions"] == [GOOD]


@pytest.mark.parametrize("sized", [True, False])
def test_boxes_as_centre_and_size_are_refused(root: Path, sized: bool) -> None:
    size = {"width": WIDTH if sized else None, "height": HEIGHT if sized else None}
    right = [changed(bbox=[58, 30, 10, 12]) for _ in range(3)]
    inside = [changed(bbox=[20 + number, 24, 20, 16]) for number in range(17)]
    document = coco(*right, *inside, images=image(**size))
    text = "3 of 20 boxes leave their image, and all fit when they are read as centre and size"
    (root / "labels.json").write_text(json.dumps(document))
    with pytest.raises(LightlyAssetsError, match=text):
        imported(root, None, document, None)
    assert not (root / "lightly/.lightly/predictions").exists()
    # Boxes that leave it on the left, too, are boxes that nobody has cut; and few say nothing.
    left = [changed(bbox=[-4, 30, 10, 12])]
    assert len(imported(root, None, coco(*right, *left, *inside[1:], images=image(**size)), None)) == 20
    assert len(imported(root, None, coco(*right, *inside[1:], images=image(**size)), None)) == 19


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "Infinity"])
def test_numbers_that_json_does_not_have_are_named(root: Path, number: str) -> None:
    text = json.dumps(coco(BOX, changed(score=1))).replace("12, 16", f"12, {number}", 1)
    refused(root, text, f"contains -?{number.lstrip('-')}, which JSON does not have", None)


def test_utf_16_is_named(root: Path) -> None:
    (root / "labels.json").write_bytes(json.dumps(coco(BOX)).encode("utf-16"))
    with pytest.raises(LightlyAssetsError, match="it is UTF-16; save it as UTF-8"):
        import_coco(root / "labels.json", root / "lightly", "labels")


def test_a_signature_is_shown_nowhere(root: Path) -> None:
    urls = [f"https://me:pw@example.org/{name}.jpg?Signature=secret#secret" for name in "abc"]
    images = [IMAGE | {"id": number, "file_name": url} for number, url in enumerate(urls, 1)]
    with pytest.raises(LightlyAssetsError, match="2 of 3 images are not in the input, such as") as caught:
        both(root, coco(BOX, images=images))
    assert "'https://example.org/b.jpg'" in str(caught.value)
    with pytest.raises(LightlyAssetsError, match=r"has the id 1, which 'https://example\.org/a\.jpg' has"):
        both(root, coco(BOX, images=[one | {"id": 1} for one in images]))


def test_lines_of_json_are_named(root: Path) -> None:
    (root / "labels.json").write_text("\n".join([json.dumps(RESULT)] * 3))
    with pytest.raises(LightlyAssetsError, match="one object a line"):
        import_coco(root / "labels.json", root / "lightly", "labels")


def test_small_objects_of_other_images_in_between(root: Path) -> None:
    """Neighbours in the file are read at once; what stands between two of an image is another's."""
    Image.new("RGB", (8, 8)).save(root / "input" / "b.jpg")
    document = coco(
        *[{"image_id": 1 + number % 2, "category_id": 1 + number % 2} for number in range(6)],
        images=[IMAGE, {"id": 2, "file_name": "b.jpg", "width": 8, "height": 8}],
    )
    assert both(root, document) == [{"category_id": 1, "score": 1.0}]
    assert both(root, document | {"annotations": document["annotations"][:4:2]}) == [
        {"category_id": 1, "score": 1.0}
    ]
