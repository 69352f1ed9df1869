"""From images to a model's raw outputs to results: what all runtimes with a declared layout share."""

import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import LayoutModel
from lightly_assets.models.layouts.base import (
    LAYOUTS,
    Layout,
    LayoutError,
    Output,
    ReadSettings,
    described,
    likely_layouts,
)
from lightly_assets.models.layouts.shared.values import check_points
from lightly_assets.models.metadata.agree import check_crop, check_layout, check_pixels, warn_of_assumed
from lightly_assets.models.metadata.facts import Facts
from lightly_assets.models.pixels.fitting import Input, fitted_preprocess
from lightly_assets.models.pixels.preprocessor import WHOLE_NUMBERS, Preprocessor
from lightly_assets.models.pixels.shared import shared_inputs
from lightly_assets.models.preprocess import CHANNELS, OF_PARTS, Preprocess, Shrinking, View
from lightly_assets.models.protocol import Image, ModelError, Source, out_of_memory
from lightly_assets.models.results import Keypoints, Result, ResultError

Shown = tuple[Image, Source]
"""An image, and what it is of: its width and height there, and for some models a box."""
Run = Callable[[NDArray[Any]], Sequence[NDArray[Any]]]

log = logging.getLogger(__name__)
# Of the black image that a model is tried with which takes images as they are.
_ANY_SIZE = (320, 320)


