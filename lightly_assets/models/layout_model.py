"""From images to a model's raw outputs to results: what all runtimes with a declared layout share."""

import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import LayoutModel
from lightly_assets.models.layouts.base import LAYOUTS, LayoutError, Output, ReadSettings, described
from lightly_assets.models.metadata.agree import check_layout, check_pixels
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.pixels.fitting import Input, fitted_preprocess
from lightly_assets.models.pixels.preprocessor import Preprocessor
from lightly_assets.models.preprocess import CHANNELS, Preprocess
from lightly_assets.models.protocol import Image, ModelError
from lightly_assets.models.results import Result, ResultError

Run = Callable[[NDArray[Any]], Sequence[NDArray[Any]]]

log = logging.getLogger(__name__)


class Reader:
    """A layout and pre-processing that fit each other and the model's inputs and outputs.

    Raises:
        ModelError: when made, where they do not fit.
    """

    def __init__(
        self,
        config: LayoutModel,
        task_type: TaskType,
        categories: int,
        image_input: Input | None,
        outputs: Sequence[Output],
        name: str,
        facts: Facts | None = None,
    ) -> None:
        self.name = name
        self._config, self._categories = config, categories
        facts = facts or Facts()
        check_layout(facts, name, config.layout, LAYOUTS.names)
        check_pixels(facts, name, config.preprocess)
        settings = ReadSettings(
            task_type=task_type,
            classes=config.classes or len(facts.names) or categories,
            floor=config.stored_floor,
            max_candidates=config.max_candidates,
            max_masks=config.max_masks,
            nms_iou=config.nms_when_predicting(task_type),
            nms_per_class=config.nms == "per-category",
            options=config.options,
            classes_are_known=bool(config.classes or facts.names or config.category_map is None),
            metadata=facts.metadata,
        )
        try:
            self._layout = config.kind_of_layout(settings, outputs)
        except LayoutError as error:
            raise ModelError(f"The model {name} does not fit: {error}") from None
        self._check_classes(self._layout.classes, outputs)
        defaults = facts.pixels.over(self._layout.pixels())
        self.preprocess = fitted_preprocess(config.preprocess, defaults, image_input, name)
        self._preprocessor = Preprocessor(self.preprocess)
        self._single = image_input is not None and len(image_input.shape) == 3
        self._fixed = image_input.shape[0] if image_input is not None and not self._single else None
        self.batch_size = self._batch_size(config)

    def _batch_size(self, config: LayoutModel) -> int:
        if self._single or config.kind_of_layout.one_image:
            return 1
        if self._fixed is None:
            return config.batch_size
        if self._fixed > 1:
            log.info(
                "%s takes batches of exactly %d images; a smaller last batch is filled up with black ones.",
                self.name,
                self._fixed,
            )
        return self._fixed

    def version_settings(self, task_type: TaskType) -> dict[str, Any]:
        """What decides, beside the file and our code, what the model says; the base of its version.

        The pixels as they were resolved are part of it, so that another default is another version. Where
        nothing is resized, they follow from the settings.
        """
        settings = self._config.predict_settings_for(task_type) | {"task_type": task_type}
        if self.preprocess.resize == "none":
            return settings
        return settings | {"pixels": self.preprocess.model_dump(mode="json")}

    def _check_classes(self, classes: int | None, outputs: Sequence[Output]) -> None:
        """Without a map, class i is the i-th category, so there must be as many."""
        if classes is None:
            return
        given = self._config.category_map
        unknown = [one for one in given or () if not 0 <= one < classes]
        if unknown:
            raise ModelError(
                f"category_map names the class {unknown[0]}, but the model {self.name} has the classes 0 to "
                f"{classes - 1}."
            )
        if given is None and classes != self._categories:
            raise ModelError(
                f"The model {self.name} has {classes} classes ({described(outputs)}, read as layout "
                f"{self._config.layout}), but the task has {self._categories} categories; list as many "
                "categories, or say with category_map which class is which category id (others are left "
                "out), or choose the layout that fits."
            )

    def predict(self, images: Sequence[Image], run: Run) -> list[Result]:
        """One result per image."""
        results: list[Result] = []
        # Where the image's size decides the input's, a batch must be of one size.
        size = (lambda image: image.shape) if self.preprocess.varies else (lambda _: None)
        for _, same in groupby(images, key=size):
            group = list(same)
            for start in range(0, len(group), self.batch_size):
                try:
                    results += self._batch(group[start : start + self.batch_size], run)
                except ResultError as error:
                    raise ResultError(str(error), len(results) + (error.index or 0)) from None
        return results

    def _batch(self, images: Sequence[Image], run: Run) -> list[Result]:
        batch, views = self._preprocessor(images)
        if self._fixed is not None and len(batch) < self._fixed:
            batch = np.concatenate(
                [batch, np.zeros((self._fixed - len(batch), *batch.shape[1:]), batch.dtype)]
            )
        outputs = [np.asarray(one) for one in run(batch[0] if self._single else batch)]
        if self._fixed is not None and self._fixed > len(images):
            outputs = [one[: len(images)] if one.shape[:1] == (self._fixed,) else one for one in outputs]
        for one in outputs:
            if one.dtype.kind == "f" and not np.isfinite(one).all():
                bad = ~np.isfinite(one.reshape(len(one), -1)).all(axis=1)
                index = int(np.flatnonzero(bad)[0]) if len(one) == len(images) else 0
                raise ResultError(f"The output of the model {self.name} has NaN or infinite numbers.", index)
        try:
            return self._layout.results(outputs, views)
        except LayoutError as error:
            raise ModelError(f"The output of {self.name} does not fit the layout: {error}.") from None


def tried_outputs(
    settings: Preprocess, image_input: Input | None, names: Sequence[str], run: Run, name: str
) -> list[Output]:
    """The outputs of a model that does not declare their shapes: it is run once, on black images.

    Raises:
        ModelError: the size of the input is not known, or the model cannot run on it.
    """
    size = settings.size or (settings.shortest and (settings.shortest, settings.shortest))
    if not size:
        raise ModelError(f"The model {name} does not say its input; say preprocess.size.")
    channels = CHANNELS[settings.channels or "rgb"]
    image = (channels, *size) if settings.axes == "nchw" else (*size, channels)
    single = image_input is not None and len(image_input.shape) == 3
    count = image_input.shape[0] if image_input is not None and not single and image_input.shape[0] else 1
    shape = image if single else (count, *image)
    try:
        found = run(np.zeros(shape, dtype=settings.dtype))
    except Exception as error:  # noqa: BLE001 - runtimes raise whatever their parts raise
        first = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ModelError(
            f"The model {name} cannot run on an input of {shape} {settings.dtype}: {first}."
        ) from None
    given = [*names, *(f"output{place}" for place in range(len(names), len(found)))]
    # The first dimension is the batch, except of layouts that take one image.
    return [Output(one, (None, *output.shape[1:])) for one, output in zip(given, found, strict=True)]
