"""What layouts of models share that look into the boxes of another task, one object at a time."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from lightly_assets.errors import BadValue
from lightly_assets.format.schema import TaskType
from lightly_assets.models.crops.cutting import ObjectSource, crop_view, cut_out
from lightly_assets.models.layouts.base import Layout, LayoutError, LayoutOptions, Output, ReadSettings
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.protocol import Image
from lightly_assets.models.results import Keypoints, Result

# Of a keypoint's score, as mmpose counts it for the score of the object.
_COUNTS_FROM = 0.2


class BoxesOptions(LayoutOptions):
    """What such layouts can be told."""

    boxes: str = Field(description="the task in whose boxes the model looks; needed")
    box_categories: tuple[str, ...] | None = Field(
        default=None,
        description="only boxes of these categories, by name; otherwise those whose names the task has, too, "
        "or the only one where both have one",
    )
    box_threshold: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="boxes with a smaller score are left out"
    )
    padding: Annotated[float, Field(gt=0, le=10)] = Field(
        default=1.25, description="how much larger than its box the part is that the model sees"
    )
    object_score: Literal["box", "keypoints"] = Field(
        default="box",
        description="an object's score is that of its box; or that, times the mean of those of its keypoints "
        "that are above 0.2, as mmpose evaluates",
    )

    @field_validator("boxes")
    @classmethod
    def _names_a_task(cls, value: str) -> str:
        if not value.strip():
            raise BadValue("boxes is empty; it must name the task in whose boxes the model looks")
        return value

    @field_validator("box_categories")
    @classmethod
    def _names_some(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise BadValue("box_categories is empty; it must name categories of the task boxes")
        return value


class InBoxes(Layout):
    """A model that sees one object at a time, and says where its keypoints are."""

    tasks = (TaskType.KEYPOINT_DETECTION,)
    in_boxes = True
    # Nothing is resized: the part of the image is cut out in the input's size.
    defaults = Preprocess(resize="stretch", interpolation="linear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    Options: ClassVar[type[LayoutOptions]] = BoxesOptions
    to_centres: bool = False
    """Whether the middles of the input's outer pixels lie on the edges of the part, as with UDP."""

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        assert isinstance(settings.options, BoxesOptions)
        self.options = settings.options

    @property
    def keypoints(self) -> int | None:
        """How many keypoints an object has; None where the outputs leave it open."""
        raise NotImplementedError

    def part(self, image: Image, source: object, height: int, width: int) -> tuple[Image, View]:
        assert isinstance(source, ObjectSource)
        view = crop_view(source, height, width, self.options.padding, to_centres=self.to_centres)
        return cut_out(image, view), view

    @abstractmethod
    def points(self, outputs: Sequence[NDArray[Any]], view: View) -> NDArray[np.float64]:
        """(N, K, 3) x and y as shares of the part of the image, and a score, of N objects.

        ``view`` tells the size of the model's input.
        """

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        if any(len(one) != len(views) for one in outputs):
            shapes = " and ".join(str(one.shape) for one in outputs)
            raise LayoutError(f"the outputs have the shapes {shapes} for {len(views)} objects")
        found = self.points(outputs, views[0])
        return [self._object(points, view) for points, view in zip(found, views, strict=True)]

    def _object(self, points: NDArray[np.float64], view: View) -> Keypoints:
        """One object; its score is what its box's is to be multiplied with."""
        size = np.array([view.input_width - self.to_centres, view.input_height - self.to_centres])
        placed = points.copy()
        placed[:, :2] = view.to_image(points[:, :2] * size)
        placed[:, 2] = np.clip(points[:, 2], 0, 1)
        score = 1.0
        if self.options.object_score == "keypoints":
            counted = placed[:, 2][placed[:, 2] > _COUNTS_FROM]
            score = float(counted.mean()) if counted.size else 0.0
        return Keypoints(placed[None].astype(np.float32), [score], [0])


def count(outputs: Sequence[Output], place: int = 0) -> int | None:
    """The second dimension of an output: how many keypoints there are."""
    return outputs[place].shape[1]
