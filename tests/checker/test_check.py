"""The checker against folders with one thing wrong each, and against folders that are right."""

import contextlib
import gc
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lightly_assets.checker.check import check
from lightly_assets.checker.expected import VideoSize
from lightly_assets.checker.report import Report
from lightly_assets.format.names.frame_names import frame_name, prediction_path
from lightly_assets.format.rules.table import RULES
from lightly_assets.storage import open_store

WIDTH, HEIGHT = 6, 4
MASK = [2, 2, 4, 2, 14]
GOOD: dict[str, dict[str, Any]] = {
    "classification": {"category_id": 1, "score": 0.7, "probabilities": [0.3, 0.7]},
    "object-detection": {"category_id": 0, "bbox": [1, 1, 2.5, 3], "score": 1, "probabilities": [0.6, 0.4]},
    "keypoint-detection": {
        "category_id": 0,
        "keypoints": [1, 1, 0.5, 5.5, 2, 0],
        "score": 0.5,
        "bbox": [1, 1, 2, 2],
        "probabilities": [0.6, 0.4],
    },
    "instance-segmentation": {
        "category_id": 1,
        "segmentation": MASK,
        "score": 0.25,
        "bbox": [2, 0, 2, 2],
        "probabilities": [0, 1],
    },
    "semantic-segmentation": {"category_id": 0, "segmentation": MASK, "score": 0, "probabilities": [1, 0]},
}
CATEGORIES = [{"id": 0, "name": "person", "supercategory": "animal"}, {"id": 1, "name": "car"}]

Files = dict[str, bytes]


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def good_files(task_type: str) -> Files:
    """A task folder with nothing to complain about."""
    singleton = GOOD[task_type]
    return {
        "tasks.json": dump(["task"]),
        "task/schema.json": dump({"task_type": task_type, "categories": CATEGORIES}),
        "task/a.json": dump({"file_name": "a.png", "predictions": [singleton]}),
        "task/sub/b.c.json": dump({"file_name": "sub/b.c.jpg", "predictions": [singleton, singleton]}),
        "task/sub/empty.json": dump({"file_name": "sub/empty.png", "predictions": []}),
    }


def write(root: Path, files: Files) -> None:
    for name, data in files.items():
        path = root / ".lightly" / "predictions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def found(report: Report) -> list[tuple[str, str, str, int]]:
    return [(one.rule, one.file, one.pointer, one.count) for one in report.findings]


@pytest.mark.parametrize("task_type", GOOD)
def test_good_folders(tmp_path: Path, task_type: str) -> None:
    write(tmp_path, good_files(task_type))
    report = check(tmp_path)
    assert report.to_json() == {"ok": True, "files": 3, "findings": []}


