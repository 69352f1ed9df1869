"""``kind: lightly``: a task's folder in the prediction format as the model, whoever wrote it."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from lightly_assets.errors import BadValue
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.suffixes import input_kind, split_suffix
from lightly_assets.format.schema import Category, Schema, TaskType
from lightly_assets.format.strict_json import parse_json
from lightly_assets.labels.categories import Categories, match_categories
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import frames_problem
from lightly_assets.labels.names import Frame
from lightly_assets.models.config import KINDS
from lightly_assets.models.files import version_of
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.results import Ready, Result, ResultError
from lightly_assets.models.runtimes.shared.label_lookup import BATCH, LabelModel, log

CODE_VERSION = 3

Singletons = list[dict[str, Any]]


@KINDS.register("lightly")
class LightlyModel(LabelModel):
    """A task folder in the prediction format, as the model."""

    kind: Literal["lightly"]
    path: str
    """Relative to ``lightly.yaml``: the task's folder, such as ``old/.lightly/predictions/people``."""

    def predict_settings(self) -> dict[str, Any]:
        settings = super().predict_settings()
        settings.pop("path")
        return settings

    def load_for(self, task_type: TaskType, categories: Sequence[Category], base_dir: Path) -> Runtime:
        return LightlyLabels(self, task_type, categories, base_dir)


