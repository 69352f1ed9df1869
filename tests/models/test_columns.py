"""Results through columns and back, and what other tools read in them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lightly_assets.encoding.encode import TaskSettings, encode
from lightly_assets.format.schema import Schema
from lightly_assets.models.columns import columns_schema, from_batch, pack, to_batch
from lightly_assets.models.protocol import Source
from lightly_assets.models.results import (
    Classification,
    Detections,
    Keypoints,
    Ready,
    RunLengths,
    SemanticScores,
    SemanticSegments,
)

WIDTH, HEIGHT = 12, 8


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def boxes(count: int, dtype: Any) -> Any:
    low = rng().uniform(0, 4, (count, 2))
    return np.concatenate([low, low + rng().uniform(1.5, 4, (count, 2))], axis=1).astype(dtype)


def detections(count: int, dtype: Any, probabilities: bool = True, **more: Any) -> Detections:
    shares = rng().dirichlet([1, 1, 1], count).astype(dtype)
    scores = rng().uniform(0, 1, count).astype(dtype)
    ids = rng().integers(0, 3, count)
    return Detections(boxes(count, dtype), scores, ids, shares if probabilities else None, **more)


def placed(shares: Any) -> Any:
    """Keypoints (…, 3) in pixels."""
    return shares * [WIDTH, HEIGHT, 1]


def keypoints(count: int, dtype: Any, with_boxes: bool = True) -> Keypoints:
    points = placed(rng().uniform(0, 1, (count, 5, 3))).astype(dtype)
    found = detections(count, dtype, False)
    return Keypoints(points, found.scores, found.category_ids, found.boxes if with_boxes else None)


MASKS = (rng().uniform(0, 1, (3, HEIGHT, WIDTH)) > 0.5).astype(np.uint8)
READY = Ready([{"category_id": 0, "bbox": [0, 1, 2.5, 3], "score": 0.8}])
SCORES = rng().dirichlet([1, 1, 1], (HEIGHT, WIDTH)).transpose(2, 0, 1)
VARYING = Keypoints([placed(rng().uniform(0, 1, (count, 3))) for count in (2, 4)], [0.5, 0.25], [0, 1])

RESULTS: dict[str, list[Any]] = {
    "classification": [
        Classification(1, 0.7),
        Classification(probabilities=np.array([0.2, 0.5, 0.3], np.float32)),
        Classification(2, np.float32(0.1), [0.1, 0.8, 0.1]),
        Ready([]),
        Ready([{"category_id": 1, "score": 0.25}]),
    ],
    "object-detection": [
        detections(3, np.float32),
        detections(0, np.float64, False),
        READY,
        detections(2, np.float64, False),
        Ready([]),
        Detections(boxes(2, np.float64), np.array([0.5, 0.1], np.float32), [0, 1]),
    ],
    "keypoint-detection": [keypoints(3, np.float32), keypoints(2, np.float64, False), VARYING],
    "instance-segmentation": [
        detections(3, np.float32, masks=MASKS),
        detections(1, np.float64, masks=RunLengths.of(MASKS[:1])),
        Detections(np.zeros((0, 4)), [], [], masks=np.zeros((0, HEIGHT, WIDTH))),
    ],
    "semantic-segmentation": [
        SemanticScores(SCORES),
        SemanticScores(SCORES.astype(np.float32)),
        SemanticScores(label_map=SCORES.argmax(axis=0), category_scores={1: 0.5}),
        SemanticScores(label_map=np.full((HEIGHT, WIDTH), 255)),
    ],
}


@pytest.mark.parametrize("task_type", RESULTS)
def test_results_come_back_exactly(task_type: str) -> None:
    rows = [(Source("a/v.mp4", index, WIDTH, HEIGHT), one) for index, one in enumerate(RESULTS[task_type])]
    rows.append((Source("b.png", None, WIDTH, HEIGHT), RESULTS[task_type][0]))
    batch = to_batch(rows, task_type)
    assert batch.schema.equals(columns_schema(task_type))
    back = list(from_batch(batch, task_type))
    assert [source for source, _ in back] == [source for source, _ in rows]
    for (_, given), (_, found) in zip(rows, back, strict=True):
        assert_equal(pack(given), found)


@pytest.mark.parametrize("task_type", RESULTS)
def test_a_slice_of_a_batch_and_parquet_give_the_same(task_type: str, tmp_path: Path) -> None:
    rows = [(Source("v.mp4", index, WIDTH, HEIGHT), one) for index, one in enumerate(RESULTS[task_type])]
    path = tmp_path / "p.parquet"
    with pq.ParquetWriter(path, columns_schema(task_type)) as writer:
        for start in range(0, len(rows), 2):
            writer.write_batch(to_batch(rows[start : start + 2], task_type))
    whole = (
        pa.Table.from_batches(pq.ParquetFile(path).iter_batches(batch_size=3))
        .combine_chunks()
        .to_batches()[0]
    )
    back = list(from_batch(whole.slice(1), task_type))
    assert len(back) == len(rows) - 1
    for (_, given), (_, found) in zip(rows[1:], back, strict=True):
        assert_equal(pack(given), found)


@pytest.mark.parametrize("task_type", RESULTS)
def test_stored_results_are_written_as_fresh_ones(task_type: str) -> None:
    categories = [{"id": number, "name": f"c{number}"} for number in range(3)]
    settings = TaskSettings(Schema.parse({"task_type": task_type, "categories": categories}))
    rows = [(Source("v.mp4", index, WIDTH, HEIGHT), one) for index, one in enumerate(RESULTS[task_type])]
    if task_type in ("instance-segmentation", "classification"):
        rows = [row for row in rows if not isinstance(row[1], Ready)]
    for (_, given), (_, found) in zip(rows, from_batch(to_batch(rows, task_type), task_type), strict=True):
        fresh, stored = (encode(one, settings, WIDTH, HEIGHT) for one in (given, found))
        assert fresh == stored
        assert str(fresh) == str(stored)


def test_medians_and_means_are_those_of_the_pixels() -> None:
    found = pack(SemanticScores(SCORES))
    assert isinstance(found, SemanticSegments)
    labels = SCORES.argmax(axis=0)
    for row, category in enumerate(found.classes):
        inside = SCORES[category][labels == category]
        assert found.medians[row] == np.median(inside)
        np.testing.assert_allclose(found.means[row], inside.mean(), rtol=1e-12)


def test_other_tools_see_plain_lists() -> None:
    rows = [(Source("v.mp4", 0, WIDTH, HEIGHT), detections(3, np.float32))]
    row = to_batch(rows, "object-detection").to_pylist()[0]
    given = rows[0][1]
    assert row["frame"] == 0
    assert row["category_id"] == given.category_ids.tolist()
    assert row["x1"] == given.boxes[:, 0].tolist()
    assert row["score"] == given.scores.tolist()
    assert row["singletons"] is None


def assert_equal(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, Ready):
        assert one.singletons == other.singletons
        return
    for name in one.__dataclass_fields__:
        ours, theirs = getattr(one, name), getattr(other, name)
        if isinstance(ours, RunLengths):
            assert (ours.height, ours.width, len(ours)) == (
                theirs.height,
                theirs.width,
                len(theirs),
            ) or not len(ours)
            ours, theirs = ours.counts, theirs.counts
        if isinstance(ours, tuple):
            assert len(ours) == len(theirs)
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)
        elif isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype, name
            if ours.size or theirs.size:
                np.testing.assert_array_equal(ours, theirs)
        else:
            assert ours == theirs, name


def test_little_of_pyarrow_is_loaded_for_them() -> None:
    """Every run starts with it: all of its functions, and masked arrays, take longer than some videos."""
    code = (
        "import sys\nfrom lightly_assets.models.columns import pack, to_batch\n"
        "from lightly_assets.models.protocol import Source\n"
        "from lightly_assets.models.results import Detections, Ready\n"
        "results = [Detections([[1, 2, 3, 4]], [0.5], [0]), Ready([])]\n"
        "batch = to_batch([(Source('a.png', 0, 8, 8), pack(one)) for one in results], 'object-detection')\n"
        "assert batch.num_rows == 2\n"
        "assert not {'pyarrow.compute', 'numpy.ma'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
