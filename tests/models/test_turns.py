"""Several calls of a model at once: each has a tool of its own, and there are no more than so many."""

import threading
from collections import Counter

import pytest

from lightly_assets.models.runtimes.shared.turns import Turns, calls_at_once

MOST = 3


def test_each_call_has_a_tool_of_its_own() -> None:
    made: list[int] = []
    used: Counter[int] = Counter()
    meet = threading.Barrier(MOST, timeout=10)
    clashes: list[int] = []

    def make() -> int:
        made.append(len(made) + 1)
        return made[-1]

    turns = Turns(make, MOST, 0)

    def work() -> None:
        with turns.take() as tool:
            used[tool] += 1
            if used[tool] > 1:
                clashes.append(tool)
            # All of them are in use before one is given back.
            meet.wait()
            used[tool] -= 1

    threads = [threading.Thread(target=work) for _ in range(7 * MOST)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not clashes
    assert made == [1, 2], "the first one was there"
    assert set(used) == {0, 1, 2}


def test_one_call_makes_nothing_and_a_failed_one_keeps_nothing() -> None:
    turns = Turns(lambda: pytest.fail("there is a free one"), 1, "tool")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.take():
            _ = 1 / 0
    with turns.take() as tool:
        assert tool == "tool"


@pytest.mark.parametrize(("threads", "batch", "calls"), [(1, 8, 1), (2, 8, 2), (2, 1, 2), (64, 8, 8)])
def test_calls_share_the_threads(threads: int, batch: int, calls: int) -> None:
    assert calls_at_once(threads, batch) == calls
