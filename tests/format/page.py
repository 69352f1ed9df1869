"""The specification's own functions, with its missing import and its removed NumPy name mended."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

PredictionType = dict[str, int | float | list[int]]


def encode(binary_mask: NDArray[Any]) -> list[int]:
    assert np.all((binary_mask == 1) | (binary_mask == 0))
    flat = np.concatenate(([-1], np.ravel(binary_mask), [-1]))
    borders = np.nonzero(np.diff(flat))[0]
    rle = np.diff(borders)
    if flat[1]:
        rle = np.concatenate(([0], rle))
    result: list[int] = rle.tolist()
    return result


def convert_to_lightly_predictions(model_predictions: NDArray[np.floating[Any]]) -> list[PredictionType]:
    lightly_predictions: list[PredictionType] = []
    for prediction in model_predictions:
        prediction_argmax = np.argmax(prediction, axis=0)
        for category_id in np.unique(prediction_argmax):
            binary_mask = prediction_argmax == category_id
            median_score = np.median(prediction[category_id, binary_mask])
            lightly_predictions.append(
                {
                    "category_id": int(category_id),
                    "segmentation": encode(binary_mask),
                    "score": float(median_score),
                }
            )
    return lightly_predictions