# One field changed in the second prediction of a file: task type, change, rule, pointer.
DETECTION, CLASSIFICATION, KEYPOINTS = "object-detection", "classification", "keypoint-detection"
INSTANCE, SEMANTIC = "instance-segmentation", "semantic-segmentation"
FIELDS: list[tuple[str, dict[str, Any], str, str]] = [
    (DETECTION, {"category_id": 7}, "category-unknown", "/category_id"),
    (DETECTION, {"category_id": -1}, "category-unknown", "/category_id"),
    (DETECTION, {"category_id": True}, "category-id-type", "/category_id"),
    (DETECTION, {"category_id": "0"}, "category-id-type", "/category_id"),
    (DETECTION, {"category_id": 0.0}, "category-id-type", "/category_id"),
    (DETECTION, {"category_id": None}, "category-id-type", "/category_id"),
    (DETECTION, {"category_id": [0]}, "category-id-type", "/category_id"),
    (DETECTION, {"category_id": 10**40}, "category-unknown", "/category_id"),
    (DETECTION, {"score": 1.2}, "score-range", "/score"),
    (DETECTION, {"score": -0.1}, "score-range", "/score"),
    (DETECTION, {"score": 10**400}, "score-range", "/score"),
    (DETECTION, {"score": "0.5"}, "score-type", "/score"),
    (DETECTION, {"score": True}, "score-type", "/score"),
    (DETECTION, {"score": None}, "score-type", "/score"),
    (DETECTION, {"score": [0.5]}, "score-type", "/score"),
    (CLASSIFICATION, {"score": 2}, "score-range", "/score"),
    (DETECTION, {"probabilities": [1]}, "probabilities-length", "/probabilities"),
    (DETECTION, {"probabilities": []}, "probabilities-length", "/probabilities"),
    (DETECTION, {"probabilities": [0.5, 0.25, 0.25]}, "probabilities-length", "/probabilities"),
    (DETECTION, {"probabilities": [0.5, 0.4]}, "probabilities-sum", "/probabilities"),
    (DETECTION, {"probabilities": [0.6, 0.402]}, "probabilities-sum", "/probabilities"),
    (DETECTION, {"probabilities": [1.1, -0.1]}, "probabilities-range", "/probabilities/0"),
    (DETECTION, {"probabilities": [0.6, "0.4"]}, "probabilities-type", "/probabilities"),
    (DETECTION, {"probabilities": {"0": 1}}, "probabilities-type", "/probabilities"),
    (DETECTION, {"probabilities": [0.2, 0.8]}, "probabilities-argmax", "/probabilities"),
    (CLASSIFICATION, {"probabilities": [0.8, 0.2]}, "probabilities-argmax", "/probabilities"),
    (DETECTION, {"bbox": [1, 1, 2]}, "bbox-length", "/bbox"),
    (DETECTION, {"bbox": []}, "bbox-length", "/bbox"),
    (DETECTION, {"bbox": [1, 1, 2, 2, 2]}, "bbox-length", "/bbox"),
    (DETECTION, {"bbox": [-1, 1, 2, 2]}, "bbox-negative", "/bbox"),
    (DETECTION, {"bbox": [1, -0.001, 2, 2]}, "bbox-negative", "/bbox"),
    (DETECTION, {"bbox": [1, 1, 0, 2]}, "bbox-size", "/bbox"),
    (DETECTION, {"bbox": [1, 1, 2, 0.99]}, "bbox-size", "/bbox"),
    (DETECTION, {"bbox": "1,1,2,2"}, "bbox-type", "/bbox"),
    (DETECTION, {"bbox": None}, "bbox-type", "/bbox"),
    (DETECTION, {"bbox": [1, 1, "2", 2]}, "bbox-type", "/bbox"),
    (DETECTION, {"bbox": [1, 1, True, 2]}, "bbox-type", "/bbox"),
    (DETECTION, {"bbox": [[1, 1], [2, 2]]}, "bbox-type", "/bbox"),
    (DETECTION, {"bbox": [10**400, 1, 2, 2]}, "bbox-type", "/bbox"),
    (KEYPOINTS, {"keypoints": [1, 10**400, 1]}, "keypoints-type", "/keypoints"),
    (KEYPOINTS, {"bbox": [1, 1, 2, -(10**400)]}, "bbox-type", "/bbox"),
    (DETECTION, {"probabilities": [10**400, 0]}, "probabilities-range", "/probabilities/0"),
    (SEMANTIC, {"segmentation": [2, 10**400]}, "segmentation-size", "/segmentation"),
    (INSTANCE, {"segmentation": [2, 2**63]}, "segmentation-size", "/segmentation"),
    (DETECTION, {"area": 5}, "key-unknown", "/area"),
    (DETECTION, {"a/b~c": 5}, "key-unknown", "/a~1b~0c"),
    (DETECTION, {"segmentation": MASK}, "key-unknown", "/segmentation"),
    (SEMANTIC, {"bbox": [1, 1, 2, 2]}, "key-unknown", "/bbox"),
    (CLASSIFICATION, {"bbox": [1, 1, 2, 2]}, "key-unknown", "/bbox"),
    (KEYPOINTS, {"keypoints": []}, "keypoints-length", "/keypoints"),
    (KEYPOINTS, {"keypoints": [1, 1, 1, 2]}, "keypoints-length", "/keypoints"),
    (KEYPOINTS, {"keypoints": [1, 1, 1, -2, 1, 1]}, "keypoints-negative", "/keypoints/3"),
    (KEYPOINTS, {"keypoints": [1, 1, 1, 2, 1, 2]}, "keypoints-score", "/keypoints/5"),
    (KEYPOINTS, {"keypoints": [[1, 1, 1]]}, "keypoints-type", "/keypoints"),
    (KEYPOINTS, {"keypoints": 3}, "keypoints-type", "/keypoints"),
    (INSTANCE, {"segmentation": []}, "segmentation-empty", "/segmentation"),
    (SEMANTIC, {"segmentation": [24]}, "segmentation-empty", "/segmentation"),
    (INSTANCE, {"segmentation": [2, -2, 24]}, "segmentation-negative", "/segmentation/1"),
    (INSTANCE, {"segmentation": [2, 2, 0, 2, 18]}, "segmentation-zero-run", "/segmentation/2"),
    (INSTANCE, {"segmentation": [2.0, 22]}, "segmentation-type", "/segmentation"),
    (INSTANCE, {"segmentation": [[1, 1, 2, 1, 2, 2]]}, "segmentation-type", "/segmentation"),
    (INSTANCE, {"segmentation": {"size": [4, 6], "counts": "abc"}}, "segmentation-type", "/segmentation"),
    (SEMANTIC, {"segmentation": [2, 2, 21]}, "segmentation-size-differs", "/segmentation"),
]


@pytest.mark.parametrize(("task_type", "change", "rule", "pointer"), FIELDS)
def test_a_bad_field(tmp_path: Path, task_type: str, change: dict[str, Any], rule: str, pointer: str) -> None:
    files = good_files(task_type)
    good = GOOD[task_type]
    bad = {**good, **change}
    if rule.startswith("segmentation-empty") and not change["segmentation"]:
        good, bad = {**good, "segmentation": MASK}, bad
    files["task/a.json"] = dump({"file_name": "a.png", "predictions": [good, bad]})
    write(tmp_path, files)
    report = check(tmp_path)
    rules = [(one.rule, one.file, one.pointer, one.count) for one in report.findings]
    assert rules[0] == (rule, "task/a.json", f"/predictions/1{pointer}", 1)
    # An empty mask also has another number of pixels; nothing else comes with anything else.
    assert {one[0] for one in rules[1:]} <= (
        {"segmentation-size-differs"} if rule == "segmentation-empty" else set()
    )
    assert report.ok == (RULES[rule].severity == "warning")
    assert max(len(one.message) for one in report.findings) < 200


