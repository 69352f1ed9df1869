"""The report's figures, its choice of frames, and its page as a browser would read it."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from lightly_assets.cli import app
from lightly_assets.evaluation.objects import EvaluationError
from lightly_assets.folders.read import read_folder
from lightly_assets.report.choice import these
from lightly_assets.report.comparisons import stability
from lightly_assets.report.figures import Measured
from lightly_assets.report.gallery import gallery, grid_runs, guessed_size
from lightly_assets.report.gather import Request, earlier_figures, gather
from lightly_assets.report.page import page
from lightly_assets.report.serve import make_server
from lightly_assets.storage.disk.local import LocalStore
from tests.evaluation.folders import write_task
from tests.report.projects import (
    CATEGORIES,
    CROWDED,
    EMPTY,
    FRAMES,
    HEIGHT,
    ODD,
    UNCERTAIN,
    WIDTH,
    boxes,
    write_project,
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    write_project(root)
    return root


@pytest.fixture(scope="module")
def written(project: Path) -> Path:
    out = project / "report.html"
    result = run(
        project / "lightly", "--input", project / "input", "--labels", project / "labels.json", "--out", out
    )
    assert result.exit_code == 0, result.output
    return out


class Page(HTMLParser):
    """What a browser would make of a page: its scripts, its elements and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._script: str | None = None
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += attrs
        if tag == "script":
            self._script = dict(attrs).get("id") or f"code {len(self.scripts)}"
            self.scripts[self._script] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] += data
        else:
            self.text += data

    def json(self, identifier: str) -> Any:
        return json.loads(self.scripts[identifier])


def test_figures_are_those_of_the_files(written: Path) -> None:
    (task,) = Page(written).json("report-figures")["tasks"]
    rows = [found for index in range(FRAMES) for found in boxes(index)]
    assert (task["files"], task["predictions"], task["empty"]) == (FRAMES, len(rows), 1)
    counts = Counter(found["category_id"] for found in rows)
    assert {one["id"]: one["predictions"] for one in task["categories"]} == {0: counts[0], 4: counts[4], 7: 0}
    assert task["categories"][1]["files"] == FRAMES - 1
    scores = np.histogram([found["score"] for found in rows], np.linspace(0, 1, 41))[0]
    # A histogram's edges are rounded differently, so neighbours may share a value on an edge.
    assert sum(task["score"]["all"]) == len(rows)
    assert np.abs(np.cumsum(scores) - np.cumsum(task["score"]["all"])).sum() <= 2 * max(counts.values())
    assert task["per_file"][:3] == [1, 0, FRAMES - 2] and task["per_file"][12] == 1
    (video,) = task["videos"]
    assert video["name"] == "cam/v.mp4" and video["counts"] == [
        float(len(boxes(index))) for index in range(FRAMES)
    ]


def test_planted_frames_are_found_for_their_reason(written: Path) -> None:
    data = Page(written).json("report-frames")
    first = {
        reason: data["frames"][entry["f"]]["index"]
        for entry in data["galleries"][0]
        for reason, rank in entry["why"].items()
        if rank == 0
    }
    wanted = {
        "faults": 3,
        "crowded": CROWDED,
        "empty": EMPTY,
        "uncertain": UNCERTAIN,
        "odd": ODD,
        "threshold": UNCERTAIN,
    }
    assert {reason: first[reason] for reason in wanted} == wanted
    missed = next(entry for entry in data["galleries"][0] if data["frames"][entry["f"]]["index"] == 3)
    assert missed["e"] == [2, 5, 0] and [one[4] for one in missed["l"]].count(0) == 5


def test_pictures_are_the_frames(written: Path) -> None:
    from base64 import b64decode

    found = Page(written)
    frames = found.json("report-frames")["frames"]
    lines = found.scripts["report-pictures"].split("\n")
    assert len(lines) == len(frames) == FRAMES
    for frame, line in zip(frames, lines, strict=True):
        picture = Image.open(BytesIO(b64decode(line)))
        assert picture.size == (WIDTH, HEIGHT)
        assert np.asarray(picture.convert("L")).mean() == pytest.approx(8 * frame["index"], abs=5)


def test_hostile_names_are_only_text(written: Path) -> None:
    found = Page(written)
    assert found.elements["img"] == 0 and not any(name.startswith("on") for name, _ in found.attributes)
    assert set(found.scripts) == {
        "report-figures", "report-frames", "report-pictures", "code 3", "code 4",
    }  # fmt: skip
    for name in CATEGORIES.values():
        assert name in found.text
    assert [one["name"] for one in found.json("report-figures")["tasks"][0]["categories"]] == [
        *CATEGORIES.values()
    ]


def test_the_page_needs_nothing_else(written: Path) -> None:
    found = Page(written)
    assert not [
        value
        for name, value in found.attributes
        if name in ("src", "href", "action", "data") and not (value or "").startswith(("#", "data:"))
    ]
    policy = dict(found.attributes)["content"] or ""
    (policy,) = [
        value for name, value in found.attributes if name == "content" and "default-src" in (value or "")
    ]
    assert policy is not None and "default-src 'none'" in policy and "unsafe-eval" not in policy
    assert "MIT License" in found.text and "Leon Sorokin" in found.text


