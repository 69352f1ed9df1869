"""Records raw outputs of models and what their packages make of them, for ``test_recorded_layouts.py``.

    python -m tests.models.record_layouts

Needs the environment of ``make test-torch``. Masks and prototypes are rounded to half precision, so that the
files stay small; the packages read the rounded numbers as well.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from tests.torch.oracles import Oracle, model_settings, oracles, picture

FOLDER = Path(__file__).parent / "recorded"


def record(oracle: Oracle, folder: Path) -> None:
    """One file per oracle: settings as JSON, and arrays for each image."""
    path = folder / f"{oracle.name}.onnx"
    oracle.build(path)
    categories = [Category(id=number, name=f"c{number}") for number in range(oracle.categories)]
    settings = model_settings(oracle, path)
    loaded: Any = load_model(
        parse_model(settings), task_type=oracle.task_type, categories=categories, base_dir=folder
    )
    runtime = loaded.runtime
    arrays: dict[str, Any] = {}
    images = []
    # One image of a model for masks: prototypes are large.
    sizes = oracle.sizes[:1] if "instance" in oracle.task_type else oracle.sizes
    for number, size in enumerate(sizes):
        batch, views = runtime.reader._preprocessor([picture(size, number)])
        raw = [_rounded(one) for one in runtime._run(batch[0] if runtime.reader._single else batch)]
        input_size = (views[0].input_height, views[0].input_width)
        found = oracle.expected(raw, input_size, size)
        images.append({"size": size, "outputs": len(raw)})
        for place, one in enumerate(raw):
            arrays[f"{number}_raw_{place}"] = one.astype(np.float16) if _large(one) else one
        for key, value in found.items():
            arrays[f"{number}_found_{key}"] = np.packbits(value > 0) if key == "masks" else value
    description = {
        "task_type": oracle.task_type,
        "categories": oracle.categories,
        "settings": settings | {"path": "model.onnx"},
        "input": list(runtime.session.get_inputs()[0].shape),
        "outputs": [[one.name, list(one.shape)] for one in runtime.session.get_outputs()],
        "images": images,
    }
    arrays["description"] = np.array(json.dumps(description))
    np.savez_compressed(FOLDER / f"{oracle.name}.npz", **arrays)


def _rounded(values: Any) -> Any:
    return values.astype(np.float16).astype(np.float32) if _large(values) else values


def _large(values: Any) -> bool:
    return bool(values.ndim == 4 and values.dtype == np.float32)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for oracle in oracles():
            record(oracle, Path(folder))
            print(oracle.name, (FOLDER / f"{oracle.name}.npz").stat().st_size)


if __name__ == "__main__":
    main()