@pytest.mark.filterwarnings("error")
def test_an_edge_beyond_the_largest_number(pair: tuple[Path, Path]) -> None:
    root, input = pair
    files = good_files(DETECTION)
    singleton = {"category_id": 0, "bbox": [1e308, 0, 1e308, 1], "score": 1}
    files["task/a.json"] = dump({"file_name": "a.png", "predictions": [singleton]})
    write(root, files)
    assert found(check(root)) == []
    assert ("bbox-outside", "task/a.json", "/predictions/0/bbox", 1) in found(check(root, input))


@pytest.mark.parametrize("task_type", GOOD)
def test_every_required_key(tmp_path: Path, task_type: str) -> None:
    optional = {"probabilities", *({"score"} if task_type == CLASSIFICATION else ())}
    optional |= {"bbox"} if task_type == KEYPOINTS else set()
    for key in GOOD[task_type]:
        files = good_files(task_type)
        singleton = {name: value for name, value in GOOD[task_type].items() if name != key}
        files["task/a.json"] = dump({"file_name": "a.png", "predictions": [singleton]})
        write(tmp_path, files)
        expected = [] if key in optional else [("key-missing", "task/a.json", "/predictions/0", 1)]
        assert found(check(tmp_path)) == expected


SINGLETON = json.dumps(GOOD[DETECTION])
HEAD = b'{"file_name": "a.png", "predictions": '
# The bytes of a whole prediction file: a name for the case, the bytes, the rule, the pointer.
WHOLE: list[tuple[str, bytes, str, str]] = [
    ("empty", b"", "json-invalid", ""),
    ("blank", b" \n", "json-invalid", ""),
    ("cut", HEAD + b'[{"category_id": 0,', "json-invalid", ""),
    ("trailing comma", HEAD + b"[],}", "json-invalid", ""),
    ("comment", HEAD + b"[] // none\n}", "json-invalid", ""),
    ("two documents", HEAD + b"[]}{}", "json-invalid", ""),
    ("bom", b"\xef\xbb\xbf" + HEAD + b"[]}", "json-bom", ""),
    ("utf-16", (HEAD + b"[]}").decode().encode("utf-16-le"), "json-invalid", ""),
    ("latin-1", HEAD + b'[{"caf\xe9": 1}]}', "json-encoding", ""),
    ("nan", HEAD + b'[{"category_id": 0, "bbox": [1, 1, 2, 2], "score": NaN}]}', "json-not-a-number", ""),
    (
        "infinity",
        HEAD + b'[{"category_id": 0, "bbox": [1, 1, Infinity, 2], "score": 1}]}',
        "json-not-a-number",
        "",
    ),
    ("duplicate file_name", b'{"file_name": "x.png", ' + HEAD[1:] + b"[]}", "json-duplicate-key", ""),
    ("duplicate score", HEAD + f'[{SINGLETON[:-1]}, "score": 0.5}}]}}'.encode(), "json-duplicate-key", ""),
    ("deep", HEAD + b"[" * 500 + b"]" * 500 + b"}", "json-depth", ""),
    ("very deep", b"[" * 2_000_000, "json-depth", ""),
    ("huge number", HEAD + b"[" + b"9" * 10_000 + b"]}", "json-invalid", ""),
    (
        "1e999",
        HEAD + b'[{"category_id": 0, "bbox": [1, 1, 1e999, 2], "score": 1}]}',
        "bbox-type",
        "/predictions/0/bbox",
    ),
    ("list", b"[]", "file-invalid", ""),
    ("null", b"null", "file-invalid", ""),
    ("number", b"3", "file-invalid", ""),
    ("text", b'"file_name predictions"', "file-invalid", ""),
    ("no predictions", b'{"file_name": "a.png"}', "file-key-missing", ""),
    ("no file_name", b'{"predictions": []}', "file-key-missing", ""),
    ("extra key", HEAD + b'[], "image_id": 3}', "file-key-unknown", "/image_id"),
    ("other name", b'{"file_name": "b.png", "predictions": []}', "file-name", "/file_name"),
    ("absolute name", b'{"file_name": "/input/a.png", "predictions": []}', "file-name", "/file_name"),
    ("dotted name", b'{"file_name": "./a.png", "predictions": []}', "file-name", "/file_name"),
    ("no suffix", b'{"file_name": "a", "predictions": []}', "file-name", "/file_name"),
    ("json suffix", b'{"file_name": "a.json", "predictions": []}', "file-name", "/file_name"),
    ("video suffix", b'{"file_name": "a.mp4", "predictions": []}', "file-name", "/file_name"),
    ("name of a number", b'{"file_name": 1, "predictions": []}', "file-name", "/file_name"),
    ("empty name", b'{"file_name": "", "predictions": []}', "file-name", "/file_name"),
    ("predictions null", HEAD + b"null}", "predictions-invalid", "/predictions"),
    ("predictions object", HEAD + SINGLETON.encode() + b"}", "predictions-invalid", "/predictions"),
    ("predictions text", HEAD + b'"[]"}', "predictions-invalid", "/predictions"),
    ("singleton list", HEAD + b"[[]]}", "singleton-invalid", "/predictions/0"),
    ("singleton null", HEAD + b"[null]}", "singleton-invalid", "/predictions/0"),
    (
        "surrogate",
        HEAD + b'[{"\\ud800": 1, ' + SINGLETON[1:].encode() + b"]}",
        "key-unknown",
        "/predictions/0/\\ud800",
    ),
]


