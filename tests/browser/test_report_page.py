"""Reports in a real browser: what people see, keyboards, phones, screen readers, and hostile names."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import av
import numpy as np
import pytest

from lightly_assets.report.gather import Request, gather
from lightly_assets.report.page import page
from lightly_assets.report.serve import make_server
from tests.evaluation.folders import write_task
from tests.report.projects import CATEGORIES, UNCERTAIN, write_project


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    write_project(folder)
    return folder


@pytest.fixture(scope="module")
def url(root: Path) -> str:
    request = Request(root / "lightly", root / "input", str(root / "labels.json"))
    (root / "report.html").write_bytes(page(gather(request)))
    return (root / "report.html").as_uri()


def test_nothing_is_fetched_and_nothing_runs_that_is_not_ours(watched: Any, url: str) -> None:
    one = watched()
    shown = one.open(url)
    shown.get_by_role("tab", name="boxes").click()
    shown.locator("#task-0 .frames button").first.wait_for()
    assert {request.partition(":")[0] for request in one.requests} <= {"file", "data"}
    assert [request for request in one.requests if request.startswith("file")] == [url]
    for name in CATEGORIES.values():
        assert shown.get_by_role("rowheader", name=name, exact=True).count() >= 1


def test_the_worst_frame_is_two_clicks_away(watched: Any, url: str) -> None:
    shown = watched().open(url)
    shown.get_by_role("tab", name="boxes").click()
    shown.locator("#task-0 .frames button").first.click()
    dialog = shown.get_by_role("dialog")
    assert "cam/v-03-mp4.png (1 of 30)" in dialog.inner_text()
    assert "5 missed, 0 wrong" in dialog.inner_text()
    assert dialog.get_by_role("img", name="The frame with its labels").is_visible()


def test_the_overview_opens_a_frame(watched: Any, url: str) -> None:
    shown = watched().open(url)
    shown.get_by_role("link", name="cam/v-03-mp4.png").click()
    assert "cam/v-03-mp4.png" in shown.get_by_role("dialog").inner_text()


def test_predictions_are_drawn_where_they_are(watched: Any, url: str) -> None:
    shown = watched().open(url)
    shown.get_by_role("tab", name="boxes").click()
    shown.locator("#task-0 .frames button").first.wait_for()
    shown.wait_for_timeout(300)
    # Frame 3 is nearly black; the box of a car at x 13, y 10 has a coloured left edge.
    colours = shown.evaluate(
        """() => {
            const c = document.querySelector('#task-0 .frames canvas'), s = c.width / 96;
            const t = c.getContext('2d'), round = Math.round;
            const at = (x, y) => [...t.getImageData(round(x * s), round(y * s), 1, 1).data].slice(0, 3);
            return [at(13, 15), at(19, 15), at(80, 10)];
        }"""
    )
    edge, inside, beside = (np.array(one, dtype=int) for one in colours)
    assert np.abs(edge - (86, 180, 233)).max() < 60
    assert inside.max() < 60 and beside.max() < 60


def test_filters_and_orders(watched: Any, url: str) -> None:
    shown = watched().open(url)
    shown.get_by_role("tab", name="boxes").click()
    panel = shown.locator("#task-0")
    panel.get_by_label("Show", exact=True).select_option("uncertain")
    assert f"v-{UNCERTAIN:02}-mp4" in panel.locator(".frames button").first.inner_text()
    panel.get_by_label("Show", exact=True).select_option("")
    panel.get_by_label("Class", exact=True).select_option("2")
    assert "No frame fits" in panel.inner_text()
    panel.get_by_label("Class", exact=True).select_option("")
    panel.get_by_label("Score from").fill("0.96")
    assert panel.locator(".frames button").count() == 1  # only the crowd's boxes are surer
    panel.get_by_label("Score from").fill("0")
    panel.get_by_role("button", name="Next").click()
    assert "Page 2 of 3" in panel.inner_text()


def test_by_keyboard_alone(watched: Any, url: str) -> None:
    shown = watched().open(url)
    shown.get_by_role("tab", name="Overview").focus()
    shown.keyboard.press("ArrowRight")
    assert shown.evaluate("document.activeElement.textContent") == "boxes"
    buttons = shown.locator("#task-0 .frames button")
    buttons.first.focus()
    shown.keyboard.press("ArrowRight")
    shown.keyboard.press("Enter")
    title = shown.get_by_role("dialog").get_by_role("heading")
    second = title.inner_text()
    assert "(2 of 30)" in second
    shown.keyboard.press("ArrowRight")
    assert "(3 of 30)" in title.inner_text()
    shown.keyboard.press("Escape")
    assert not shown.get_by_role("dialog").is_visible()
    assert shown.evaluate("document.activeElement === document.querySelectorAll('#task-0 .frames button')[1]")


def test_everything_that_can_be_used_has_a_name(watched: Any, url: str) -> None:
    shown = watched().open(url)
    shown.get_by_role("tab", name="boxes").click()
    shown.locator("#task-0 .frames button").first.wait_for()
    nameless = shown.evaluate(
        """() => {
            const used = 'button, select, input, a, [role=img], [role=region], table';
            const name = e => e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent;
            const all = [...document.querySelectorAll(used)];
            return all.filter(e => !(name(e) || '').trim()).map(e => e.outerHTML);
        }"""
    )
    assert nameless == []
    assert shown.locator("h1").count() == 1 and shown.get_attribute("html", "lang") == "en"


@pytest.mark.parametrize("width", [360, 768, 1600])
def test_no_sideways_scrolling(watched: Any, url: str, width: int) -> None:
    shown = watched(viewport={"width": width, "height": 800}).open(url)
    for tab in ("Overview", "boxes"):
        shown.get_by_role("tab", name=tab).click()
        shown.wait_for_timeout(200)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width


CONTRAST = """() => {
  const channel = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const read = t => t.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = read(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
  const low = [];
  for (const e of document.querySelectorAll('h1, h2, p, th, td, b, span, a, button, label, figcaption, li')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!e.offsetParent || e.disabled || e.closest('.heat') || !own) continue;
    const a = light(read(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([ratio.toFixed(2), e.textContent.slice(0, 40)]);
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(watched: Any, url: str, scheme: str) -> None:
    shown = watched(color_scheme=scheme, reduced_motion="reduce").open(url)
    background = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(16, 19, 24)") == (scheme == "dark")
    for tab in ("Overview", "boxes"):
        shown.get_by_role("tab", name=tab).click()
        assert shown.evaluate(CONTRAST) == []
    shown.locator("#theme").click()
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != background
    assert shown.evaluate(CONTRAST) == []


def test_without_pixels_boxes_are_drawn_on_a_blank(watched: Any, root: Path) -> None:
    (root / "blank.html").write_bytes(page(gather(Request(root / "lightly"))))
    shown = watched().open((root / "blank.html").as_uri())
    shown.get_by_role("tab", name="boxes").click()
    shown.wait_for_timeout(300)
    colours = shown.evaluate(
        """() => {
            const c = document.querySelector('#task-0 .frames canvas'), seen = new Set();
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            for (let i = 0; i < d.length; i += 4) seen.add(`${d[i]},${d[i + 1]},${d[i + 2]}`);
            return seen.size;
        }"""
    )
    assert colours > 3


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[str]:
    server = make_server(gather(Request(root / "lightly", root / "input", pictures=False)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_served_pages_show_frames_in_full_size(watched: Any, served: str) -> None:
    one = watched()
    shown = one.open(served)
    shown.get_by_role("tab", name="boxes").click()
    shown.locator("#task-0 .frames button").first.click()
    shown.wait_for_timeout(800)
    assert all(request.startswith((served, "data:")) for request in one.requests)
    assert any("/frame/" in request for request in one.requests)


def test_ten_thousand_frames(watched: Any, tmp_path: Path) -> None:
    """Under 20 MB, and seen within a second."""
    (tmp_path / "input").mkdir()
    random = np.random.default_rng(0)
    frames = 10_000
    noise = random.integers(0, 256, (180, 320, 3)).astype(np.uint8)
    with av.open(tmp_path / "input/long.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index in range(frames):
            picture = np.roll(noise, index, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    predictions = {}
    for index in range(frames):
        corners = random.integers(0, 100, (10, 2)).tolist()
        scores = random.random(10).round(3).tolist()
        predictions[f"long-{index:05}-mp4.png"] = [
            {"category_id": place % 3, "bbox": [x, y, 40, 30], "score": score}
            for place, ((x, y), score) in enumerate(zip(corners, scores, strict=True))
        ]
    write_task(tmp_path / "lightly", "boxes", "object-detection", {0: "a", 1: "b", 2: "c"}, predictions)
    out = tmp_path / "large.html"
    out.write_bytes(page(gather(Request(tmp_path / "lightly", tmp_path / "input"))))
    assert out.stat().st_size < 20_000_000
    shown = watched().open(out.as_uri())
    paints = dict(shown.evaluate("performance.getEntriesByType('paint').map(e => [e.name, e.startTime])"))
    print(json.dumps({"bytes": out.stat().st_size, **paints}))
    assert paints["first-contentful-paint"] < 1000
    shown.get_by_role("tab", name="boxes").click()
    assert shown.locator("#task-0 .frames button").count() == 12
