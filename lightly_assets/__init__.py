"""Videos and models in, a Worker-ready ``.lightly/predictions`` folder out.

What is listed here is the public interface. Names are loaded when they are first used, so that importing the
package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lightly_assets._version import __version__

if TYPE_CHECKING:
    from lightly_assets.checker.check import check as check
    from lightly_assets.component import LightlyPredictionsComponent as LightlyPredictionsComponent
    from lightly_assets.definitions import build_definitions as build_definitions
    from lightly_assets.errors import LightlyAssetsError as LightlyAssetsError
    from lightly_assets.format.names.frame_names import frame_name as frame_name
    from lightly_assets.format.names.frame_names import prediction_path as prediction_path
    from lightly_assets.format.rle import decode as decode
    from lightly_assets.format.rle import encode as encode
    from lightly_assets.format.scores import active_learning_scores as active_learning_scores
    from lightly_assets.format.scores import approximate_probabilities as approximate_probabilities
    from lightly_assets.format.scores import class_distribution as class_distribution
    from lightly_assets.format.segmentation import (
        convert_to_lightly_predictions as convert_to_lightly_predictions,
    )
    from lightly_assets.models.protocol import Model as Model
    from lightly_assets.models.results import Classification as Classification
    from lightly_assets.models.results import Detections as Detections
    from lightly_assets.models.results import Keypoints as Keypoints
    from lightly_assets.models.results import SemanticScores as SemanticScores

_PLACES = {
    "LightlyAssetsError": "errors",
    "Classification": "models.results",
    "Detections": "models.results",
    "Keypoints": "models.results",
    "LightlyPredictionsComponent": "component",
    "Model": "models.protocol",
    "SemanticScores": "models.results",
    "active_learning_scores": "format.scores",
    "approximate_probabilities": "format.scores",
    "build_definitions": "definitions",
    "check": "checker.check",
    "class_distribution": "format.scores",
    "convert_to_lightly_predictions": "format.segmentation",
    "decode": "format.rle",
    "encode": "format.rle",
    "frame_name": "format.names.frame_names",
    "prediction_path": "format.names.frame_names",
}

__all__ = ["__version__", *_PLACES]  # noqa: PLE0604 - names of the table


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'lightly_assets' has no attribute '{name}'")
    value = getattr(import_module(f"lightly_assets.{place}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
