"""Models from their settings, with everything checked that can be before a video is opened."""

import logging
import threading
from asyncio.exceptions import CancelledError
from collections.abc import Collection, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from lightly_assets.errors import is_bug
from lightly_assets.format.schema import Category, TaskType
from lightly_assets.models.config import FileModel
from lightly_assets.models.conversions import as_result
from lightly_assets.models.metadata.agree import check_facts, check_names
from lightly_assets.models.metadata.read import facts_for
from lightly_assets.models.preprocess import Shrinking
from lightly_assets.models.protocol import (
    Images,
    LooksUp,
    Model,
    ModelError,
    Parallel,
    Runtime,
    Source,
    out_of_memory,
    sources_text,
)
from lightly_assets.models.results import Result, ResultError, SemanticScores
from lightly_assets.models.runtimes import python as users_code
from lightly_assets.models.runtimes.python import described_error

# It calls what users have written, and what they were given to call.
_USERS_CODE = users_code.__file__

log = logging.getLogger(__name__)


def load_model(
    config: Any, *, task_type: TaskType | str, categories: Sequence[Category], base_dir: Path
) -> Model:
    """A model that is ready to predict.

    Args:
        config: what :func:`~lightly_assets.models.config.parse_model` returns.
        task_type: of the task.
        categories: of the schema, ascending by id.
        base_dir: the folder of ``lightly.yaml``; paths are relative to it, modules in it can be imported.

    Raises:
        ModelError: the file is missing, refused or broken, or does not fit the settings or the task.
    """
    task = TaskType(task_type)
    if isinstance(config, FileModel):
        path = config.file(base_dir)
        facts = facts_for(config, path)
        check_facts(facts, path.name, task, categories, mapped=config.category_map is not None)
    channels = len(categories) if config.category_map is None else None
    runtime = config.load_for(task, categories, base_dir)
    names = getattr(runtime, "class_names", ())
    if names and config.category_map is None and getattr(config, "metadata", "check") != "ignore":
        # Of packages that load their own files, which say more than can be read beside them.
        check_names(names, "its own names", str(config.path), categories)
    model = CheckedModel(runtime, task, channels)
    _check_keypoints(model, categories)
    return model


def _check_keypoints(model: "CheckedModel", categories: Sequence[Category]) -> None:
    """Categories may list their keypoints, as COCO's do: as many as the model has."""
    reader = getattr(model.runtime, "reader", None)
    if reader is None or (found := reader.keypoints) is None:
        return
    for category in categories:
        listed = (category.model_extra or {}).get("keypoints")
        if isinstance(listed, list | tuple) and len(listed) != found:
            raise ModelError(
                f"The category '{category.name}' lists {len(listed)} keypoints, but the model {reader.name} "
                f"has {found}; list them in the model's order, or leave them out."
            )


def _ends_a_call(error: BaseException) -> bool:
    """Whether what is no Exception is about the user's code alone, and is no interrupt of the whole run."""
    group = isinstance(error, BaseExceptionGroup)
    return group or isinstance(error, SystemExit | GeneratorExit | CancelledError)


