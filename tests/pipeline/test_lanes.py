"""Models that several threads call: the same bytes, in the same order, and no longer than wanted."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.config import load_project
from lightly_assets.encoding import encoder_pool, rows
from lightly_assets.models.pixels.preprocessor import Preprocessor
from lightly_assets.models.results import ResultError
from lightly_assets.pipeline.running import lanes
from lightly_assets.pipeline.running.lanes import Lanes
from lightly_assets.pipeline.running.pipe import Stop, Stopped
from lightly_assets.pipeline.session import Session
from tests.models.onnx_files import node, write
from tests.projects import SmallProject, positions, read_folder, write_video

SIDE, CLASSES = 48, 12
PIXELS = {"resize": "stretch", "size": [SIDE, SIDE], "mean": 0.5, "std": 0.1}


def pooled_model(path: Path) -> Path:
    """Adds up over another than the last axis, in another order with three threads of ONNX Runtime."""
    nodes = [
        node("Reshape", ["images", "shape"], ["table"]),
        node("ReduceMean", ["table"], ["output"], axes=[1], keepdims=0),
    ]
    return write(
        path,
        nodes,
        {"images": (np.float32, ["n", 3, SIDE, SIDE])},
        {"output": (np.float32, ["n", CLASSES])},
        {"shape": np.array([-1, SIDE * SIDE * 3 // CLASSES, CLASSES], dtype=np.int64)},
    )


def project(folder: Path, tasks: int = 1, **model: Any) -> SmallProject:
    small = SmallProject(folder)
    pooled_model(folder / "pooled.onnx")
    settings = {"kind": "onnx", "path": "pooled.onnx", "layout": "logits", "preprocess": PIXELS}
    small.write(
        tasks=[
            {
                "name": f"pooled{number}",
                "task_type": "classification",
                "categories": [{"id": one, "name": f"c{one}"} for one in range(CLASSES)],
                "model": settings | model,
            }
            for number in range(tasks)
        ]
    )
    write_video(small.input / "a.mp4", positions(23))
    write_video(small.input / "b.mp4", positions(9))
    return small


def run(small: SmallProject, said: list[str] | None = None) -> None:
    with Session(load_project(small.config)) as session:
        for outcome in session.run(session.plan(), on_pace=None if said is None else said.append):
            assert outcome.problems() == {}
        session.finish()


def stored(small: SmallProject) -> tuple[dict[str, bytes], list[bytes]]:
    """Everything published, and the tables that it was made from; their names tell when inputs were made."""
    tables = (data for name, data in read_folder(small.state).items() if name.endswith(".parquet"))
    return small.files(), sorted(tables)


def test_threads_and_batches_change_no_byte(tmp_path: Path) -> None:
    others = [{"threads": 2}, {"threads": 5}, {"threads": 3, "batch_size": 2}, {"batch_size": 32}]
    found = []
    for number, settings in enumerate([{"threads": 1}, *others]):
        small = project(tmp_path / f"{number}", **settings)
        run(small)
        found.append(stored(small))
    assert len(found[0][0]) == 32 + 2 and len(found[0][1]) == 4
    assert all(one == found[0] for one in found)


def test_what_a_lane_cannot_encode_is_encoded_where_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = project(tmp_path / "0", threads=2)
    run(wanted)
    real, threads = rows.encode_batch, set()

    def encode_batch(*given: Any) -> Any:
        threads.add(threading.current_thread().name.partition(" ")[0])
        if threading.current_thread().name.startswith("model"):
            raise ResultError("cannot be encoded", 0)
        return real(*given)

    monkeypatch.setattr(rows, "encode_batch", encode_batch)
    small = project(tmp_path / "1", threads=2)
    run(small)
    assert threads == {"model", "encode"}
    assert stored(small) == stored(wanted)


def test_processes_that_encode_change_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = project(tmp_path / "0", threads=2)
    run(wanted)
    monkeypatch.setattr(encoder_pool, "_WORTH_SECONDS", 0.0)
    asked: list[object] = []
    real = encoder_pool._Encoder.ask

    def ask(self: Any, question: object) -> Any:
        asked.append(question)
        return real(self, question)

    def is_ready(self: Any) -> bool:
        return bool(self._pipe.poll(60) and self._pipe.recv_bytes() == b"")

    monkeypatch.setattr(encoder_pool._Encoder, "ask", ask)
    monkeypatch.setattr(encoder_pool._Encoder, "is_ready", property(is_ready))
    monkeypatch.setattr(encoder_pool, "usable_cores", lambda: 2)
    small = project(tmp_path / "1", threads=2)
    run(small)
    assert asked
    assert stored(small) == stored(wanted)


def test_a_run_says_what_was_waited_for(tmp_path: Path) -> None:
    small, said = project(tmp_path / "p", threads=2), []
    run(small, said)
    assert len(said) == 1
    assert "decoding " in said[0] and "models " in said[0] and said[0].endswith("from 3 threads.")
    run(small, said)  # nothing to do, nothing to say
    assert len(said) == 1


def test_tasks_that_see_the_same_share_their_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = Preprocessor.__call__

    def counted(self: Preprocessor, images: Any, *more: Any) -> Any:
        made.extend(map(id, images))
        return real(self, images, *more)

    alone = project(tmp_path / "alone", tasks=1)
    run(alone)
    monkeypatch.setattr(Preprocessor, "__call__", counted)
    small = project(tmp_path / "three", tasks=3, threads=2)
    small.settings["tasks"][2]["model"] = small.settings["tasks"][2]["model"] | {
        "preprocess": PIXELS | {"channels": "bgr"}
    }
    small.write()
    run(small)
    # Two of them share; the third wants blue first.
    assert len(made) == 2 * 32
    files = small.files()
    for name, data in alone.files().items():
        if name.startswith("pooled0/") and not name.endswith("schema.json"):
            assert files[name] == files[name.replace("pooled0", "pooled1")] == data


def test_answers_come_in_the_order_of_the_questions() -> None:
    several: Lanes[int] = Lanes(Stop())
    waits = [0.05, 0.0, 0.02, 0.0, 0.01]

    def work(number: int) -> int:
        time.sleep(waits[number])
        return number

    for number in range(5):
        several.begin(lambda number=number: work(number), 3)
    assert [*several.answers(0)] == [0, 1, 2, 3, 4]
    several.close()


def test_a_slow_call_does_not_hold_up_those_behind_it() -> None:
    several: Lanes[int] = Lanes(Stop())
    free = threading.Event()
    several.begin(lambda: int(free.wait(60)), 2)
    for number in range(2, 9):
        several.begin(lambda number=number: number, 2)
        assert [*several.answers(2)] == []
    free.set()
    assert [*several.answers(0)] == [1, *range(2, 9)]
    several.close()


def test_what_waits_for_a_slow_call_is_bounded() -> None:
    several: Lanes[int] = Lanes(Stop())
    free = threading.Event()
    several.begin(lambda: int(free.wait(60)), 2)
    for _ in range(2, lanes.WAITING_ANSWERS):
        several.begin(int, 2)
        assert [*several.answers(2)] == []
    several.begin(int, 2)
    threading.Timer(0.1, free.set).start()
    assert next(several.answers(2)) == 1
    several.close()


def test_an_error_of_a_lane_is_raised_where_its_answer_is_due() -> None:
    several: Lanes[int] = Lanes(Stop())
    several.begin(lambda: 1, 2)
    several.begin(lambda: 1 // 0, 2)
    answers = several.answers(0)
    assert next(answers) == 1
    with pytest.raises(ZeroDivisionError):
        next(answers)
    several.close()


def test_whoever_stops_does_not_wait_for_a_slow_model() -> None:
    stop, free = Stop(), threading.Event()
    several: Lanes[bool] = Lanes(stop)
    several.begin(lambda: free.wait(60), 2)
    threading.Timer(0.1, stop.set).start()
    start = time.monotonic()
    with pytest.raises(Stopped):
        next(several.answers(0))
    assert time.monotonic() - start < 10 * lanes.POLL_SECONDS
    free.set()
    several.close()


def test_no_call_is_left_when_they_are_closed() -> None:
    """Python that ends below a call in C++ aborts, after everything was said."""
    before = set(threading.enumerate())
    closing = threading.Event()

    def work() -> int:
        closing.wait()
        return sum(range(1_000_000))

    some: Lanes[int] = Lanes(Stop())
    for _ in range(2):
        some.begin(work, 2)
    closing.set()
    some.close()
    assert set(threading.enumerate()) == before