class Reader:
    """A layout and pre-processing that fit each other and the model's inputs and outputs.

    Args:
        alone: the neighbours in a batch would change what is said of an image, so there must be none.
        reads_only: the model never writes to its input, which other models may get as well then.

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
        alone: bool = False,
        reads_only: bool = False,
    ) -> None:
        self.name = name
        self._alone = alone
        self._config, self._categories = config, categories
        facts = (facts or Facts()).of_size(_fixed_size(image_input) or config.preprocess.size)
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
            scale_is_said=_says_scale(config.preprocess.over(facts.pixels), image_input),
        )
        try:
            self._layout = config.kind_of_layout(settings, outputs)
        except LayoutError as error:
            raise ModelError(
                f"The model {name} does not fit: {_with_likely(error, config, outputs)}"
            ) from None
        self._check_classes(self._layout.classes, outputs)
        defaults = _of_file(facts, self._layout).over(self._layout.pixels())
        self.outputs, self.image_input = outputs, image_input
        self.preprocess = fitted_preprocess(config.preprocess, defaults, image_input, name)
        check_crop(config.preprocess, facts, self.preprocess, name)
        self._check_input()
        if self._layout.pixels_differ:
            warn_of_assumed(config.preprocess.over(facts.pixels), self.preprocess, name)
        self._preprocessor = Preprocessor(self.preprocess)
        shares = reads_only and not self._layout.in_boxes
        self._shared = self.preprocess.model_dump_json() if shares else None
        if self._shared is not None:
            shared_inputs.join(self, self._shared)
        self._single = image_input is not None and len(image_input.shape) == 3
        self._fixed = image_input.shape[0] if image_input is not None and not self._single else None
        self._layout.batch = self._fixed or 0
        self.batch_size = self._batch_size(config)
        self._worked = False

    def _batch_size(self, config: LayoutModel) -> int:
        if self._single or self._layout.one_image:
            return 1
        if self._alone:
            log.info("%s is quantised anew for each batch, so it gets one image at a time.", self.name)
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

    @property
    def classes(self) -> int | None:
        """How many classes the model has; None where its outputs do not tell."""
        return self._layout.classes

    def version_settings(self, task_type: TaskType) -> dict[str, Any]:
        """What decides, beside the file and our code, what the model says; the base of its version.

        The pixels as they were resolved are part of it, so that another default is another version. Where
        nothing is resized, they follow from the settings.
        """
        settings = self._config.predict_settings_for(task_type) | {"task_type": task_type}
        if task_type is TaskType.SEMANTIC_SEGMENTATION and self._layout.reading > 1:
            settings |= {"reading": self._layout.reading}
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

    @property
    def keypoints(self) -> int | None:
        """How many keypoints an object has; None where the outputs do not say, or have none."""
        return self._layout.keypoints

    def _check_input(self) -> None:
        """Outputs whose sizes follow from that of the input must be of it."""
        size = self.preprocess.size
        try:
            if size is not None and not self.preprocess.varies:
                self._layout.check_input(*size)
        except LayoutError as error:
            raise ModelError(f"The model {self.name} does not fit: {error}") from None

    @property
    def shrinking(self) -> Shrinking | None:
        """The size that frames are wanted in; None where they are wanted as they are."""
        return self._preprocessor.shrinking

    def predict(self, images: Sequence[Image], run: Run, sources: Sequence[Source]) -> list[Result]:
        """One result per image; sources say how large what they show is."""
        results: list[Result] = []
        shown = list(zip(images, sources, strict=True))
        # Where the image's size decides the input's, a batch must be of one size.
        size = _size if self.preprocess.varies else (lambda _: None)
        for _, same in groupby(shown, key=size):
            group = list(same)
            for start in range(0, len(group), self.batch_size):
                try:
                    results += self._batch(group[start : start + self.batch_size], run)
                except ResultError as error:
                    raise ResultError(str(error), len(results) + (error.index or 0)) from None
        return results

    def _batch(self, images: Sequence[Shown], run: Run) -> list[Result]:
        if self.batch_size == 1 and len(images) > 1:
            return [result for image in images for result in self._batch([image], run)]
        batch, views = self._input([image for image, _ in images], [source for _, source in images])
        batch = self._filled(batch)
        try:
            outputs = self._outputs(batch, run)
        except Exception as error:
            if self._fixed is None and len(images) == 1 < len(batch) and out_of_memory(error):
                # Not even two fit.
                self.batch_size = 1
                return self._batch(images, run)
            raise
        if outputs is None:
            return self._batch(images, run)
        if len(batch) > len(images) and self._layout.batch_first:
            outputs = [one[: len(images)] if one.shape[:1] == (len(batch),) else one for one in outputs]
        self._check_finite(outputs, len(images))
        try:
            results = self._layout.results(outputs, views)
            for result, view in zip(results, views, strict=True):
                if isinstance(result, Keypoints):
                    check_points(result.keypoints, result.scores, view)
            return results
        except LayoutError as error:
            raise ModelError(f"The output of {self.name} does not fit the layout: {error}.") from None

    def _input(self, images: Sequence[Image], sources: Sequence[Source]) -> tuple[NDArray[Any], list[View]]:
        if self._layout.in_boxes:
            assert self.preprocess.size is not None
            some = [
                self._layout.part(image, source, *self.preprocess.size)
                for image, source in zip(images, sources, strict=True)
            ]
            return self._preprocessor([pixels for pixels, _ in some])[0], [view for _, view in some]
        sizes = [(one.width, one.height) for one in sources]
        if self._shared is None:
            return self._preprocessor(images, sizes)
        return shared_inputs.get(self._shared, images, lambda: self._preprocessor(images, sizes))

    def _filled(self, batch: NDArray[Any]) -> NDArray[Any]:
        """A batch of the size that the model wants.

        Some kernels add numbers up in another order for a batch of one than for larger ones, so an image that
        comes alone gets a black one beside it: its results are the same bytes in every batch.
        """
        if self._fixed is None and (self.batch_size == 1 or not self._layout.batch_first):
            return batch
        missing = (self._fixed or 2) - len(batch)
        if missing <= 0:
            return batch
        if self._alone:
            # Beside itself, an image is alone.
            return np.concatenate([batch, np.repeat(batch[:1], missing, 0)])
        more = np.zeros_like(batch, shape=(missing, *batch.shape[1:]))
        return np.concatenate([batch, more])

    def _outputs(self, batch: NDArray[Any], run: Run) -> list[NDArray[Any]] | None:
        """What the model says; None where it says it of one image only, whatever the file declares."""
        try:
            outputs = [np.asarray(one) for one in run(batch[0] if self._single else batch)]
        except Exception as error:
            if len(batch) == 1 or self._fixed is not None or self._worked or out_of_memory(error):
                raise
            run(batch[:1])
            self._one_at_a_time(len(batch))
            return None
        burnt = len(batch) > 1 and self._layout.batch_first and len(outputs[0]) == 1
        if burnt and self._fixed is None:
            self._one_at_a_time(len(batch))
            return None
        self._worked = self._worked or len(batch) > 1
        return outputs

    def _one_at_a_time(self, tried: int) -> None:
        self.batch_size = 1
        log.warning(
            "%s declares batches of any size, but is made for one image: it failed with %d and goes on one "
            "by one; 'batch_size: 1' beside path says so.",
            self.name,
            tried,
        )

    def _check_finite(self, outputs: Sequence[NDArray[Any]], count: int) -> None:
        for one in outputs:
            if one.dtype.kind != "f" or np.isfinite(one).all():
                continue
            good = np.isfinite(one)
            if self._layout.minus_infinity:
                good |= np.isneginf(one)
            if not good.all():
                bad = ~good.reshape(len(one), -1).all(axis=1)
                index = int(np.flatnonzero(bad)[0]) if len(one) == count else 0
                raise ResultError(f"The output of the model {self.name} has NaN or infinite numbers.", index)


def _of_file(facts: Facts, layout: Layout) -> Preprocess:
    """What the model's file says of its pixels; of parts that are cut out, nothing of resizing."""
    if not layout.in_boxes:
        return facts.pixels
    return Preprocess(**{name: value for name, value in facts.pixels.given().items() if name in OF_PARTS})