@pytest.mark.parametrize(
    ("data", "rule", "pointer"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE]
)
def test_a_bad_file(tmp_path: Path, data: bytes, rule: str, pointer: str) -> None:
    write(tmp_path, {**good_files(DETECTION), "task/a.json": data})
    report = check(tmp_path)
    assert found(report) == [(rule, "task/a.json", pointer, 1)]
    assert report.ok == (RULES[rule].severity == "warning")
    json.dumps(report.to_json()).encode()
    report.to_text().encode()


def schema(**changes: Any) -> bytes:
    return dump({"task_type": DETECTION, "categories": CATEGORIES, **changes})


def one_category(**changes: Any) -> bytes:
    return schema(categories=[{"id": 0, "name": "person", **changes}, {"id": 1, "name": "car"}])


SCHEMAS: list[tuple[bytes, str, str]] = [
    (b"", "json-invalid", ""),
    (b"[]", "schema-invalid", ""),
    (dump({"categories": CATEGORIES}), "schema-invalid", ""),
    (dump({"task_type": DETECTION}), "schema-invalid", ""),
    (schema(task_type="object_detection"), "schema-task-type", "/task_type"),
    (schema(task_type="Object-Detection"), "schema-task-type", "/task_type"),
    (schema(task_type=["classification"]), "schema-task-type", "/task_type"),
    (schema(categories=[]), "schema-categories", "/categories"),
    (schema(categories={"0": "person"}), "schema-categories", "/categories"),
    (schema(categories=["person"]), "schema-categories", "/categories/0"),
    (one_category(id=-1), "category-id", "/categories/0/id"),
    (one_category(id="0"), "category-id", "/categories/0/id"),
    (one_category(id=False), "category-id", "/categories/0/id"),
    (one_category(id=None), "category-id", "/categories/0/id"),
    (one_category(name=""), "category-name", "/categories/0/name"),
    (one_category(name=3), "category-name", "/categories/0/name"),
    (
        schema(categories=[{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]),
        "category-duplicate",
        "/categories/1/id",
    ),
    (b"\xef\xbb\xbf" + schema(), "json-bom", ""),
    (schema()[:-1] + b', "task_type": "classification"}', "json-duplicate-key", ""),
]


@pytest.mark.parametrize(("data", "rule", "pointer"), SCHEMAS)
def test_a_bad_schema(tmp_path: Path, data: bytes, rule: str, pointer: str) -> None:
    write(tmp_path, {**good_files(DETECTION), "task/schema.json": data})
    report = check(tmp_path)
    errors = [one for one in found(report) if RULES[one[0]].severity == "error"]
    assert errors == [(rule, "task/schema.json", pointer, 1)]
    assert not report.ok


def test_gaps_between_ids_are_a_warning(tmp_path: Path) -> None:
    categories = [{"id": 7, "name": "car"}, {"id": 0, "name": "person"}]
    singleton = {**GOOD[DETECTION], "category_id": 7, "probabilities": [0.1, 0.9]}
    write(
        tmp_path,
        {
            "tasks.json": dump(["task"]),
            "task/schema.json": schema(categories=categories),
            "task/a.json": dump({"file_name": "a.png", "predictions": [singleton]}),
        },
    )
    report = check(tmp_path)
    assert found(report) == [("category-gap", "task/schema.json", "/categories", 1)]
    assert report.ok


TASKS: list[tuple[bytes, str, str, str]] = [
    (b"", "json-invalid", "tasks.json", ""),
    (b'{"tasks": ["task"]}', "tasks-invalid", "tasks.json", ""),
    (b"\xef\xbb\xbf[]", "json-bom", "tasks.json", ""),
    (b'["task", 3]', "tasks-invalid", "tasks.json", "/1"),
    (b'["task", "task"]', "tasks-duplicate", "tasks.json", "/1"),
    (b'["task", ""]', "task-name", "tasks.json", "/1"),
    (b'["task", "../other"]', "task-name", "tasks.json", "/1"),
    (b'["task", ".."]', "task-name", "tasks.json", "/1"),
    (b'["task", "missing"]', "task-missing", "missing", ""),
]


@pytest.mark.parametrize(("data", "rule", "file", "pointer"), TASKS)
def test_bad_tasks(tmp_path: Path, data: bytes, rule: str, file: str, pointer: str) -> None:
    write(tmp_path, {**good_files(DETECTION), "tasks.json": data})
    assert found(check(tmp_path)) == [(rule, file, pointer, 1)]


def test_a_missing_tasks_file(tmp_path: Path) -> None:
    files = good_files(DETECTION)
    del files["tasks.json"]
    write(tmp_path, files)
    assert found(check(tmp_path)) == [("tasks-missing", "tasks.json", "", 1)]


@pytest.mark.parametrize(
    ("inside", "advice"),
    [
        ("", "holds '.lightly'"),
        (".lightly", "ROOT/.."),
        (".lightly/predictions", "ROOT/../.."),
        (".lightly/predictions/task", "ROOT/../../.."),
    ],
)
def test_a_root_that_is_another_folder_says_which_one_to_name(
    tmp_path: Path, inside: str, advice: str
) -> None:
    if inside:
        write(tmp_path, good_files(DETECTION))
    report = check(tmp_path / inside)
    assert found(report) == [("tasks-missing", "tasks.json", "", 1)]
    assert advice in report.findings[0].message


def test_a_missing_tasks_file_beside_tasks_says_to_write_one(tmp_path: Path) -> None:
    files = good_files(DETECTION)
    del files["tasks.json"]
    write(tmp_path, files)
    assert "write one" in check(tmp_path).findings[0].message


@pytest.mark.parametrize("file", ["tasks.json", "task/schema.json", "task/a.json"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "circle", "outside"])
def test_what_is_no_file(tmp_path: Path, file: str, kind: str) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere.json"
    files = good_files(DETECTION)
    elsewhere.write_bytes(files.pop(file))
    write(root, files)
    path = root / ".lightly/predictions" / file
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "circle":
            path.symlink_to(path)
        case "outside":
            path.symlink_to(elsewhere)
    rule = "link-outside" if kind in ("circle", "outside") else "file-unreadable"
    # A folder may have any name in a task.
    expected = [] if (file, kind) == ("task/a.json", "folder") else [(rule, file, "", 1)]
    assert found(check(root)) == expected


def test_a_root_that_does_not_exist(tmp_path: Path) -> None:
    assert found(check(tmp_path / "nowhere")) == [("tasks-missing", "tasks.json", "", 1)]


def test_a_missing_schema(tmp_path: Path) -> None:
    files = good_files(DETECTION)
    del files["task/schema.json"]
    write(tmp_path, files)
    assert found(check(tmp_path)) == [("schema-missing", "task/schema.json", "", 1)]


def test_a_task_name_that_cannot_be_selected(tmp_path: Path) -> None:
    files = {name.replace("task/", "my task/"): data for name, data in good_files(DETECTION).items()}
    write(tmp_path, {**files, "tasks.json": b'["my task"]'})
    report = check(tmp_path)
    assert found(report) == [("task-name-selection", "tasks.json", "/0", 1)]
    assert report.files == 3


def test_unlisted_folders_are_left_alone(tmp_path: Path) -> None:
    write(
        tmp_path,
        {**good_files(DETECTION), "irrelevant/schema.json": b"{", "irrelevant/a.json": b"[", "note.txt": b""},
    )
    assert found(check(tmp_path)) == []


def test_foreign_files_are_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {**good_files(DETECTION), "task/.DS_Store": b"\0", "task/sub/note.txt": b""})
    report = check(tmp_path)
    assert found(report) == [
        ("file-foreign", "task/.DS_Store", "", 1),
        ("file-foreign", "task/sub/note.txt", "", 1),
    ]
    assert report.ok


