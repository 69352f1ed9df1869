"""``kind: onnx`` shows a file of ultralytics the pixels that the package itself shows it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.metadata.read import facts_of
from tests.torch.oracles import picture

SIZES = [(108, 192), (150, 100), (133, 133), (40, 300)]
EXPORTS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "one size": ("yolov8n.yaml", "object-detection", "yolo", {"imgsz": 160}),
    "dynamic": ("yolov8n.yaml", "object-detection", "yolo", {"imgsz": 160, "dynamic": True}),
    "wide": ("yolov8n.yaml", "object-detection", "yolo", {"imgsz": [96, 160]}),
    "classify": ("yolov8n-cls.yaml", "classification", "probabilities", {"imgsz": 64}),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_file_sees_the_same_pixels(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from ultralytics import YOLO

    config, task, layout, settings = EXPORTS[name]
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    path = Path(YOLO(config).export(format="onnx", **settings)).resolve()
    model = YOLO(path, task={"classification": "classify"}.get(task, "detect"))
    ours: Any = load_model(
        parse_model({"kind": "onnx", "path": str(path), "layout": layout}),
        task_type=task,
        categories=[Category(id=number, name=one) for number, one in enumerate(facts_of(path).names)],
        base_dir=tmp_path,
    )
    for number, size in enumerate(SIZES):
        image = picture(size, number)
        blue_first = np.ascontiguousarray(image[..., ::-1])
        model.predict(blue_first, imgsz=settings["imgsz"], verbose=False)
        theirs = model.predictor.preprocess([blue_first]).numpy()
        found, _ = ours.runtime.reader._preprocessor([image])
        # They divide by 255, we multiply by its inverse.
        np.testing.assert_allclose(found, theirs, rtol=0, atol=2e-7)
