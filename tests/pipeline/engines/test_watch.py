"""Which workers get on, as far as a run can tell from what they say. No process has a part in it."""

import time

from lightly_assets.pipeline.engines.messages import (
    Alive,
    Begun,
    Done,
    Ended,
    Frames,
    Gone,
    Note,
    Ready,
    Written,
)
from lightly_assets.pipeline.engines.watch import Watch
from lightly_assets.pipeline.running.outcome import UnitOutcome

PATIENCE = 0.4
DONE = Done(0, UnitOutcome("a", ["a"]), Written())


def watched(watch: Watch, seconds: float) -> list[int]:
    """Look on for a while; who is found to have stalled."""
    found: list[int] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        watch.get()
        found = watch.stalled() or found
    return found


def test_who_has_nothing_to_do_may_be_silent() -> None:
    watch = Watch(PATIENCE)
    watch.put(0, Begun())
    watch.put(0, Ready("worker-0"))
    assert watched(watch, 2 * PATIENCE) == []
    watch.given(0)
    watch.put(0, DONE)
    watch.put(0, Ended())
    assert watched(watch, 2 * PATIENCE) == []


def test_who_loads_its_models_or_works_must_get_on() -> None:
    watch = Watch(PATIENCE)
    watch.put(0, Begun())
    watch.put(1, Ready("worker-1"))
    watch.given(1)
    watch.put(2, Ready("worker-2"))
    assert watched(watch, 2 * PATIENCE) == [0, 1]


def test_another_group_at_hand_is_something_to_do() -> None:
    watch = Watch(PATIENCE)
    watch.put(0, Ready("worker-0"))
    watch.given(0)
    watch.given(0)
    watch.put(0, Ended())
    assert watched(watch, 2 * PATIENCE) == [0]


def test_frames_and_files_are_progress_and_lines_of_the_log_are_not() -> None:
    watch = Watch(PATIENCE)
    for worker, report in enumerate((Frames({"a": 1}), Alive(), DONE, Note(20, "I try again."))):
        watch.put(worker, Ready(f"worker-{worker}"))
        watch.given(worker)
        for _ in range(4):
            watch.put(worker, report)
    stalled: list[int] = []
    for _ in range(8):
        for worker, report in enumerate((Frames({"a": 1}), Alive(), DONE, Note(20, "I try again."))):
            watch.put(worker, report)
        stalled = watched(watch, PATIENCE / 4) or stalled
    assert stalled == [3]


def test_the_time_that_nobody_watched_does_not_count() -> None:
    watch = Watch(5.0)
    watch.put(0, Ready("worker-0"))
    watch.given(0)
    for _ in range(2):
        watch._ticked -= 3600  # as after a stop of an hour
        assert watch.stalled() == []
    watch._ticked -= 3600
    assert watch.stalled() == [0]


def test_whoever_is_gone_has_no_more_to_say() -> None:
    watch = Watch(PATIENCE)
    watch.put(0, Ready("worker-0"))
    watch.given(0)
    watch.put(0, Gone("was ended"))
    watch.put(0, DONE)
    watch.given(0)
    events = [watch.get(), watch.get(), watch.get()]
    assert [type(event[1]) for event in events if event] == [Ready, Gone]
    assert watched(watch, 2 * PATIENCE) == []
