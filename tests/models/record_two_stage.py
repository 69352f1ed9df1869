"""Records what mmpose and rtmlib make of objects and of outputs, for ``test_in_boxes.py``.

    python -m tests.models.record_two_stage

Needs torch, OpenCV and ONNX Runtime, and beside them, without what they ask for (``pip install --no-deps``),
mmpose 1.3.2 and rtmlib 0.0.16. Of mmpose only modules of plain NumPy are loaded.
"""

import sys
import types
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.models.pose_models import BOXES, HEIGHT, WIDTH, heatmaps, picture, simcc_model

FILE = Path(__file__).parent / "recorded_two_stage.npz"


def module(name: str) -> Any:
    """A module of mmpose without the packages that it is in, which need compiled ones."""
    root = Path(next(iter(find_spec("mmpose").submodule_search_locations)))  # type: ignore[union-attr,arg-type]
    folder, _, _ = name.rpartition(".")
    package = types.ModuleType(f"plain_{folder.replace('.', '_')}")
    package.__path__ = [str(root.joinpath(*folder.split(".")))]
    sys.modules[package.__name__] = package
    return import_module(f"{package.__name__}.{name.rpartition('.')[2]}")


def places() -> dict[str, Any]:
    """Peaks of heatmaps, refined in each way."""
    post = module("codecs.utils.post_processing")
    refinement = import_module(post.__name__.rpartition(".")[0] + ".refinement")
    found: dict[str, list[Any]] = {name: [] for name in ("quarter", "dark", "udp", "udp_3", "scores")}
    for maps in heatmaps():
        peaks, scores = post.get_heatmap_maximum(maps)
        found["scores"].append(scores)
        found["quarter"].append(refinement.refine_keypoints(peaks[None].copy(), maps.copy())[0])
        found["dark"].append(refinement.refine_keypoints_dark(peaks[None].copy(), maps.copy(), 11)[0])
        for name, blur in (("udp", 11), ("udp_3", 3)):
            found[name].append(refinement.refine_keypoints_dark_udp(peaks[None].copy(), maps.copy(), blur)[0])
    return {name: np.stack(some) for name, some in found.items()}


def matrices() -> dict[str, Any]:
    """From the picture to the input, of each box."""
    bbox = module("structures.bbox.transforms")
    found: dict[str, list[Any]] = {"warp": [], "udp_warp": [], "scale": []}
    for x, y, w, h in BOXES:
        center, scale = bbox.bbox_xyxy2cs(np.array([x, y, x + w, y + h]), padding=1.25)
        shape = WIDTH / HEIGHT
        w, h = scale
        scale = np.array([w, w / shape] if w > h * shape else [h * shape, h])
        found["scale"].append(scale)
        found["warp"].append(bbox.get_warp_matrix(center, scale, 0, (WIDTH, HEIGHT)))
        found["udp_warp"].append(bbox.get_udp_warp_matrix(center, scale, 0, (WIDTH, HEIGHT)))
    return {name: np.stack(some) for name, some in found.items()}


def simcc() -> dict[str, Any]:
    """The whole way of rtmlib, which scores by the mean, and mmpose's scores of the same outputs."""
    from rtmlib import RTMPose

    post = module("codecs.utils.post_processing")
    with TemporaryDirectory() as folder:
        model = RTMPose(str(simcc_model(Path(folder) / "pose.onnx")), model_input_size=(WIDTH, HEIGHT))
        corners = [[x, y, x + w, y + h] for x, y, w, h in BOXES]
        points, scores = model(picture(), corners)
        least = []
        for box in corners:
            image, _, _ = model.preprocess(picture(), box)
            least.append(post.get_simcc_maximum(*model.inference(image))[1][0])
    return {"points": points, "mean_scores": scores, "min_scores": np.stack(least)}


def main() -> None:
    np.savez_compressed(FILE, **places(), **matrices(), **simcc())  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