def _fixed_size(image_input: Input | None) -> tuple[int, int] | None:
    """Height and width of an input that has one size."""
    if image_input is None or len(image_input.shape) < 3:
        return None
    sides = [one for one in image_input.shape[-3:] if one not in CHANNELS.values()]
    return (sides[0], sides[1]) if len(sides) == 2 and sides[0] and sides[1] else None


def _says_scale(said: Preprocess, image_input: Input | None) -> bool:
    """Whether somebody has said in which range pixels are; of whole numbers there is only one."""
    if image_input is not None and image_input.dtype in WHOLE_NUMBERS:
        return True
    return any(one is not None for one in (said.scale, said.mean, said.std))


def _size(shown: Shown) -> tuple[object, ...]:
    image, source = shown
    return image.shape, source.width, source.height


def _with_likely(error: LayoutError, config: LayoutModel, outputs: Sequence[Output]) -> str:
    """What is wrong, and the layout that the outputs look like."""
    likely = [name for name in likely_layouts(outputs) if name != config.layout]
    text = str(error).rstrip(".")
    if not likely or any(f"layout: {name}" in text for name in likely):
        return f"{text}."
    return f"{text}; they look like layout: {' or layout: '.join(likely)}."


def settled_outputs(
    config: LayoutModel,
    facts: Facts,
    image_input: Input,
    declared: Sequence[Output],
    run: Run,
    name: str,
) -> list[Output]:
    """The outputs as declared, or, where a size is left open, as a trial on black images shows them.

    Raises:
        ModelError: the model cannot run on its input.
    """
    outputs = list(declared)
    # How many objects torchvision's detectors return depends on the image, and a black one has none.
    if not any(None in one.shape[1:] for one in outputs) or config.kind_of_layout.outputs_vary:
        return outputs
    defaults = facts.pixels.over(config.kind_of_layout.defaults)
    pixels = fitted_preprocess(config.preprocess, defaults, image_input, name)
    if pixels.size is None and pixels.shortest is None:
        return outputs
    return tried_outputs(pixels, image_input, outputs, run, name)


def tried_outputs(
    settings: Preprocess, image_input: Input | None, declared: Sequence[Output], run: Run, name: str
) -> list[Output]:
    """The outputs of a model that does not declare their shapes: it is run once, on black images.

    Raises:
        ModelError: the size of the input is not known, or the model cannot run on it.
    """
    size = settings.size or (settings.shortest and (settings.shortest, settings.shortest))
    if not size and settings.resize == "none":
        size = _ANY_SIZE
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
            f"The model {name} cannot run on an input of {shape} {settings.dtype}: {first.rstrip('.!')}."
        ) from None
    given = [*declared, *(Output(f"output{place}", ()) for place in range(len(declared), len(found)))]
    # The first dimension is the batch, except of layouts that take one image.
    return [
        Output(one.name, (None, *output.shape[1:]), str(output.dtype), one.last)
        for one, output in zip(given, found, strict=True)
    ]
