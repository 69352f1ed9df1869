"""``preprocess: {source: yuv}``: frames that are made small in one step with their conversion."""

import json
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml

from lightly_assets.config import ConfigError, load_project
from lightly_assets.format.rle import decode
from lightly_assets.media import probe
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import ModelError
from lightly_assets.pipeline.session import Session
from tests.models.onnx_files import constant_model, identity_model
from tests.projects import HEIGHT, WIDTH, positions, write_video

CATEGORIES = [{"id": number, "name": name} for number, name in enumerate(("red", "green", "blue"))]
# What comes out is what went in: (3, 24, 24), the brightest channel is the class.
PIXELS = {"resize": "letterbox", "size": 24, "mean": 0, "std": 1}


def project(folder: Path, more: list[dict[str, Any]] | None = None, **settings: Any) -> Path:
    """Colours of pixels, by a model that says what it is shown."""
    identity_model(folder / "colours.onnx", ["n", 3, 24, 24])
    model = {"kind": "onnx", "path": "colours.onnx", "layout": "probabilities", "verified": True}
    model["preprocess"] = PIXELS | settings.pop("preprocess", {"source": "yuv"})
    task = {"name": "colours", "task_type": "semantic-segmentation", "categories": CATEGORIES}
    roots = {"input": "input", "lightly": "lightly", "state": "state"}
    path = folder / "lightly.yaml"
    tasks = [task | {"model": model}, *(more or [])]
    path.write_text(yaml.safe_dump({"datasource": roots, "tasks": tasks, **settings}))
    return path


def run(path: Path) -> dict[str, bytes]:
    """What is published."""
    with Session(load_project(path)) as session:
        for outcome in session.run(session.plan()):
            assert not outcome.problems()
        session.finish()
    root = path.parent / "lightly"
    return {str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*.json")}


def test_the_model_sees_frames_that_were_made_small_at_once(tmp_path: Path) -> None:
    video = write_video(tmp_path / "input" / "a.mp4", positions(7))
    found = run(project(tmp_path))
    with av.open(str(video)) as container:
        frames = list(container.decode(video=0))
    for index, frame in enumerate(frames):
        small = frame.reformat(24, 16, format="rgb24", interpolation="FAST_BILINEAR").to_ndarray()
        written = json.loads(found[f".lightly/predictions/colours/a-{index}-mp4.json"])
        labels = np.full((HEIGHT, WIDTH), -1)
        for one in written["predictions"]:
            labels[decode(one["segmentation"], HEIGHT, WIDTH).astype(bool)] = one["category_id"]
        # Four pixels of the image are one of the input: the two in the middle are nearest to it.
        middle = (slice(1, None, 4), slice(1, None, 4))
        sure = np.sort(small, axis=2)[..., 2] > np.sort(small, axis=2)[..., 1].astype(int) + 2
        assert (labels >= 0).all()
        np.testing.assert_array_equal(labels[middle][sure], small.argmax(axis=2)[sure])


def test_bytes_are_the_same_whatever_the_batches_and_threads(tmp_path: Path) -> None:
    found = []
    for name, more in (("a", {}), ("b", {"batch_size": 3}), ("c", {"threads": 1})):
        folder = tmp_path / name
        write_video(folder / "input" / "a.mp4", positions(7))
        path = project(folder)
        settings = yaml.safe_load(path.read_text())
        settings["tasks"][0]["model"] |= more
        path.write_text(yaml.safe_dump(settings))
        found.append(run(path))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(("cos", "sin", "degrees"), [(0, 1, -90), (-1, 0, -180), (0, -1, 90)])
def test_a_display_rotation_is_not_applied(cos: int, sin: int, degrees: int, tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain" / "input" / "a.mp4", positions(7))
    turned = tmp_path / "turned" / "input" / "a.mp4"
    turned.parent.mkdir(parents=True)
    data = bytearray(plain.read_bytes())
    # The display matrix of the first track: 40 bytes behind its name (ISO/IEC 14496-12, 8.3.2).
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = struct.pack(
        ">9i", cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30
    )
    turned.write_bytes(data)
    assert (probe(plain).rotation, probe(turned).rotation) == (0, degrees)
    assert run(project(tmp_path / "turned")) == run(project(tmp_path / "plain"))


def test_it_is_another_version_of_the_model(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", np.zeros((1, 6, 10)), [24, 24])

    def version(**preprocess: Any) -> str:
        config = {"kind": "onnx", "path": path.name, "layout": "yolo", "preprocess": preprocess}
        categories = load_project(project(tmp_path)).tasks[0].schema_.categories[:2]
        model = load_model(
            parse_model(config), task_type="object-detection", categories=categories, base_dir=tmp_path
        )
        return model.version

    assert version() != version(source="yuv")


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        ({"source": "yuv", "interpolation": "linear"}, "source is yuv, and interpolation is linear"),
        ({"source": "yuv", "resize": "crop"}, "source is yuv, but resize is crop"),
    ],
)
def test_what_it_cannot_be_with_is_refused(preprocess: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_video(tmp_path / "input" / "a.mp4", positions(3))
    with pytest.raises(ModelError, match=message):
        run(project(tmp_path, preprocess=preprocess))


def test_whoever_needs_whole_frames_is_refused_beside_it(tmp_path: Path) -> None:
    other = {"name": "other", "task_type": "object-detection", "categories": CATEGORIES}
    other["model"] = {"kind": "python", "call": "model:find"}
    with pytest.raises(
        ConfigError, match=r"task 'colours' has preprocess\.source: yuv, and task 'other' needs"
    ):
        load_project(project(tmp_path, [other]))
    with pytest.raises(ConfigError, match=r"frames\.export is png, which needs whole frames"):
        load_project(project(tmp_path, frames={"export": "png"}))
    embeddings = {"model": {"kind": "onnx", "path": "colours.onnx"}}
    with pytest.raises(ConfigError, match="embeddings need whole frames"):
        load_project(project(tmp_path, embeddings=embeddings))


def test_tasks_that_want_other_sizes_are_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "input" / "a.mp4", positions(3))
    identity_model(tmp_path / "larger.onnx", ["n", 3, 32, 32])
    other = {"name": "larger", "task_type": "semantic-segmentation", "categories": CATEGORIES}
    pixels = {"resize": "letterbox", "size": 32, "mean": 0, "std": 1, "source": "yuv"}
    model = {"kind": "onnx", "path": "larger.onnx", "layout": "probabilities", "verified": True}
    other["model"] = model | {"preprocess": pixels}
    with pytest.raises(
        ValueError, match="'colours' wants frames fitted into 24×24 pixels, and task 'larger'"
    ):
        run(project(tmp_path, [other]))
