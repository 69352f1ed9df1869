"""Processes that encode beside a run: the same rows as without them, whatever happens to them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.encoding import encoder_pool
from lightly_assets.encoding.encoder_pool import EncoderPool
from lightly_assets.encoding.rows import EncodedRow, encode_rows
from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.models.columns import to_batch
from lightly_assets.models.preprocess import View
from lightly_assets.models.protocol import Source
from lightly_assets.models.results import (
    Classification,
    Detections,
    Keypoints,
    Ready,
    Result,
    SemanticScores,
)
from lightly_assets.models.semantic.interpolated import (
    CLIPPED,
    SHARE,
    SHARES,
    SIGMOID,
    SOFTMAX,
    InterpolatedScores,
)

WIDTH, HEIGHT = 160, 96
VIEW = View(WIDTH, HEIGHT, WIDTH, HEIGHT, 1.0, 1.0, 0.0, 0.0)
RANDOM = np.random.default_rng(3)
READY = {"category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.5}


def boxes(count: int) -> Any:
    corners = RANDOM.uniform(0, [WIDTH, HEIGHT], (count, 2, 2))
    low, high = corners.min(axis=1), corners.max(axis=1) + 2
    return np.concatenate([low, high], axis=1).astype(np.float32)


def interpolated(activation: Any, channels: int) -> InterpolatedScores:
    planes = RANDOM.normal(size=(channels, 12, 20)).astype(np.float32)
    if activation in (SHARES, SHARE, CLIPPED):
        planes = np.exp(planes) / np.exp(planes).sum(axis=0) if channels > 1 else 1 / (1 + np.exp(-planes))
    return InterpolatedScores(planes, VIEW, activation)


def objects(count: int, **more: Any) -> Detections:
    scores, classes = RANDOM.random(count), RANDOM.integers(0, 3, count)
    return Detections(boxes(count), scores, classes, **more)


RESULTS: dict[str, list[tuple[TaskType, Result]]] = {
    "classification": [
        (TaskType.CLASSIFICATION, Classification(probabilities=np.float32([0.25, 0.5, 0.25])))
    ],
    "objects": [
        (TaskType.OBJECT_DETECTION, objects(5)),
        (TaskType.OBJECT_DETECTION, objects(0)),
        (TaskType.OBJECT_DETECTION, Ready([READY])),
    ],
    "keypoints": [
        (
            TaskType.KEYPOINT_DETECTION,
            Keypoints(RANDOM.random((2, 4, 3)) * [WIDTH, HEIGHT, 1], [0.5, 0.25], [0, 0]),
        )
    ],
    "instances": [
        (TaskType.INSTANCE_SEGMENTATION, objects(3, masks=RANDOM.random((3, HEIGHT, WIDTH)) > 0.5))
    ],
    "semantic": [
        *(
            (TaskType.SEMANTIC_SEGMENTATION, interpolated(one, channels))
            for one, channels in [(SOFTMAX, 3), (SIGMOID, 1), (SHARES, 3), (SHARE, 1), (CLIPPED, 3)]
        ),
        (TaskType.SEMANTIC_SEGMENTATION, SemanticScores(label_map=RANDOM.integers(0, 3, (HEIGHT, WIDTH)))),
    ],
}


def settings(task: TaskType, categories: int = 3) -> TaskSettings:
    ids = [{"id": one, "name": f"c{one}"} for one in range(categories)]
    return TaskSettings(Schema.parse({"task_type": task, "categories": ids}))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is started as soon as something was encoded."""
    monkeypatch.setattr(encoder_pool, "_WORTH_SECONDS", 0.0)


def asked(pool: EncoderPool, task: str, results: list[Result], *, encodes: bool = True) -> list[EncodedRow]:
    found = pool.encode(task, results, [(WIDTH, HEIGHT)] * len(results), encodes=encodes)
    assert found is not None
    return found


def running(pool: EncoderPool) -> list[int]:
    return [one._process.pid for one in pool._all]