def test_links(tmp_path: Path) -> None:
    root = tmp_path / "lightly"
    write(root, good_files(DETECTION))
    folder = root / ".lightly/predictions/task"
    (tmp_path / "secret.json").write_bytes(dump({"file_name": "secret.png", "predictions": []}))
    (folder / "secret.json").symlink_to(tmp_path / "secret.json")
    (folder / "loop").symlink_to(folder)
    (folder / "other").symlink_to(tmp_path)
    (folder / "c.json").symlink_to(folder / "a.json")
    os.mkfifo(folder / "pipe.json")
    report = check(root)
    assert found(report) == [
        ("file-unreadable", "task/pipe.json", "", 1),
        ("link-outside", "task/loop", "", 1),
        ("link-outside", "task/other", "", 1),
        ("link-outside", "task/secret.json", "", 1),
        # A link to a place inside is followed, and its file_name is another one.
        ("file-name", "task/c.json", "/file_name", 1),
    ]


def test_a_linked_task_folder(tmp_path: Path) -> None:
    root = tmp_path / "lightly"
    write(root, good_files(DETECTION))
    folder = root / ".lightly/predictions/task"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert not check(root).ok


def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    write(tmp_path, good_files(DETECTION))
    folder = os.fsencode(tmp_path / ".lightly/predictions/task")
    path = Path(os.fsdecode(folder + b"/caf\xe9.json"))
    path.write_bytes(dump({"file_name": "café.png", "predictions": []}))
    report = check(tmp_path)
    assert found(report) == [("file-name", "task/caf\\udce9.json", "/file_name", 1)]
    json.dumps(report.to_json(), ensure_ascii=False).encode()
    report.to_text().encode()


def test_folders_nested_deeper_than_python(tmp_path: Path) -> None:
    write(tmp_path, good_files(DETECTION))
    with contextlib.chdir(tmp_path / ".lightly/predictions/task"):
        for _ in range(1200):
            Path("d").mkdir()
            os.chdir("d")
    with contextlib.chdir(tmp_path):
        assert check(tmp_path).files == 3
        # Cleaning up recurses as well, so the folders are taken away from the bottom.
        subprocess.run(["rm", "-rf", ".lightly/predictions/task/d"], check=True)


def make_input(root: Path, keys: dict[str, tuple[int, int]]) -> None:
    for key, size in keys.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(path)


def measured(frames: int) -> Callable[[str], VideoSize]:
    return lambda key: VideoSize(frames, WIDTH, HEIGHT)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """An input of three images and the folder that belongs to it."""
    make_input(
        tmp_path / "input",
        {"a.png": (WIDTH, HEIGHT), "sub/b.c.jpg": (WIDTH, HEIGHT), "sub/empty.png": (1, 1)},
    )
    write(tmp_path / "lightly", good_files(DETECTION))
    return tmp_path / "lightly", tmp_path / "input"


@pytest.mark.parametrize("task_type", GOOD)
def test_complete(pair: tuple[Path, Path], task_type: str) -> None:
    write(pair[0], good_files(task_type))
    assert check(*pair).to_json() == {"ok": True, "files": 3, "findings": []}