class CheckedModel:
    """A model whose every result is checked; errors name the input and the frame.

    Where a batch does not fit into memory, it is halved once, and stays halved.

    Args:
        channels: how many semantic scores must have; None: any number.
    """

    def __init__(self, runtime: Runtime, task_type: TaskType, channels: int | None = None) -> None:
        self.runtime = runtime
        self._channels = channels
        self.task_type = task_type
        self.version = runtime.version
        self.batch_size = runtime.batch_size
        parallel = runtime if isinstance(runtime, Parallel) else None
        self.callers = parallel.callers if parallel else 1
        self._portion = parallel.portion if parallel else None
        self._halved = False
        # The first call finds out what the model can do. Where memory is short, there is one at a time.
        self._turn = threading.RLock()
        self._known = False

    @property
    def shrinking(self) -> Shrinking | None:
        """The size that the model wants frames in that are resized before they are RGB; None: as they are."""
        reader = getattr(self.runtime, "reader", None)
        return None if reader is None else reader.shrinking

    @property
    def portion(self) -> int:
        """The images of a call where nothing else is known."""
        return self._portion or self.batch_size

    def meet(self, keys: Collection[str]) -> None:
        """Tell labels which inputs there are; see :class:`~lightly_assets.models.protocol.Model`."""
        if isinstance(self.runtime, LooksUp):
            self.runtime.meet(keys)

    def check_end(self, key: str, frames: int) -> None:
        """Tell labels how many frames a video had; see :class:`~lightly_assets.models.protocol.Model`."""
        if isinstance(self.runtime, LooksUp):
            self.runtime.check_end(key, frames)

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """One result per image; see :class:`~lightly_assets.models.protocol.Model`."""
        if self._known and not self._halved:
            return self._predict(images, sources)
        with self._turn:
            results = self._predict(images, sources)
            self._known = True
            return results

    def _predict(self, images: Images, sources: Sequence[Source]) -> list[Result]:
        results: list[Result] = []
        for _, numbers in groupby(range(len(sources)), key=lambda number: images[number].shape):
            group = list(numbers)
            first, last = group[0], group[-1] + 1
            results += self._predict_same_size(images[first:last], sources[first:last])
        return results

    def _predict_same_size(self, images: Any, sources: Sequence[Source]) -> list[Result]:
        if self._halved and len(sources) > self.batch_size:
            middle = self.batch_size
            return self._predict_same_size(images[:middle], sources[:middle]) + self._predict_same_size(
                images[middle:], sources[middle:]
            )
        try:
            returned = self.runtime.predict(images, sources)
        except ModelError as error:
            raise ModelError(f"{sources_text(sources)}: {error}", sources[0]) from error
        except ResultError as error:
            if error.index is None:
                # Raised in the user's code, while it made a result of one of the images.
                raise ModelError(f"{sources_text(sources)}: {error}", sources[0]) from None
            raise self._bad(error, sources[error.index]) from None
        except BaseException as error:
            if not (isinstance(error, Exception) or _ends_a_call(error)):
                raise
            if is_bug(error, foreign=_USERS_CODE):
                raise
            if not out_of_memory(error):
                raise ModelError(
                    f"{sources_text(sources)}: the model raised {described_error(error)}.", sources[0]
                ) from error
            return self._halve(images, sources, error)
        return self._checked(returned, sources)

    def _halve(self, images: Any, sources: Sequence[Source], error: BaseException) -> list[Result]:
        with self._turn:
            if self._halved and len(sources) > self.batch_size:
                # Another thread has met it meanwhile.
                return self._predict_same_size(images, sources)
            return self._halve_once(images, sources, error)

    def _halve_once(self, images: Any, sources: Sequence[Source], error: BaseException) -> list[Result]:
        if self._halved or len(sources) < 2:
            count = len(sources)
            what, todo = (
                (f"{count} images do", "set a smaller batch_size")
                if count > 1
                else ("a single image does", "free memory, or take a smaller model")
            )
            raise ModelError(
                f"{sources_text(sources)}: {what} not fit into memory ({described_error(error)}); {todo}.",
                sources[0],
            ) from error
        self._halved = True
        self.batch_size = max(1, len(sources) // 2)
        log.warning(
            "%s: a batch of %d images does not fit into memory; going on with %d.",
            sources_text(sources),
            len(sources),
            self.batch_size,
        )
        return self._predict_same_size(images, sources)

    def _checked(self, returned: Sequence[Any], sources: Sequence[Source]) -> list[Result]:
        if len(returned) != len(sources):
            raise ModelError(
                f"{sources_text(sources)}: the model returned {len(returned)} results for {len(sources)} "
                "images; it must return one for each.",
                sources[0],
            )
        results: list[Result] = []
        for one, source in zip(returned, sources, strict=True):
            try:
                result = as_result(one, source, self.task_type)
                self._check_channels(result)
                results.append(result)
            except ResultError as error:
                raise self._bad(error, source) from None
        return results

    def _check_channels(self, result: Result) -> None:
        """Those of a user's own scores; a layout has compared its outputs with the categories before."""
        if type(result) is not SemanticScores or result.scores is None or self._channels is None:
            return
        if len(result.scores) != self._channels:
            raise ResultError(
                f"scores have {len(result.scores)} channels, but the task has {self._channels} categories; "
                "there must be one for each, or category_map says which channel is which category id."
            )

    def _bad(self, error: ResultError, source: Source) -> ModelError:
        return ModelError(f"{source}: {error}", source)