def started(pool: EncoderPool) -> int:
    """The only process, once it is ready."""
    (encoder,) = pool._all
    assert encoder._pipe.poll(60)
    return encoder._process.pid


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def stored(task: TaskType, rows: list[EncodedRow]) -> Any:
    return to_batch(
        [(Source("a.mp4", place, WIDTH, HEIGHT), row.result) for place, row in enumerate(rows)], task
    )


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("kind", RESULTS)
def test_rows_from_a_process_are_the_same(kind: str) -> None:
    task = RESULTS[kind][0][0]
    results = [result for _, result in RESULTS[kind]]
    pool = EncoderPool({"task": settings(task)}, most=1)
    here = {encodes: asked(pool, "task", results, encodes=encodes) for encodes in (True, False)}
    pid = started(pool)
    for encodes in (True, False):
        there = asked_there(pid, pool, results, encodes=encodes)
        assert stored(task, there).equals(stored(task, here[encodes]))
        assert [row.data for row in there] == [row.data for row in here[encodes]]
        sizes, given = [(WIDTH, HEIGHT)] * len(results), settings(task) if encodes else None
        expected = encode_rows(results, sizes, given)
        assert [row.encoded for row in there] == [row.without_masks.encoded for row in expected]
    pool.close()


def asked_there(pid: int, pool: EncoderPool, results: list[Result], *, encodes: bool) -> list[EncodedRow]:
    """Rows of a process that has worked for them."""
    before = cpu_ticks(pid)
    for _ in range(2000):
        there = asked(pool, "task", results, encodes=encodes)
        if cpu_ticks(pid) > before:
            return there
    raise AssertionError("the process was not asked")


@pytest.mark.usefixtures("at_once")
def test_what_cannot_be_written_is_left_for_who_tells_it() -> None:
    pool = EncoderPool({"task": settings(TaskType.OBJECT_DETECTION, categories=1)}, most=1)
    asked(pool, "task", [objects(0)])
    started(pool)
    wrong = Detections([[1, 1, 9, 9]], [0.5], [7])
    assert pool.encode("task", [wrong], [(WIDTH, HEIGHT)], encodes=True) is None
    assert asked(pool, "task", [objects(0)])[0].data == b"[]"
    pool.close()


@pytest.mark.usefixtures("at_once")
def test_a_process_that_is_killed_is_done_without() -> None:
    task, result = RESULTS["instances"][0]
    pool = EncoderPool({"task": settings(task)}, most=1)
    here = asked(pool, "task", [result])
    os.kill(started(pool), signal.SIGKILL)
    for _ in range(3):
        assert asked(pool, "task", [result])[0].data == here[0].data
    pool.close()


def test_none_is_started_for_little_work() -> None:
    pool = EncoderPool({"task": settings(TaskType.OBJECT_DETECTION)}, most=4)
    for _ in range(20):
        asked(pool, "task", [objects(3)])
    assert running(pool) == []


@pytest.mark.usefixtures("at_once")
def test_there_are_no_more_than_allowed_and_none_is_left() -> None:
    pool = EncoderPool({"task": settings(TaskType.OBJECT_DETECTION)}, most=2)
    for _ in range(9):
        asked(pool, "task", [objects(3)])
    pids = running(pool)
    assert 1 <= len(pids) <= 2
    pool.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert asked(pool, "task", [objects(0)])[0].data == b"[]"
    assert running(pool) == []


@pytest.mark.usefixtures("at_once")
def test_where_none_can_be_started_it_is_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    pool = EncoderPool({"task": settings(TaskType.OBJECT_DETECTION)}, most=2)
    for _ in range(3):
        assert asked(pool, "task", [objects(0)])[0].data == b"[]"
    assert running(pool) == []
    assert [one.message.count("no-python") for one in caplog.records] == [1]
    pool.close()


PARENT = """
import os, signal
from lightly_assets.encoding import encoder_pool
from tests.encoding.test_encoder_pool import TaskType, asked, objects, settings, started
encoder_pool._WORTH_SECONDS = 0.0
pool = encoder_pool.EncoderPool({"task": settings(TaskType.OBJECT_DETECTION)}, most=1)
asked(pool, "task", [objects(1)])
print(started(pool), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_ends_with_its_parent() -> None:
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", PARENT], cwd=root, stdout=subprocess.PIPE, check=False)
    assert found.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while Path(f"/proc/{int(found.stdout)}").exists() and _is_alive(int(found.stdout)):
        assert time.monotonic() < deadline, "it is still there"


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
