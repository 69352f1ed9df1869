"""What a reader of label files matched and what it left out, for people and for machines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

# Examples that are kept of each kind; the rest is counted.
KEPT = 5
# Sentences about objects that are wrong.
KEPT_PROBLEMS = 20


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``2,000 images``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def some(values: Iterable[Any], most: int = 3) -> str:
    """The first few values, in quotes: ``'a', 'b', 'c', …``."""
    shown: list[str] = []
    for value in values:
        if len(shown) == most:
            return ", ".join(shown) + ", …"
        shown.append(f"'{value}'")
    return ", ".join(shown)


@dataclass
class Counted:
    """How many there are, and the first few of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str, count: int = 1) -> None:
        self.count += count
        if len(self.examples) < KEPT:
            self.examples.append(example)

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "examples": self.examples}


@dataclass
class LabelReport:
    """Always told: what matched, what is only in the labels or only in the input, and what was dropped."""

    listed: int = 0
    """Images and frames that the labels list."""
    matched: int = 0
    """Those of them that are in the input."""
    loosely: Counted = field(default_factory=Counted)
    """Those of the matched whose name is not exactly the input's, as ``name → key``."""
    unknown: Counted = field(default_factory=Counted)
    """Names in the labels that are nowhere in the input."""
    unlisted: Counted = field(default_factory=Counted)
    """Images and frames of the input that the labels do not list."""
    dropped: dict[str, Counted] = field(default_factory=dict)
    """Objects that are not written: why → how many, and where."""
    wrong: int = 0
    """Objects that are no such, or of no image: not written."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with the first of them, a sentence each."""
    notes: list[str] = field(default_factory=list)
    """Whatever else somebody should know, a sentence each."""

    def drop(self, why: str, where: str, count: int = 1) -> None:
        """Counts an object that is not written; ``why`` is a few words such as ``marked as ignored``."""
        self.dropped.setdefault(why, Counted()).add(where, count)

    def leave_out(self, problem: str) -> None:
        """Counts an object that cannot be written; one bad object does not stop a file of a million."""
        self.wrong += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(problem)

    @property
    def dropped_count(self) -> int:
        return sum(one.count for one in self.dropped.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return {
            "listed": self.listed,
            "matched": self.matched,
            "loosely": self.loosely.to_json(),
            "unknown": self.unknown.to_json(),
            "unlisted": self.unlisted.to_json(),
            "dropped": {why: one.to_json() for why, one in self.dropped.items()},
            "wrong": self.wrong,
            "problems": self.problems,
            "notes": self.notes,
        }

    def lines(self) -> Iterator[str]:
        """Lines for people; nothing where everything matched and everything is written."""
        if self.loosely.count:
            yield (
                f"{counted(self.loosely.count, 'name')} matched loosely, such as {self.loosely.examples[0]}."
            )
        if self.unknown.count:
            yield (
                f"{counted(self.unknown.count, 'image')} of the labels not in the input, such as "
                f"{some(self.unknown.examples)}."
            )
        if self.unlisted.count:
            yield (
                f"{counted(self.unlisted.count, 'image or frame', 'images and frames')} of the input not in "
                f"the labels, such as {some(self.unlisted.examples)}."
            )
        for why, one in self.dropped.items():
            yield f"Left out: {counted(one.count, 'object')} {why}, such as {one.examples[0]}."
        for problem in self.problems:
            yield f"Left out: {problem}"
        if (more := self.wrong - len(self.problems)) > 0:
            yield f"Left out: {counted(more, 'more object')}."
        yield from self.notes
