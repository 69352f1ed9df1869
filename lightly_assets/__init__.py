"""Videos and models in, a Worker-ready ``.lightly/predictions`` folder out.

The public names are here, each imported when it is first asked for: masks do not wait for Dagster.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lightly_assets._version import __version__

if TYPE_CHECKING:
    from lightly_assets.component import LightlyPredictionsComponent
    from lightly_assets.definitions import build_definitions
    from lightly_assets.format.names import frame_name, prediction_path
    from lightly_assets.format.rle import decode, encode
    from lightly_assets.format.scores import (
        active_learning_scores,
        approximate_probabilities,
        class_distribution,
    )
    from lightly_assets.format.segmentation import convert_to_lightly_predictions
    from lightly_assets.models.protocol import Model
    from lightly_assets.models.results import Classification, Detections, Keypoints, SemanticScores
    from lightly_assets.pipeline.check import check

__all__ = [
    "Classification",
    "Detections",
    "Keypoints",
    "LightlyPredictionsComponent",
    "Model",
    "SemanticScores",
    "__version__",
    "active_learning_scores",
    "approximate_probabilities",
    "build_definitions",
    "check",
    "class_distribution",
    "convert_to_lightly_predictions",
    "decode",
    "encode",
    "frame_name",
    "prediction_path",
]

_MODULES = {
    "Classification": "models.results",
    "Detections": "models.results",
    "Keypoints": "models.results",
    "LightlyPredictionsComponent": "component",
    "Model": "models.protocol",
    "SemanticScores": "models.results",
    "active_learning_scores": "format.scores",
    "approximate_probabilities": "format.scores",
    "build_definitions": "definitions",
    "check": "pipeline.check",
    "class_distribution": "format.scores",
    "convert_to_lightly_predictions": "format.segmentation",
    "decode": "format.rle",
    "encode": "format.rle",
    "frame_name": "format.names",
    "prediction_path": "format.names",
}


if not TYPE_CHECKING:  # a type checker would take any name for defined

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value  # the next time it is found without this function
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
