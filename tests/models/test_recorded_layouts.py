"""Every output layout against what its own package found in the same recorded outputs.

``record_layouts.py`` made the recordings, with ultralytics, torchvision and transformers.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.encoding.encode import TaskSettings, encode
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.layout_model import Input, Reader
from lightly_assets.models.layouts.base import Output
from lightly_assets.models.protocol import Source
from tests.models.comparison import assert_same

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.npz"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_layout_finds_what_the_package_found(path: Path) -> None:
    recorded = np.load(path)
    about = json.loads(str(recorded["description"]))
    config = parse_model(about["settings"])
    categories = [{"id": number, "name": f"c{number}"} for number in range(about["categories"])]
    schema = Schema.parse({"task_type": about["task_type"], "categories": categories})
    reader = Reader(
        config,
        TaskType(about["task_type"]),
        about["categories"],
        Input("images", _shape(about["input"]), "float32"),
        [Output(name, _shape(shape)) for name, shape in about["outputs"]],
        "model.onnx",
    )
    settings = TaskSettings(schema, encode_settings(config, schema.task_type))
    total = 0
    for number, image in enumerate(about["images"]):
        height, width = image["size"]
        raw = [recorded[f"{number}_raw_{place}"] for place in range(image["outputs"])]
        outputs = [one.astype(np.float32) if one.dtype == np.float16 else one for one in raw]
        result = reader.predict(
            [np.zeros((height, width, 3), dtype=np.uint8)],
            lambda _, found=outputs: found,
            [Source("a.png", None, width, height)],
        )
        written = encode(result[0], settings, width, height)
        found = _found(recorded, number, height, width)
        total += assert_same(written.singletons, found, width, height)
    assert total >= 2


def test_every_layout_is_recorded() -> None:
    layouts = {json.loads(str(np.load(path)["description"]))["settings"]["layout"] for path in RECORDED}
    families = {"yolo", "yolov5", "yolo_nms", "obb", "detr", "rtdetr", "rtdetr_topk", "torchvision", "logits"}
    assert layouts >= families


def _shape(sizes: list[Any]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in sizes)


def _found(recorded: Any, number: int, height: int, width: int) -> dict[str, Any]:
    prefix = f"{number}_found_"
    found = {key.removeprefix(prefix): recorded[key] for key in recorded.files if key.startswith(prefix)}
    if "masks" in found:
        count = len(found["scores"])
        found["masks"] = np.unpackbits(found["masks"])[: count * height * width].reshape(count, height, width)
    return found