def test_the_same_input_gives_the_same_page(written: Path, project: Path, tmp_path: Path) -> None:
    arguments = [project / "lightly", "--input", project / "input", "--labels", project / "labels.json"]
    assert run(*arguments, "--out", tmp_path / "again.html").exit_code == 0
    assert (tmp_path / "again.html").read_bytes() == written.read_bytes()


def test_an_earlier_report_shows_what_has_moved(written: Path, project: Path, tmp_path: Path) -> None:
    assert earlier_figures(written) == Page(written).json("report-figures")
    moved = {
        f"cam/v-{index:02}-mp4.png": [found | {"score": 0.3} for found in boxes(index)]
        for index in range(FRAMES)
    }
    write_task(tmp_path, "boxes", "object-detection", CATEGORIES, moved)
    out = tmp_path / "moved.html"
    assert run(tmp_path, "--against", written, "--out", out).exit_code == 0
    text = Page(out).text
    assert re.search(r"boxes: scores\d+\.\d+another one", text)
    assert "boxes: classes0.000the same" in text
    bad = run(tmp_path, "--against", project / "labels.json", "--out", out, "--json")
    assert bad.exit_code == 1 and "is no report" in json.loads(bad.stdout)["error"]


def test_stability_by_hand() -> None:
    assert stability([50, 50], [50, 50]) == 0
    assert stability([80, 20], [50, 50]) == pytest.approx(0.3 * np.log(5 / 8) * -1 + 0.3 * np.log(5 / 2))
    assert stability([], [1]) is None and stability([0, 0], [1, 1]) is None


def test_agreement_of_tasks(tmp_path: Path) -> None:
    box, other = [0.0, 0.0, 9.0, 9.0], [50.0, 50.0, 9.0, 9.0]
    one = [{"category_id": 0, "bbox": box, "score": 0.9}]
    both = [
        *one,
        {"category_id": 0, "bbox": other, "score": 0.8},
        {"category_id": 0, "bbox": other, "score": 0.1},
    ]
    write_task(tmp_path, "first", "object-detection", {0: "car"}, {"a.png": one, "b.png": []})
    write_task(tmp_path, "second", "object-detection", {0: "car"}, {"a.png": both, "b.png": []})
    (row,) = gather(Request(tmp_path)).agreement
    assert row["tasks"] == ["first", "second"] and row["value"] == pytest.approx(2 / 3)


def test_files_with_errors_are_said_and_left_out(tmp_path: Path) -> None:
    good = [{"category_id": 0, "bbox": [0, 0, 9, 9], "score": 0.9}]
    write_task(
        tmp_path, "boxes", "object-detection", {0: "car"}, {"a.png": good, "b.png": [good[0] | {"score": 7}]}
    )
    assert run(tmp_path, "--out", tmp_path / "r.html").exit_code == 0
    found = Page(tmp_path / "r.html")
    assert found.json("report-figures")["tasks"][0]["files"] == 1
    assert "score-range" in found.text and "boxes/b.json" in found.text


@pytest.mark.parametrize("labels", ["nothing", "missing.json"])
def test_labels_that_are_not_there(project: Path, labels: str, tmp_path: Path) -> None:
    result = run(project / "lightly", "--labels", labels, "--out", tmp_path / "r.html", "--json")
    assert result.exit_code == 1 and labels in json.loads(result.stdout)["error"]
    assert not (tmp_path / "r.html").exists()


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    result = run(tmp_path, "--out", tmp_path / "r.html", "--json")
    assert result.exit_code == 1 and "no task to report on" in json.loads(result.stdout)["error"]


def test_masks_keep_their_shape_on_the_grid() -> None:
    mask = np.zeros((448, 896), np.uint8)
    mask[100:300, 200:600] = 1
    from lightly_assets.format.rle import decode, encode

    runs = np.array(encode(mask))
    small = decode(grid_runs(runs, (896, 448)), 112, 224)
    assert np.array_equal(small, mask[2::4, 2::4])
    assert guessed_size(runs, np.array([200.0, 100.0, 400.0, 200.0])) == (896, 448)