def test_missing_and_orphaned(pair: tuple[Path, Path]) -> None:
    lightly, source = pair
    (source / "a.png").rename(source / "z.png")
    report = check(lightly, source)
    assert found(report) == [
        ("prediction-missing", "task/z.json", "", 1),
        ("prediction-orphan", "task/a.json", "", 1),
    ]


def test_the_suffix_of_the_input_counts(pair: tuple[Path, Path]) -> None:
    lightly, source = pair
    (source / "a.png").rename(source / "a.PNG")
    assert found(check(lightly, source)) == [("file-name", "task/a.json", "/file_name", 1)]


@pytest.mark.parametrize(
    ("task_type", "change", "rule"),
    [
        (DETECTION, {"bbox": [4, 1, 2.5, 2]}, "bbox-outside"),
        (DETECTION, {"bbox": [1, 3, 2, 2]}, "bbox-outside"),
        (KEYPOINTS, {"keypoints": [1, 5, 1]}, "keypoints-outside"),
        (SEMANTIC, {"segmentation": [2, 2, 21]}, "segmentation-size"),
        (INSTANCE, {"segmentation": [2, 2, 4, 2, 15]}, "segmentation-size"),
        (INSTANCE, {"bbox": [5, 3, 1, 1]}, "segmentation-bbox"),
    ],
)
def test_against_the_image(
    pair: tuple[Path, Path], task_type: str, change: dict[str, Any], rule: str
) -> None:
    files = good_files(task_type)
    files["task/a.json"] = dump({"file_name": "a.png", "predictions": [{**GOOD[task_type], **change}]})
    write(pair[0], files)
    report = check(*pair)
    assert [(one.rule, one.file) for one in report.findings] == [(rule, "task/a.json")]


def frames_of(video: str, count: int, pad: int | None = None) -> Files:
    digits = 10**pad - 1 if pad else count
    names = [frame_name(video, index, digits) for index in range(count)]
    return {
        prediction_path("task", name): dump({"file_name": name, "predictions": [GOOD[DETECTION]]})
        for name in names
    }


@pytest.mark.parametrize("count", [1, 9, 10, 11, 99, 100])
def test_frames(tmp_path: Path, count: int) -> None:
    base = {
        name: data
        for name, data in good_files(DETECTION).items()
        if name.endswith(("tasks.json", "schema.json"))
    }
    write(tmp_path / "lightly", {**base, **frames_of("sub/v.MP4", count)})
    (tmp_path / "input/sub").mkdir(parents=True)
    (tmp_path / "input/sub/v.MP4").touch()
    report = check(tmp_path / "lightly", tmp_path / "input", measure=measured(count))
    assert report.to_json() == {"ok": True, "files": count, "findings": []}
    assert check(tmp_path / "lightly").to_json() == {"ok": True, "files": count, "findings": []}


def test_wrong_padding_and_missing_frames(tmp_path: Path) -> None:
    base = {
        name: data
        for name, data in good_files(DETECTION).items()
        if name.endswith(("tasks.json", "schema.json"))
    }
    files = frames_of("v.mp4", 12)
    files["task/v-003-mp4.json"] = files.pop("task/v-03-mp4.json")
    del files["task/v-07-mp4.json"]
    files["task/v-12-mp4.json"] = dump({"file_name": "v-12-mp4.png", "predictions": []})
    write(tmp_path / "lightly", {**base, **files})
    (tmp_path / "input").mkdir()
    (tmp_path / "input/v.mp4").touch()
    report = check(tmp_path / "lightly", tmp_path / "input", measure=measured(12))
    assert [(one.rule, one.file) for one in report.findings] == [
        ("file-name", "task/v-003-mp4.json"),
        ("frame-padding", "task/v-003-mp4.json"),
        ("prediction-missing", "task/v-07-mp4.json"),
        ("prediction-orphan", "task/v-12-mp4.json"),
    ]


@pytest.mark.parametrize(
    ("count", "pad", "rule"),
    [(12, 3, "frame-padding-suspect"), (12, 1, "frame-padding"), (120, 2, "frame-padding")],
)
def test_padding_without_the_input(tmp_path: Path, count: int, pad: int, rule: str) -> None:
    base = {
        name: data
        for name, data in good_files(DETECTION).items()
        if name.endswith(("tasks.json", "schema.json"))
    }
    names = [f"v-{index:0{pad}d}-mp4.png" for index in range(count)]
    files = {prediction_path("task", name): dump({"file_name": name, "predictions": []}) for name in names}
    write(tmp_path, {**base, **files})
    assert {one.rule for one in check(tmp_path).findings} == {rule}


def test_an_input_that_cannot_be_decoded(tmp_path: Path) -> None:
    write(tmp_path / "lightly", {**good_files(DETECTION), **frames_of("v.mp4", 3)})
    make_input(tmp_path / "input", {"a.png": (9, 9), "sub/b.c.jpg": (9, 9), "sub/empty.png": (9, 9)})
    (tmp_path / "input/v.mp4").touch()

    def fail(key: str) -> VideoSize:
        raise RuntimeError("moov atom not found")

    report = check(tmp_path / "lightly", tmp_path / "input", measure=fail)
    assert [(one.rule, "moov atom" in one.message) for one in report.findings] == [("input-unreadable", True)]


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n\0\0"])
def test_an_image_that_cannot_be_read(pair: tuple[Path, Path], content: bytes) -> None:
    (pair[1] / "a.png").write_bytes(content)
    (one,) = check(*pair).findings
    assert (one.rule, one.file) == ("input-unreadable", "task/a.json")
    assert one.message.startswith("The image 'a.png' cannot be read: ")