class LightlyLabels:
    """A task's folder in the prediction format."""

    def __init__(
        self, config: LightlyModel, task_type: TaskType, categories: Sequence[Category], base_dir: Path
    ) -> None:
        self.task_type, self._config = task_type, config
        self.folder = (base_dir / config.path).resolve()
        if not self.folder.is_dir():
            raise ModelError(
                f"The task folder {config.path} does not exist; path must name a folder such as "
                f".lightly/predictions/people, relative to lightly.yaml ({self.folder})."
            )
        self._files = _prediction_files(self.folder)
        self._wanted = categories
        self._schema = self._own_schema()
        self._categories = self._matched()
        self.batch_size = BATCH
        self.version = version_of(
            _listing_hash(self.folder, self._files.values()),
            config.predict_settings()
            | {"task_type": task_type, "categories": [(one.id, one.name) for one in categories]}
            | {"schema": self._schema.hash() if self._schema is not None else None},
            CODE_VERSION,
        )

    def _own_schema(self) -> Schema | None:
        path = self.folder / "schema.json"
        if not path.is_file():
            return None
        try:
            schema = Schema.parse(path.read_bytes(), f"{self.folder.name}/schema.json")
        except BadValue as error:
            raise ModelError(f"The task folder {self._config.path} cannot be used: {error}") from None
        if schema.task_type is not self.task_type:
            raise ModelError(
                f"The task folder {self._config.path} is of the type {schema.task_type}, but the task is of "
                f"{self.task_type}."
            )
        return schema

    def _matched(self) -> Categories | None:
        """The task's categories by the folder's ids; None where the folder's ids are the task's."""
        found = [(one.id, one.name) for one in self._schema.categories] if self._schema is not None else []
        if not found and self._config.category_map is None:
            return None
        try:
            matched = match_categories(
                found, self._wanted, self._config.category_map, file=f"{self.folder.name}/schema.json"
            )
        except LabelsError as error:
            raise ModelError(str(error)) from None
        if matched.unknown:
            raise ModelError(matched.problem)
        return matched

    def meet(self, keys: Collection[str]) -> None:
        """Which inputs there are; see :class:`~lightly_assets.models.protocol.LooksUp`.

        Raises:
            ModelError: inputs without a file may be empty, but none has one.
        """
        inputs = [key for key in keys if input_kind(key) is not None]
        if self._config.missing == "fail" or not inputs or not self._files:
            return
        videos = {frame[0] for frame in self._files if frame[1] is not None}
        if not any(key in videos or (_stem(key), None) in self._files for key in inputs):
            raise ModelError(
                f"None of the {len(inputs):,} inputs has a file in {self._config.path}, which has "
                f"{next(iter(self._files))[0]}.json and others; is it the right folder?"
            )

    def check_end(self, key: str, frames: int) -> None:
        """How many frames a video had; see :class:`~lightly_assets.models.protocol.LooksUp`."""
        listed = [index for video, index in self._files if video == key and index is not None]
        if problem := frames_problem(listed, frames, key, file=self.folder.name, shift=None):
            raise ModelError(problem)
        if listed and len(listed) < frames:
            log.warning(
                "%s: %d of %d frames of '%s' have no file; they get no predictions.",
                self.folder.name, frames - len(listed), frames, key,
            )  # fmt: skip

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:  # noqa: ARG002
        """The predictions of each image; see :class:`~lightly_assets.models.protocol.Model`."""
        results: list[Result] = []
        for place, source in enumerate(sources):
            try:
                results.append(Ready(self._singletons(source)))
            except BadValue as error:
                raise ResultError(str(error), place) from None
        return results

    def _singletons(self, source: Source) -> Singletons:
        path = self._files.get((_stem(source.input), source.index))
        if path is None:
            if self._config.missing == "fail":
                raise ResultError(
                    f"{self.folder.name} has no file for it; 'missing: empty' writes no predictions."
                )
            return []
        name = path.relative_to(self.folder).as_posix()
        data = parse_json(path.read_bytes(), name)
        found = data.get("predictions") if isinstance(data, dict) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise ResultError(f"{name} has no list of predictions.")
        return found if self._categories is None else [*self._renamed(found, self._categories, name)]

    def _renamed(self, found: Singletons, known: Categories, name: str) -> Iterable[dict[str, Any]]:
        """With the task's ids instead of the folder's."""
        for number, one in enumerate(found):
            category = one.get("category_id")
            if type(category) is not int or (category not in known.ids and category not in known.left_out):
                raise ResultError(
                    f"{name}: prediction {number} has the category_id {category!r}, which its schema has not."
                )
            if category in known.left_out:
                continue
            renamed = one | {"category_id": known.ids[category]}
            if isinstance(shares := one.get("probabilities"), list):
                renamed["probabilities"] = self._reordered(shares, known, name)
            yield renamed

    def _reordered(self, shares: list[Any], known: Categories, name: str) -> list[Any]:
        """Probabilities in the order of the task's categories; those that the folder does not have get 0."""
        ids = self._schema.ids if self._schema is not None else ()
        if len(shares) != len(ids):
            raise ResultError(
                f"{name}: probabilities has {len(shares)} numbers; its schema has {len(ids)} categories."
            )
        if known.left_out:
            raise ResultError(
                f"{name}: it has probabilities of categories that category_map leaves out, so that they "
                "would not add up to 1; name all categories."
            )
        wanted = [one.id for one in self._wanted]
        if [known.ids[number] for number in ids] == wanted:
            return shares
        sums: dict[int, Any] = dict.fromkeys(wanted, 0.0)
        for number, share in zip(ids, shares, strict=True):
            sums[known.ids[number]] = sums[known.ids[number]] + share if sums[known.ids[number]] else share
        return [sums[number] for number in wanted]


def _stem(key: str) -> str:
    """What the files of an input are called: an image's path without its suffix, a video's with it."""
    return key if input_kind(key) == "video" else split_suffix(key)[0]


def _prediction_files(folder: Path) -> dict[Frame, Path]:
    """Every prediction file by the video and frame, and by the image's path without suffix."""
    found: dict[Frame, Path] = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if name == "schema.json":
            continue
        frame = parse_frame_name(name)
        found.setdefault((split_suffix(name)[0], None), path)
        if frame is not None:
            found[frame.video, frame.index] = path
    return found


def _listing_hash(folder: Path, paths: Iterable[Path]) -> str:
    """A hash of names, sizes and times: reading every file each time would take too long."""
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        status = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