def test_every_task_type_has_a_page(tmp_path: Path) -> None:
    mask = [4, 4, 56]
    tasks: dict[str, list[dict[str, Any]]] = {
        "classification": [{"category_id": 0, "score": 0.6, "probabilities": [0.6, 0.4]}],
        "keypoint-detection": [{"category_id": 0, "keypoints": [1, 1, 0.9, 5, 6, 0.2], "score": 0.7}],
        "instance-segmentation": [
            {"category_id": 1, "segmentation": mask, "bbox": [4, 0, 4, 1], "score": 0.7}
        ],
        "semantic-segmentation": [{"category_id": 1, "segmentation": mask, "score": 0.7}],
    }
    for kind, found in tasks.items():
        write_task(tmp_path, kind, kind, {0: "cat", 1: "dog"}, {"a.png": found, "b.png": []})
    write_task(tmp_path, "truth", "classification", {0: "cat", 1: "dog"}, {"a.png": tasks["classification"]})
    gathered = gather(Request(tmp_path, labels="truth"))
    assert [one["type"] for one in gathered.figures["tasks"]] == [*tasks, "classification"]
    # Only tasks of the labels' type can be judged.
    assert [one is not None for one in gathered.evaluations] == [True, False, False, False, False]
    with pytest.raises(EvaluationError, match="only task of its type"):
        gather(Request(tmp_path, labels="keypoint-detection"))
    assert page(gathered).startswith(b"<!doctype html>")
    points = gathered.galleries[1][0]["o"][0]
    assert points[2] == [1.0, 1.0, 4.0, 5.0] and points[3] == [1, 1, 0.9, 5, 6, 0.2]


@pytest.fixture(scope="module")
def served(project: Path) -> Iterator[int]:
    gathered = gather(Request(project / "lightly", project / "input", pictures=False))
    server = make_server(gathered)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(port: int, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_served_frames_are_decoded_on_demand(served: int) -> None:
    status, content = ask(served, "/")
    assert status == 200 and b"report-pictures" not in content.split(b"<script>")[0]
    frames = json.loads(re.search(rb'id="report-frames">(.*?)</script>', content)[1])["frames"]  # type: ignore[index]
    for kind in ("thumbnail", "frame"):
        status, data = ask(served, f"/{kind}/7")
        assert status == 200
        picture = Image.open(BytesIO(data))
        assert picture.size == (WIDTH, HEIGHT)
        assert np.asarray(picture.convert("L")).mean() == pytest.approx(8 * frames[7]["index"], abs=5)


def test_the_server_gives_nothing_else(served: int) -> None:
    for path in (
        "/frame/9999",
        "/frame/-1",
        "/frame/../../etc/passwd",
        "/frame/%C2%B2",
        "/other",
        "/frame/1/2",
    ):
        assert ask(served, path)[0] == 404, path
    assert ask(served, "/", host="evil.example:80")[0] == 403


class Opened(LocalStore):
    """A folder that notes what is opened."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.keys: list[str] = []

    def read(self, key: str) -> bytes:
        self.keys.append(key)
        return super().read(key)


def test_a_selection_opens_only_the_files_of_its_frames(project: Path, tmp_path: Path) -> None:
    stems = ["cam/v-17-mp4", "cam/v-03-mp4"]
    store = Opened(project / "lightly")
    gathered = gather(Request(store, project / "input", chosen=[*stems, "cam/v-99-mp4"]))
    below = ".lightly/predictions/"
    tasks = json.loads((project / "lightly" / below / "tasks.json").read_text())
    named = {f"{below}{task}/{stem}.json" for task in tasks for stem in [*stems, "cam/v-99-mp4"]}
    schemas = {f"{below}{task}/schema.json" for task in tasks}
    assert set(store.keys) == {f"{below}tasks.json"} | schemas | named
    # Nothing is said of the frames between them.
    assert [group.rule for group in gathered.report.groups] == ["category-gap"]
    assert gathered.report.files == len(stems) * len(tasks)
    # What is drawn of them is what a report about all frames would draw.
    whole = Measured(read_folder(project / "lightly").tasks["boxes"])
    places = {stem: place for place, stem in enumerate(gathered.stems)}
    sizes = dict.fromkeys(stems, (WIDTH, HEIGHT))
    assert gathered.galleries[0] == gallery(whole, these(whole, stems), sizes, places, None)
    # On a disk no other file need even be whole, and one behind a link to elsewhere is refused.
    shutil.copytree(project / "lightly", tmp_path / "lightly")
    before = page(gather(Request(tmp_path / "lightly", chosen=stems)))
    for path in (tmp_path / "lightly").rglob("v-*.json"):
        if not any(stem.endswith(path.stem) for stem in stems):
            path.write_text("{")
    assert page(gather(Request(tmp_path / "lightly", chosen=stems))) == before
    linked = tmp_path / "lightly" / below / "boxes/cam/v-03-mp4.json"
    linked.unlink()
    linked.symlink_to(project / "lightly" / below / "boxes/cam/v-03-mp4.json")
    groups = gather(Request(tmp_path / "lightly", chosen=stems)).report.groups
    assert [group.rule for group in groups] == ["link-outside", "category-gap"]


def test_a_selection_comes_first_and_in_its_order(project: Path) -> None:
    names = ["cam/v-17-mp4", "cam/v-03-mp4", "cam/v-09-mp4"]
    text = page(gather(Request(project / "lightly", chosen=names))).decode()
    card = text[text.index("Selected frames") : text.index("Open a task for its frames")]
    assert re.findall(r'data-frame="([^"]*)"', card) == [f"{name}.png" for name in names]
    assert "Selected frames" not in page(gather(Request(project / "lightly"))).decode()
