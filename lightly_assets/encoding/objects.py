"""Objects with boxes, keypoints or masks: of many images at once, which costs a fraction of one by one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.encoding.box_checks import check_far, check_point_shares, check_shares
from lightly_assets.encoding.class_map import mapped, mapped_probabilities
from lightly_assets.encoding.task_settings import Encoded, Singletons, TaskSettings
from lightly_assets.format.boxes import (
    fit_boxes,
    fit_keypoints,
    fits_as_xyxy,
    widen_flat_boxes,
    xyxy_to_xywh,
)
from lightly_assets.format.singletons import detection_singletons, instance_singletons, keypoint_singletons
from lightly_assets.models.nms import survivors
from lightly_assets.models.results import Detections, Keypoints, ResultError, RunLengths, joined, take

# A side of fewer pixels is hardly an object's, and what takes so much of both sides is the image itself.
TINY, WHOLE = 2, 0.99

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


def encode_objects(
    results: Sequence[Detections | Keypoints], settings: TaskSettings, width: int, height: int
) -> list[Encoded]:
    """The singletons of images of one size, whose results have the same fields and dtypes.

    Raises:
        BadValue: what is wrong, in one sentence; a prediction's number counts those of all images.
    """
    return _Objects(results, settings, width, height).encoded()


class _Objects:
    """The objects of some images that are written; image by image, and each in the order of its file."""

    def __init__(
        self,
        results: Sequence[Detections | Keypoints],
        settings: TaskSettings,
        width: int,
        height: int,
    ) -> None:
        self._settings, self._width, self._height = settings, width, height
        self._images = len(results)
        self.result: Any = joined(results)
        self._owners = np.repeat(np.arange(self._images), [len(one) for one in results])
        self._ids: Integers = self.result.category_ids
        self._clipped = np.zeros(self._images, dtype=np.int64)
        self._dropped, self._moved, self._as_corners = (self._clipped.copy() for _ in range(3))
        self._tiny, self._whole = self._clipped.copy(), self._clipped.copy()

    def encoded(self) -> list[Encoded]:
        """What is written about each image."""
        self._choose()
        boxes = None if self.result.boxes is None else self._fit_boxes()
        if isinstance(self.result, Keypoints):
            singletons = self._keypoints(boxes)
        elif self._settings.schema.task_type == "instance-segmentation" and isinstance(
            self.result.masks, RunLengths
        ):
            singletons = self._instances(boxes)
        else:
            singletons = detection_singletons(boxes, self.result.scores, self._ids, **self._common())
        edges = np.searchsorted(self._owners, np.arange(self._images + 1)).tolist()
        return [
            Encoded(singletons[edges[image] : edges[image + 1]], *counts)
            for image, counts in enumerate(
                zip(
                    self._clipped.tolist(),
                    self._dropped.tolist(),
                    self._moved.tolist(),
                    self._as_corners.tolist(),
                    self._tiny.tolist(),
                    self._whole.tolist(),
                    strict=True,
                )
            )
        ]

    def _take(self, kept: Mask | NDArray[np.intp]) -> None:
        self.result, self._ids, self._owners = take(self.result, kept), self._ids[kept], self._owners[kept]

    def _per_image(self, which: Mask) -> Integers:
        return np.bincount(self._owners[which], minlength=self._images)

    def _choose(self) -> None:
        """Threshold, category map, suppression, and the best so many of each image."""
        given = self._settings.encode
        likely = self.result.scores >= given.score_threshold
        if not likely.all():
            self._take(likely)
        self._ids, known = mapped(self._ids, self._settings)
        if not known.all():
            self._take(known)
        if given.nms_iou is not None and self.result.boxes is not None:
            self._take(self._by_falling_score(self._survivors(given.nms_iou)))
            if given.max_detections is not None:
                self._take(self._ranks() < given.max_detections)
        elif given.max_detections is not None:
            order = self._by_falling_score(np.arange(len(self._ids)))
            ranks = np.empty(len(order), dtype=np.int64)
            ranks[order] = self._ranks()
            self._take(ranks < given.max_detections)

    def _survivors(self, iou: float) -> NDArray[np.intp]:
        groups = self._owners
        if self._settings.encode.nms == "per-category" and len(groups):
            groups = groups * (self._ids.max() + 1) + self._ids
        return np.flatnonzero(survivors(self.result.boxes, self.result.scores, groups, iou))

    def _by_falling_score(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        return places[np.lexsort((-self.result.scores[places], self._owners[places]))]

    def _ranks(self) -> Integers:
        """Of each object its place in its image."""
        return np.arange(len(self._owners)) - np.searchsorted(self._owners, self._owners)

    def _fit_boxes(self) -> NDArray[Any]:
        """(N, 4) x, y, width, height inside of the image; objects whose box is gone are dropped."""
        check_far(self.result.boxes, self._width, self._height)
        check_shares(self.result.boxes, self._owners, self._width, self._height)
        given = xyxy_to_xywh(self.result.boxes)
        if isinstance(self.result, Keypoints):
            # A person whose keypoints lie on one line is no less a person.
            cut = self._settings.boxes == "clip"
            given = widen_flat_boxes(given, self._width, self._height, cut=cut)
        fitted = fit_boxes(given, self._width, self._height, self._settings.boxes)
        self._as_corners += self._per_image(fits_as_xyxy(given, self._width, self._height))
        if fitted.dropped:
            self._dropped += self._per_image(~fitted.kept)
            self._take(fitted.kept)
        if fitted.clipped:
            self._clipped += self._per_image((fitted.xywh != given[fitted.kept]).any(axis=1))
        self._tiny += self._per_image(np.any(fitted.xywh[:, 2:] < TINY, axis=1))
        most = WHOLE * np.array([self._width, self._height])
        self._whole += self._per_image(np.all(fitted.xywh[:, 2:] >= most, axis=1))
        return fitted.xywh

    def _common(self) -> dict[str, Any]:
        """What all builders of singletons take besides."""
        probabilities = self.result.probabilities
        if probabilities is not None:
            wanted = self._settings.encode.probabilities
            probabilities = mapped_probabilities(probabilities, self._settings) if wanted else None
        return {
            "probabilities": probabilities,
            "categories": self._settings.schema.ids,
            "tolerance": self._settings.tolerance,
        }

    def _keypoints(self, boxes: NDArray[Any] | None) -> Singletons:
        check_point_shares(self.result.keypoints, self._owners, self._width, self._height)
        points = self._fit_keypoints(self.result.keypoints)
        if self._moved.any() and self._settings.boxes == "strict":
            raise ResultError(
                f"{self._moved.sum()} keypoints lie outside of the {self._width}×{self._height} image; "
                "'boxes: clip' moves them."
            )
        return keypoint_singletons(points, self.result.scores, self._ids, boxes, **self._common())

    def _fit_keypoints(self, keypoints: Any) -> Any:
        if isinstance(keypoints, tuple):
            fitted = [fit_keypoints(one, self._width, self._height) for one in keypoints]
            np.add.at(self._moved, self._owners, [moved for _, moved in fitted])
            return [points for points, _ in fitted]
        points, moved = fit_keypoints(keypoints, self._width, self._height)
        if moved:
            objects, _ = np.nonzero((points != keypoints).any(axis=2))
            self._moved += np.bincount(self._owners[objects], minlength=self._images)
        return points

    def _instances(self, boxes: Any) -> Singletons:
        filled = np.array([len(counts) > 1 for counts in self.result.masks.counts], dtype=np.bool_)
        if not filled.all():
            self._dropped += self._per_image(~filled)
            self._take(filled)
            boxes = boxes[filled]
        return instance_singletons(
            self.result.masks.counts,
            self.result.scores,
            self._ids,
            boxes,
            height=self._height,
            width=self._width,
            **self._common(),
        )
