"""Which units workers are given, and what becomes of those that they die of. No process has a part in it."""

import random
from datetime import UTC, datetime

import pytest

from lightly_assets.pipeline.engines.board import Board
from lightly_assets.pipeline.engines.messages import Group
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.pipeline.planning.plan import TaskWork, UnitWork
from lightly_assets.pipeline.running.outcome import UnitOutcome
from lightly_assets.storage import Entry

MEGABYTE = 1 << 20


def unit(name: str, *keys: str, size: int = MEGABYTE) -> UnitWork:
    """Work on a unit whose inputs have so many bytes each."""
    inputs = {
        key: Input(key, "video", Entry(key, size, "stat:1-1", datetime(2026, 1, 1, tzinfo=UTC)))
        for key in keys or (name,)
    }
    return UnitWork(name, inputs, {"cars": TaskWork(predict=set(inputs), publish=set(inputs))})


def board(units: list[UnitWork], workers: int = 2) -> Board:
    return Board(units, workers, lambda some: [("", one.unit) for one in some])


def keys(group: Group | None) -> list[str]:
    assert group is not None
    return [key for work in group.units.values() for key in work.inputs]


def done(work: UnitWork) -> UnitOutcome:
    return UnitOutcome(work.unit, sorted(work.inputs))


def test_long_inputs_go_first_and_alone_short_ones_together_in_ever_smaller_groups() -> None:
    short = [unit(f"short-{number:02}", size=1000) for number in range(60)]
    made = board([*short, unit("long", size=900 * MEGABYTE), unit("longer", size=1000 * MEGABYTE)])
    assert keys(made.take()) == ["longer"]
    assert keys(made.take()) == ["long"]
    sizes = []
    while (group := made.take()) is not None:
        sizes.append(len(group.units))
    assert sum(sizes) == 60 and sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 10 and sizes[-1] == 1


def test_nothing_long_waits_behind_what_a_worker_is_busy_with() -> None:
    made = board([unit("long", size=200 * MEGABYTE), *(unit(f"s{number}", size=10) for number in range(9))])
    beside = made.take(beside=True)
    assert beside is not None and "long" not in keys(beside)


def test_pieces_of_a_unit_are_never_with_two_workers() -> None:
    made = board([unit("stills/", "a.png", "b.png"), unit("stills/", "c.png", "d.png")], workers=9)
    first = made.take()
    assert keys(first) == ["a.png", "b.png"] and made.take() is None
    assert first is not None
    made.done(*next((number, done(work)) for number, work in first.units.items()))
    assert keys(made.take()) == ["c.png", "d.png"]


def test_whoever_was_in_bad_company_is_tried_alone_and_only_the_guilty_is_given_up() -> None:
    made = board([unit(name, size=10) for name in ("good", "bad", "other")], workers=1)
    group = made.take()
    assert group is not None and len(group.units) == 1  # with so little work, nothing is grouped
    numbers = list(group.units)
    rest = made.take()
    assert rest is not None
    # Had a worker held all of them:
    assert list(made.died([*numbers, *rest.units], "crashed", innocent=False)) == []
    tries: dict[str, int] = {}
    given_up = []
    while not made.finished:
        group = made.take()
        assert group is not None and len(group.units) == 1
        number, work = next(iter(group.units.items()))
        tries[work.unit] = tries.get(work.unit, 0) + 1
        if work.unit == "bad":
            given_up += made.died([number], "crashed (SIGSEGV)", innocent=False)
        else:
            made.done(number, done(work))
    assert [outcome.unit for outcome in given_up] == ["bad"]
    assert tries["bad"] in (2, 3) and max(tries["good"], tries["other"]) == 1
    assert given_up[0].failed["bad"].startswith("'bad' is given up: 3 workers died of it")
    assert "SIGSEGV" in given_up[0].failed["bad"] and given_up[0].retriable == set()


def test_the_loss_of_a_host_is_held_against_no_input() -> None:
    made = board([unit("video")])
    for _ in range(10):
        group = made.take()
        assert group is not None
        assert list(made.died(list(group.units), "was lost", innocent=True)) == []
    assert keys(made.take()) == ["video"]


def test_one_image_of_many_that_kills_is_found() -> None:
    names = [f"{number:03}.png" for number in range(256)]
    made = board([unit("stills/", *names), unit("video")], workers=3)
    deaths = 0
    outcomes = []
    while not made.finished:
        group = made.take()
        assert group is not None
        if "077.png" in keys(group):
            deaths += 1
            outcomes += made.died(list(group.units), "was killed (SIGKILL)", innocent=False)
        else:
            outcomes += [one for pair in group.units.items() if (one := made.done(pair[0], done(pair[1])))]
    stills = next(one for one in outcomes if one.unit == "stills/")
    assert len(outcomes) == 2 and stills.inputs == names
    assert list(stills.failed) == ["077.png"]
    assert deaths <= 6


@pytest.mark.parametrize("seed", range(30))
def test_whatever_dies_every_unit_comes_out_once_and_only_poison_fails(seed: int) -> None:
    source = random.Random(seed)
    units = [unit(f"v{number}", size=source.randrange(1, 80 * MEGABYTE)) for number in range(40)]
    poison = {f"v{source.randrange(40)}" for _ in range(source.randrange(4))}
    made = board(units, workers=4)
    workers: list[Group] = []
    outcomes: list[UnitOutcome] = []
    random_deaths = 0
    while not made.finished:
        while len(workers) < 4 and (group := made.take()) is not None:
            workers.append(group)
        group = workers.pop(source.randrange(len(workers)))
        open_units = dict(group.units)
        for number, work in list(open_units.items()):
            if work.unit in poison or (random_deaths < 30 and source.random() < 0.1):
                innocent = work.unit not in poison
                random_deaths += innocent
                outcomes += made.died(list(open_units), "died", innocent=innocent)
                break
            del open_units[number]
            outcomes += [one for one in [made.done(number, done(work))] if one]
            # Said twice, as by a worker whose first words were lost.
            assert made.done(number, done(work)) is None
    assert sorted(outcome.unit for outcome in outcomes) == sorted(one.unit for one in units)
    assert {outcome.unit for outcome in outcomes if outcome.failed} == poison
