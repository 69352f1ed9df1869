"""Every output layout against its own package, on the same outputs of the same models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.encoding.encode import TaskSettings, encode
from lightly_assets.format.schema import Category, Schema
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.protocol import Source
from tests.models.comparison import assert_same
from tests.torch.oracles import Oracle, model_settings, oracles, picture


@pytest.mark.parametrize("oracle", oracles(), ids=lambda oracle: oracle.name)
def test_the_layout_reads_what_the_package_reads(oracle: Oracle, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    oracle.build(path)
    config = parse_model(model_settings(oracle, path))
    categories = [Category(id=number, name=f"c{number}") for number in range(oracle.categories)]
    schema = Schema(task_type=oracle.task_type, categories=categories)
    model: Any = load_model(
        config, task_type=oracle.task_type, categories=schema.categories, base_dir=tmp_path
    )
    settings = TaskSettings(schema, encode_settings(config, schema.task_type))
    total = 0
    for seed, (height, width) in enumerate(oracle.sizes):
        image = picture((height, width), seed)
        batch, views = model.runtime.reader._preprocessor([image])
        raw = model.runtime._run(batch[0] if model.runtime.reader._single else batch)
        found = oracle.expected(raw, (views[0].input_height, views[0].input_width), (height, width))
        result = model.predict(image[None], [Source("image.png", None, width, height)])[0]
        written = encode(result, settings, width, height)
        total += assert_same(written.singletons, found, width, height)
    assert total >= 2, "nothing was found, so nothing was compared"


def test_batches_of_any_size_give_what_single_images_give(tmp_path: Path) -> None:
    oracle = next(one for one in oracles() if one.name == "yolov5")
    path = tmp_path / "model.onnx"
    oracle.build(path)
    config = parse_model(model_settings(oracle, path) | {"batch_size": 3})
    categories = [Category(id=number, name=f"c{number}") for number in range(oracle.categories)]
    model = load_model(config, task_type=oracle.task_type, categories=categories, base_dir=tmp_path)
    images = np.stack([picture((108, 192), seed) for seed in range(5)])
    sources = [Source("video.mp4", index, 192, 108) for index in range(5)]
    together: Any = model.predict(images, sources)
    for index, source in enumerate(sources):
        alone: Any = model.predict(images[index : index + 1], [source])[0]
        np.testing.assert_allclose(together[index].boxes, alone.boxes, atol=1e-3)
