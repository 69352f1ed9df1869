"""What is said of an image is the same bytes in every batch, so a killed run and a healed one agree."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import Source
from tests.models.onnx_files import node, write

SIDE = 112
# Outside of 0..1, as logits are.
PLAIN = {"mean": 0.5, "std": 0.1}


def load(path: Path, classes: int, **settings: Any) -> Any:
    config = parse_model(
        {"kind": "onnx", "path": path.name, "layout": "logits", "preprocess": PLAIN, "threads": 1, **settings}
    )
    categories = [Category(id=number, name=f"c{number}") for number in range(classes)]
    return load_model(config, task_type="classification", categories=categories, base_dir=path.parent)


def said(model: Any, images: Any, sizes: list[int]) -> list[bytes]:
    """Of each image, with batches of these sizes."""
    results: list[Any] = []
    for size in sizes:
        some = images[len(results) : len(results) + size]
        sources = [Source("a.mp4", len(results) + n, *some.shape[2:0:-1]) for n in range(len(some))]
        results += model.predict(some, sources)
    assert len(results) == len(images)
    return [one.probabilities.tobytes() for one in results]


def pooled_model(path: Path, batch: int | str = "n") -> Path:
    """ReduceMean over another than the last axis, whose sums ONNX Runtime adds up otherwise for one image."""
    places = SIDE * SIDE * 3 // 768
    nodes = [
        node("Reshape", ["images", "shape"], ["table"]),
        node("ReduceMean", ["table"], ["output"], axes=[1], keepdims=0),
    ]
    return write(
        path,
        nodes,
        {"images": (np.float32, [batch, 3, SIDE, SIDE])},
        {"output": (np.float32, [batch, 768])},
        {"shape": np.array([-1, places, 768], dtype=np.int64)},
    )


@pytest.fixture(scope="module")
def images() -> Any:
    return np.random.default_rng(0).integers(0, 256, (9, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("sizes", [[1] * 9, [8, 1], [4, 4, 1], [2, 7], [3, 1, 5]], ids=str)
def test_an_image_alone_is_said_the_same_of_as_one_among_others(
    sizes: list[int], images: Any, tmp_path: Path
) -> None:
    path = pooled_model(tmp_path / "m.onnx")
    wanted = said(load(path, 768, batch_size=9), images, [9])
    model = load(path, 768)
    seen = []
    run = model.runtime._run
    model.runtime._run = lambda batch: seen.append(len(batch)) or run(batch)
    assert said(model, images, sizes) == wanted
    # Never one alone.
    assert min(seen) == 2
    assert len(seen) == sum(-(-size // 8) for size in sizes)


def test_a_file_for_one_image_gets_one(images: Any, tmp_path: Path) -> None:
    model = load(pooled_model(tmp_path / "m.onnx", batch=1), 768)
    assert said(model, images, [9]) == said(model, images, [1] * 9)
    one = load(pooled_model(tmp_path / "n.onnx"), 768, batch_size=1)
    assert said(one, images, [9]) == said(one, images, [4, 5])


def quantised_model(path: Path, batch: int | str = "n") -> Path:
    """Quantised with the scale of each batch, as ``quantize_dynamic`` makes it."""
    nodes = [
        node("Reshape", ["images", "shape"], ["table"]),
        node("DynamicQuantizeLinear", ["table"], ["whole", "scale", "zero"]),
        node("DequantizeLinear", ["whole", "scale", "zero"], ["output"]),
    ]
    return write(
        path,
        nodes,
        {"images": (np.float32, [batch, 3, 4, 4])},
        {"output": (np.float32, [batch, 48])},
        {"shape": np.array([-1, 48], dtype=np.int64)},
    )


@pytest.mark.parametrize("batch", ["n", 1, 3])
def test_a_dynamically_quantised_model_does_not_see_neighbours(batch: int | str, tmp_path: Path) -> None:
    path = quantised_model(tmp_path / "m.onnx", batch)
    dark = np.random.default_rng(1).integers(0, 30, (7, 4, 4, 3), dtype=np.uint8)
    model = load(path, 48)
    assert model.batch_size == 1
    wanted = said(model, dark, [1] * 7)
    assert said(model, dark, [7]) == wanted
    bright = dark.copy()
    bright[3:] = 255
    assert said(model, bright, [4, 3])[:3] == wanted[:3]
    if batch == "n":
        # The graph itself does see them.
        table = (bright.transpose(0, 3, 1, 2) / 255 - 0.5).astype(np.float32)
        session = model.runtime.session
        alone, among = (session.run(None, {"images": some})[0] for some in (table[:1], table))
        assert (alone[0] != among[0]).any()


def test_where_not_even_two_fit_into_memory_one_goes_alone(images: Any, tmp_path: Path) -> None:
    model = load(pooled_model(tmp_path / "m.onnx"), 768, batch_size=2)
    run = model.runtime._run

    def small(batch: Any) -> Any:
        if len(batch) > 1:
            raise MemoryError("out of memory")
        return run(batch)

    model.runtime._run = small
    assert len(said(model, images[:3], [2, 1])) == 3
