"""Images and videos as LightlyStudio's samples, found again by their paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from lightly_studio import ImageDataset, VideoDataset
from lightly_studio.core.dataset import Dataset
from lightly_studio.core.file_outcome_report import AllInputFilesFailedError
from lightly_studio.core.image import add_images
from lightly_studio.core.video import add_videos
from lightly_studio.embed import embedding_storage
from lightly_studio.models.embedding_model import EmbeddingModelCreate
from lightly_studio.models.sample_embedding import SampleEmbeddingTable
from lightly_studio.resolvers import (
    collection_embedding_model_resolver,
    embedding_model_resolver,
    sample_embedding_resolver,
    tag_resolver,
    video_frame_resolver,
)
from PIL import Image
from sqlmodel import col, delete

from .errors import RefusedError
from .memory import Memory
from .removal import remove_samples

_ORIENTATION = 0x0112

Placed = Sequence[tuple[int, dict[str, Any]]]


class Media:
    """A dataset, and the samples of it that predictions are about.

    ``ids`` leads from the place of an input and the number of a frame (0 for an image) to a sample.
    """

    def __init__(self, name: str, dataset: Dataset[Any], frames: Dataset[Any]) -> None:
        self.name = name
        self.frames = frames
        self._dataset = dataset
        self.session = dataset.session
        self.dataset_id: UUID = dataset.dataset_id
        self.collection_id: UUID = frames.collection_id
        self.ids: dict[tuple[int, int], UUID] = {}
        self.turned: list[str] = []
        """Keys of inputs that are shown otherwise than their pixels are stored."""
        self._sizes: dict[UUID, tuple[int, int]] = {}

    def add(self, media: Placed, memory: Memory) -> None:
        """Adds what is new, and anew what has changed."""
        there = self._there()
        changed = [
            one["path"]
            for _, one in media
            if one["path"] in there
            and ((known := memory.get(one["key"])) is None or known["fingerprint"] != one["fingerprint"])
        ]
        remove_samples(self.session, [there[path] for path in changed])
        new = [one["path"] for _, one in media if one["path"] in changed or one["path"] not in there]
        if new:
            try:
                self._load(new)
            except AllInputFilesFailedError:
                raise RefusedError(
                    f"LightlyStudio can read none of the inputs, such as '{new[0]}'."
                ) from None
            there = self._there()
        for _, one in media:
            if one["path"] not in there:
                raise RefusedError(f"LightlyStudio cannot read '{one['key']}'.")
            known = memory.get(one["key"])
            if one["path"] in new or known is None or known["sample"] != str(there[one["path"]]):
                memory.add(one, str(there[one["path"]]))
        self._number(media, there)

    def remove(self, known: Sequence[Mapping[str, Any]]) -> int:
        """Removes inputs that are gone, with all that is on them; how many there were."""
        there = self._there()
        ids = [there[one["path"]] for one in known if one["path"] in there]
        remove_samples(self.session, ids)
        return len(ids)

    def size(self, sample: UUID) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self._sizes[sample]

    def _there(self) -> dict[str, UUID]:
        return {one.file_path_abs: one.sample_id for one in self._dataset}

    def _load(self, paths: list[str]) -> None:
        raise NotImplementedError

    def _number(self, media: Placed, there: Mapping[str, UUID]) -> None:
        raise NotImplementedError

    def tag(self, name: str, ids: Sequence[UUID]) -> None:
        """Exactly these frames have a tag."""
        tag = tag_resolver.get_or_create_sample_tag_by_name(
            session=self.session, collection_id=self.collection_id, tag_name=name
        )
        wanted = set(ids)
        there = set(tag_resolver.get_sample_ids_by_tag_id(session=self.session, tag_id=tag.tag_id))
        tag_resolver.remove_sample_ids_from_tag_id(
            session=self.session, tag_id=tag.tag_id, sample_ids=sorted(there - wanted)
        )
        tag_resolver.add_sample_ids_to_tag_id(
            session=self.session, tag_id=tag.tag_id, sample_ids=sorted(wanted - there)
        )

    def store_vectors(self, name: str, ids: Sequence[UUID], vectors: np.ndarray[Any, Any]) -> None:
        """The vectors (N, D) of frames in a space of this name."""
        made = EmbeddingModelCreate(
            name=name, dataset_id=self.dataset_id, embedding_dimension=vectors.shape[1]
        )
        model = embedding_model_resolver.get_or_create(session=self.session, embedding_model=made)
        key = model.embedding_model_id
        there = {
            row.sample_id: np.asarray(row.embedding, dtype=np.float32)
            for row in sample_embedding_resolver.get_by_sample_ids(
                session=self.session, sample_ids=list(ids), embedding_model_id=key
            )
        }
        new = [
            place
            for place, sample in enumerate(ids)
            if sample not in there or not np.array_equal(there[sample], vectors[place].astype(np.float32))
        ]
        for sample in (ids[place] for place in new if ids[place] in there):
            self.session.exec(
                delete(SampleEmbeddingTable).where(
                    col(SampleEmbeddingTable.sample_id) == sample,
                    col(SampleEmbeddingTable.embedding_model_id) == key,
                )
            )
        self.session.commit()
        if new:
            embedding_storage.store_embeddings(
                session=self.session,
                model_id=key,
                sample_ids=[ids[place] for place in new],
                embeddings=vectors[new],
                show_progress=False,
            )
        collection_embedding_model_resolver.get_or_add_collection_model(
            session=self.session, collection_id=self.collection_id, embedding_model_id=key
        )
        if not collection_embedding_model_resolver.has_default_by_collection_id(
            session=self.session, collection_id=self.collection_id
        ):
            collection_embedding_model_resolver.set_default(
                session=self.session, collection_id=self.collection_id, embedding_model_id=key
            )


class Images(Media):
    """Images: each is its own frame."""

    def __init__(self, name: str) -> None:
        dataset = ImageDataset.load_or_create(name=name)
        super().__init__(name, dataset, dataset)

    def _load(self, paths: list[str]) -> None:
        add_images.load_into_dataset_from_paths(
            session=self.session,
            root_collection_id=self.collection_id,
            image_paths=paths,
            show_progress=False,
        )

    def _number(self, media: Placed, there: Mapping[str, UUID]) -> None:
        self._sizes = {one.sample_id: (one.width, one.height) for one in self._dataset}
        self.ids = {(place, 0): there[one["path"]] for place, one in media}
        self.turned = [one["key"] for _, one in media if _orientation(one["path"]) != 1]


class Videos(Media):
    """Videos with all their frames, as LightlyStudio decodes them."""

    def __init__(self, name: str) -> None:
        dataset = VideoDataset.load_or_create(name=name)
        super().__init__(name, dataset, dataset.frames())

    def _load(self, paths: list[str]) -> None:
        add_videos.load_into_collection_from_paths(
            session=self.session,
            collection_id=self._dataset.collection_id,
            video_paths=paths,
            show_progress=False,
        )

    def _number(self, media: Placed, there: Mapping[str, UUID]) -> None:
        sizes = {one.sample_id: (one.width, one.height) for one in self._dataset}
        for place, one in media:
            video = there[one["path"]]
            frames = video_frame_resolver.get_all_by_video_ids(session=self.session, video_ids=[video])
            _check_count(one, len(frames))
            if any(frame.rotation_deg for frame in frames):
                self.turned.append(one["key"])
            for frame in frames:
                self.ids[place, frame.frame_number] = frame.sample_id
                self._sizes[frame.sample_id] = sizes[video]


def _orientation(path: str) -> int:
    """EXIF orientation, 1 where nothing is said."""
    with Image.open(path) as image:
        return int(image.getexif().get(_ORIENTATION, 1))


def _check_count(one: Mapping[str, Any], found: int) -> None:
    """A number that differs would put predictions on other frames."""
    if (
        len(str(found)) != one["digits"]
        or one["frames"] > found
        or (one["complete"] and found != one["frames"])
    ):
        raise RefusedError(
            f"LightlyStudio decodes {found:,} frames of '{one['key']}', but the predictions are of "
            f"{one['frames']:,}; --skip '{one['key']}' leaves it out."
        )
