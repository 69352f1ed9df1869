"""Which units are given to a worker next, and what happens to those whose worker died.

Long inputs go first, so that none of them is what everybody waits for at the end. Short ones go in groups
that get smaller towards the end. An input is given up once its worker has died three times, the last time
with nothing else in hand.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from lightly_assets.pipeline.engines.messages import Group
from lightly_assets.pipeline.planning.plan import UnitWork, split
from lightly_assets.pipeline.running.outcome import UnitOutcome

_DEATHS = 3
# A host that is lost has not died of an input; but not for ever.
_LOST_HOSTS = 20
# What opening, recording and publishing a unit costs, in bytes of video.
_UNIT_BYTES = 1 << 18
_GROUP_BYTES = 64 << 20
_GROUP_UNITS = 64
# Workers that there never are.
_MANY = 2000
# A unit of many images that a worker died of is tried in so many parts.
_PARTS = 16


@dataclass(slots=True, eq=False)
class _Item:
    number: int
    work: UnitWork
    whole: int
    """The number of the unit of the plan that it is, or is a part of."""
    weight: int
    deaths: int = 0
    lost: int = 0
    alone: bool = False

    @property
    def order(self) -> tuple[int, int]:
        return -self.weight, self.number


class Board:
    """The units of a run, from the first that is given away to the last that is done."""

    def __init__(
        self,
        units: Sequence[UnitWork],
        workers: int,
        records: Callable[[Sequence[UnitWork]], list[tuple[str, str]]],
    ) -> None:
        """
        Args:
            units: in any order.
            workers: that will share them.
            records: the (task, unit) whose records speak of the inputs of units.
        """
        self._workers, self._records = workers, records
        self._items: dict[int, _Item] = {}
        self._pending: list[_Item] = []
        self._weight = 0
        self._held: dict[str, int] = {}
        """How many items of a unit are away: pieces of a unit share its record."""
        self._numbers = count()
        self._parts = dict.fromkeys(range(len(units)), 1)
        self._whole: dict[int, UnitOutcome] = {}
        for number, work in enumerate(units):
            self._add(work, number)

    @property
    def finished(self) -> bool:
        return not self._items

    @property
    def size(self) -> int:
        """How many workers can have something to do at once."""
        if len(self._items) > _MANY:
            return _MANY
        return len({item.work.unit for item in self._items.values()})

    def take(self, *, beside: bool = False) -> Group | None:
        """What a worker should do next; None where there is nothing now.

        ``beside``: while it works on something else, so only what is short.
        """
        limit = min(_GROUP_BYTES, self._weight // (2 * self._workers))
        chosen: list[_Item] = []
        weight = 0
        for item in self._pending:
            if self._held.get(item.work.unit) or (beside and (item.alone or item.weight > limit)):
                continue
            if chosen and (item.alone or chosen[0].alone or weight + item.weight > limit):
                if item.alone:
                    continue
                break
            chosen.append(item)
            weight += item.weight
            if len(chosen) == _GROUP_UNITS:
                break
        if not chosen:
            return None
        for item in chosen:
            self._pending.remove(item)
            self._weight -= item.weight
            self._held[item.work.unit] = self._held.get(item.work.unit, 0) + 1
        works = [item.work for item in chosen]
        return Group(
            {item.number: item.work for item in chosen}, self._records(works), weight, chosen[0].alone
        )

    def done(self, number: int, outcome: UnitOutcome) -> UnitOutcome | None:
        """What came of an item; that of its whole unit, where that is complete now."""
        item = self._release(number)
        if item is None:
            return None
        return self._complete(item, outcome)

    def _complete(self, item: _Item, outcome: UnitOutcome) -> UnitOutcome | None:
        del self._items[item.number]
        whole = self._whole.setdefault(item.whole, outcome)
        if whole is not outcome:
            whole.take(outcome)
            whole.inputs = sorted({*whole.inputs, *outcome.inputs})
        self._parts[item.whole] -= 1
        return None if self._parts[item.whole] else self._whole.pop(item.whole)

    def untouched(self, numbers: Sequence[int]) -> None:
        """Items that a worker had not begun are to be given away again."""
        for number in numbers:
            if item := self._release(number):
                self._put(item)

    def died(self, numbers: Sequence[int], how: str, *, innocent: bool) -> Iterator[UnitOutcome]:
        """A worker died of one of these items; those of them that nobody tries any more."""
        for number in numbers:
            if (item := self._release(number)) is None:
                continue
            item.lost += innocent
            item.deaths += not innocent or item.lost > _LOST_HOSTS
            was_alone, item.alone = len(numbers) == 1, item.alone or not innocent
            if not was_alone or innocent:
                self._put(item)
            elif len(item.work.inputs) > 1:
                self._split(item)
            elif item.deaths >= _DEATHS:
                outcome = UnitOutcome(item.work.unit, sorted(item.work.inputs))
                outcome.failed = {key: _epitaph(key, item.deaths, how) for key in outcome.inputs}
                if whole := self._complete(item, outcome):
                    yield whole
            else:
                self._put(item)

    def _split(self, item: _Item) -> None:
        """One of many images is to blame: smaller parts leave fewer of them in its company."""
        del self._items[item.number]
        pieces = list(split(item.work, -(-len(item.work.inputs) // _PARTS)))
        self._parts[item.whole] += len(pieces) - 1
        for piece in pieces:
            self._add(piece, item.whole, item.deaths, alone=True)

    def _add(self, work: UnitWork, whole: int, deaths: int = 0, *, alone: bool = False) -> None:
        weight = _UNIT_BYTES + sum(one.entry.size for one in work.decode)
        item = _Item(next(self._numbers), work, whole, weight, deaths, alone=alone)
        self._items[item.number] = item
        self._put(item)

    def _put(self, item: _Item) -> None:
        insort(self._pending, item, key=lambda one: one.order)
        self._weight += item.weight

    def _release(self, number: int) -> _Item | None:
        """An item is not with a worker any more; None for one that was done already."""
        item = self._items.get(number)
        if item is not None:
            self._held[item.work.unit] -= 1
        return item


def _epitaph(key: str, deaths: int, how: str) -> str:
    return (
        f"'{key}' is given up: {deaths} workers died of it, the last one with nothing else in hand ({how}); "
        "look at what the model or the decoder does with it, or at the memory that a worker has."
    )