def test_a_file_of_an_image_with_the_name_of_a_frame_is_not_missing(tmp_path: Path) -> None:
    write(tmp_path / "lightly", {**good_files(DETECTION), **frames_of("v.mp4", 2)})
    images = dict.fromkeys(("a.png", "sub/b.c.jpg", "sub/empty.png", "v-0-mp4.png"), (WIDTH, HEIGHT))
    make_input(tmp_path / "input", images)
    (tmp_path / "input/v.mp4").touch()
    report = check(tmp_path / "lightly", tmp_path / "input", measure=lambda key: VideoSize(2, WIDTH, HEIGHT))
    assert [one.rule for one in report.findings] == ["input-collision"]


def test_collisions_of_the_input(pair: tuple[Path, Path]) -> None:
    make_input(pair[1], {"a.jpg": (WIDTH, HEIGHT)})
    report = check(*pair)
    assert "input-collision" in {one.rule for one in report.findings}
    assert "'a.png'" in report.to_text()
    assert "'a.jpg'" in report.to_text()


def boxes_folder(root: Path, boxes: list[list[float]]) -> None:
    files = good_files(DETECTION)
    singletons = [{"category_id": 0, "bbox": box, "score": 1} for box in boxes]
    files["task/a.json"] = dump({"file_name": "a.png", "predictions": singletons})
    write(root, files)


def random_boxes(count: int) -> list[list[float]]:
    random = np.random.default_rng(0)
    corners = np.sort(random.random((count, 2, 2)) * (600, 400), axis=1)
    corners += np.array([[0, 0], [2, 2]])
    return [[*low, *(high - low)] for low, high in corners.round(2)]


def test_corners_written_as_boxes(tmp_path: Path) -> None:
    make_input(tmp_path / "input", {"a.png": (640, 480), "sub/b.c.jpg": (640, 480), "sub/empty.png": (1, 1)})
    boxes = random_boxes(40)
    boxes_folder(tmp_path / "good", boxes)
    assert found(check(tmp_path / "good", tmp_path / "input")) == []
    assert found(check(tmp_path / "good")) == []
    boxes_folder(tmp_path / "bad", [[x, y, x + w, y + h] for x, y, w, h in boxes])
    with_input = {one.rule for one in check(tmp_path / "bad", tmp_path / "input").findings}
    assert with_input == {"bbox-outside", "bbox-xyxy"}


def test_corners_are_suspected_without_the_input(tmp_path: Path) -> None:
    files = good_files(DETECTION)
    corners = [[x, y, x + w, y + h] for x, y, w, h in random_boxes(40)]
    singletons = [{"category_id": 0, "bbox": box, "score": 1} for box in corners]
    for name in ("a.png", "sub/b.c.png", "sub/empty.png"):
        files[prediction_path("task", name)] = dump({"file_name": name, "predictions": singletons})
    write(tmp_path, files)
    report = check(tmp_path)
    assert [(one.rule, one.count) for one in report.findings] == [("bbox-xyxy-suspect", 120)]
    assert report.ok


def test_the_examples_of_the_page(tmp_path: Path) -> None:
    """The page's examples without comments and ellipses; they contradict themselves, but only so far."""
    predictions = {
        "classification": [{"category_id": 0, "probabilities": [0.8, 0.1, 0.1]}],
        "object-detection": [
            {"category_id": 0, "bbox": [140, 100, 80, 90], "score": 0.8, "probabilities": [0.2, 0.8]},
            {"category_id": 1, "bbox": [140, 100, 80, 90], "score": 0.9, "probabilities": [0.9, 0.1]},
            {"category_id": 0, "bbox": [140, 100, 80, 90], "score": 0.5, "probabilities": [0.6, 0.4]},
        ],
        "keypoint-detection": [
            {
                "category_id": 0,
                "keypoints": [100, 100, 0.95, 13, 29, 0.8, 30, 35, 0.5],
                "score": 0.8,
                "bbox": [140, 100, 80, 90],
                "probabilities": [0.2, 0.8],
            },
            {
                "category_id": 1,
                "keypoints": [10, 20, 1, 30, 40, 1],
                "score": 0.9,
                "probabilities": [0.9, 0.1],
            },
        ],
        "instance-segmentation": [
            {
                "category_id": 0,
                "segmentation": [100, 80, 90, 85],
                "score": 0.8,
                "bbox": [140, 100, 80, 90],
                "probabilities": [0.8, 0.2],
            },
        ],
        "semantic-segmentation": [
            {
                "category_id": 0,
                "segmentation": [100, 80, 90, 85],
                "score": 0.8,
                "probabilities": [0.15, 0.8, 0.05],
            },
            {
                "category_id": 1,
                "segmentation": [100, 80, 90, 85],
                "score": 0.9,
                "probabilities": [0.02, 0.08, 0.9],
            },
        ],
    }
    classes = {"classification": 3, "semantic-segmentation": 3}
    files = {"tasks.json": dump(list(predictions))}
    for task, singletons in predictions.items():
        categories = [{"id": index, "name": f"class {index}"} for index in range(classes.get(task, 2))]
        files[f"{task}/schema.json"] = dump({"task_type": task, "categories": categories})
        files[f"{task}/subdir/image_1.json"] = dump(
            {"file_name": "subdir/image_1.png", "predictions": singletons}
        )
    write(tmp_path, files)
    report = check(tmp_path)
    assert report.ok
    assert {one.rule for one in report.findings} == {"probabilities-argmax"}
    assert report.files == 5


def test_stores_are_read_like_folders(pair: tuple[Path, Path]) -> None:
    write(pair[0], {"task/a.json": HEAD + b"[{}]}", "task/orphan.json": HEAD + b"[]}"})
    stores = [open_store(root) for root in pair]
    report = check(*stores, processes=2)
    assert report.to_json() == check(*pair).to_json()
    assert len(report.findings) == 3
    empty = check(open_store(pair[1]))
    assert [one.rule for one in empty.findings] == ["tasks-missing"]


def test_many_bad_boxes_are_one_line(tmp_path: Path) -> None:
    files = good_files(DETECTION)
    bad = [{**GOOD[DETECTION], "bbox": [1, 1, 0.5, 0.5]}] * 100
    for index in range(150):
        name = f"many/{index:03d}.png"
        files[prediction_path("task", name)] = dump({"file_name": name, "predictions": bad})
    write(tmp_path, files)
    report = check(tmp_path)
    (line, summary) = report.to_text().splitlines()
    assert line.startswith(
        "error   bbox-size ×15,000: bbox is [1, 1, 0.5, 0.5]; w and h must be at least 1. ["
    )
    assert line.endswith("and 147 more]")
    assert summary == "153 prediction files: 15,000 errors, 0 warnings."
    assert sum(one.count for one in report.findings) == 15_000
    assert len(report.findings) == 101


def test_files_behind_a_wrong_schema_are_named_as_not_checked(tmp_path: Path) -> None:
    wrong = dump({"task_type": "boxes", "categories": CATEGORIES})
    files = good_files(DETECTION) | {"tasks.json": dump(["task", "wrong", "empty", "gone"])}
    files |= {"wrong/schema.json": wrong, "wrong/a.json": b"{}", "empty/schema.json": wrong}
    write(tmp_path, files)
    report = check(tmp_path)
    assert report.unchecked == ("wrong",)
    last = report.to_text().splitlines()[-1]
    assert last == "Not checked: the prediction files of 'wrong', whose schema must be mended first."


def test_processes_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightly_assets.checker.check._FEW_CHUNKS", 3)
    monkeypatch.setattr("lightly_assets.checker.check._CHUNK", 100)
    files = good_files(DETECTION)
    for index in range(1000):
        name = f"many/{index:04d}.png"
        score = 2 if index % 7 == 0 else 1
        files[prediction_path("task", name)] = dump(
            {"file_name": name, "predictions": [{**GOOD[DETECTION], "score": score}]}
        )
    write(tmp_path, files)
    alone = check(tmp_path)
    assert check(tmp_path, processes=2).to_json() == alone.to_json()
    assert sum(one.count for one in alone.findings) == 143


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, good_files(DETECTION))
    with (tmp_path / ".lightly/predictions/task/huge.json").open("wb") as file:
        file.truncate(300 << 20)
    assert found(check(tmp_path)) == [("file-too-large", "task/huge.json", "", 1)]


def test_an_input_with_a_hostile_name(pair: tuple[Path, Path]) -> None:
    make_input(pair[1], {"new\nline.png": (1, 1)})
    assert [one.rule for one in check(*pair).findings] == ["input-key"]


def test_other_warnings(tmp_path: Path) -> None:
    files = good_files(DETECTION)
    files["task/schema.json"] = schema(categories=[{"id": 0, "name": "car"}, {"id": 1, "name": "car"}])
    files["task/v-0-mp4.json"] = dump({"file_name": "v-0-mp4.jpg", "predictions": []})
    files["task/v-2-mp4.json"] = dump({"file_name": "v-2-mp4.png", "predictions": []})
    write(tmp_path, files)
    assert found(check(tmp_path)) == [
        ("category-name-duplicate", "task/schema.json", "/categories/1/name", 1),
        ("frame-file-name", "task/v-0-mp4.json", "/file_name", 1),
        ("frame-gap", "task/v-2-mp4.json", "", 1),
    ]


def test_every_rule_is_found_somewhere_here() -> None:
    text = Path(__file__).read_text()
    assert [rule for rule in RULES if f'"{rule}"' not in text] == []


def test_whoever_checks_keeps_their_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other threads of the same process may need it; the check itself gives it next to no work."""
    prediction = {"category_id": 0, "bbox": [1, 1, 2, 3], "score": 0.5}
    files = {
        "tasks.json": dump(["task"]),
        "task/schema.json": dump({"task_type": "object-detection", "categories": CATEGORIES}),
    }
    for number in range(1000):
        content = {"file_name": f"{number}.png", "predictions": [prediction] * 20}
        files[f"task/{number}.json"] = dump(content)
    write(tmp_path, files)
    switched: list[str] = []
    monkeypatch.setattr(gc, "disable", lambda: switched.append("off"))
    before = sum(one["collections"] for one in gc.get_stats())
    assert check(tmp_path).ok
    assert not switched
    # Every prediction of all files at once would be 40,000 objects: 57 looks for cycles, at 700 objects each.
    assert sum(one["collections"] for one in gc.get_stats()) - before < 20
