"""What a check found, grouped and counted, for machines and for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lightly_assets.format.names.suffixes import left_out
from lightly_assets.format.rules.findings import Finding
from lightly_assets.format.rules.table import RULES, Severity, ordered_rules

# So many findings of a rule in a task are kept one by one; the others are only counted.
_KEPT = 100
_EXAMPLES = 3
_MOST_LINES = 20


@dataclass(slots=True)
class Group:
    """The findings of one rule in one task: ``count`` in all, in ``files`` files, the first ones kept."""

    rule: str
    task: str
    count: int = 0
    files: int = 0
    examples: list[Finding] = field(default_factory=list)

    def add(self, found: Finding) -> None:
        self.count += found.count
        self.files += 1
        if len(self.examples) < _KEPT:
            self.examples.append(found)

    def merge(self, other: Group) -> None:
        self.count += other.count
        self.files += other.files
        self.examples += other.examples[: _KEPT - len(self.examples)]

    @property
    def severity(self) -> Severity:
        return RULES[self.rule].severity

    def where(self) -> str:
        """The first places, and how many more there are."""
        places = [_place(found) for found in self.examples[:_EXAMPLES]]
        more = self.files - len(places)
        return ", ".join(filter(None, places)) + (f" and {more:,} more" if more else "")


@dataclass(slots=True)
class Findings:
    """Collects findings by rule and task; memory does not grow with their number."""

    groups: dict[tuple[str, str], Group] = field(default_factory=dict)

    def add(self, found: Finding) -> None:
        task = found.file.partition("/")[0] if "/" in found.file else ""
        self._group(found.rule, task).add(_printable(found))

    def extend(self, findings: Iterable[Finding]) -> None:
        for found in findings:
            self.add(found)

    def merge(self, other: Findings) -> None:
        for group in other.groups.values():
            self._group(group.rule, group.task).merge(group)

    def _group(self, rule: str, task: str) -> Group:
        return self.groups.setdefault((rule, task), Group(rule, task))


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check: how many prediction ``files`` were read, and the groups of findings.

    Errors come before warnings, and within both the rules come in the order of the table.
    """

    files: int
    groups: list[Group]
    unchecked: tuple[str, ...] = ()
    """Tasks whose prediction files were not looked at, because their schema is wrong."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Files of the input that are no inputs: how many by suffix."""

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings are fine."""
        return not any(group.severity == "error" for group in self.groups)

    @property
    def findings(self) -> list[Finding]:
        """The first findings of every rule and task, and one that counts the rest where there are more."""
        return [found for group in self.groups for found in [*group.examples, *_rest(group)]]

    def to_json(self) -> dict[str, Any]:
        """``{"ok", "files", "findings": [{"severity", "rule", "file", "pointer", "message", "count"}], …}``.

        ``skipped``, where there are any, counts files of the input that are no inputs, by suffix.
        """
        findings = [
            {
                "severity": found.severity,
                "rule": found.rule,
                "file": found.file,
                "pointer": found.pointer,
                "message": found.message,
                "count": found.count,
            }
            for found in self.findings
        ]
        skipped = {"skipped": dict(self.skipped)} if self.skipped else {}
        return {"ok": self.ok, "files": self.files, "findings": findings, **skipped}

    def to_text(self) -> str:
        """One line per rule and task, with examples, and a line that sums up."""
        return "\n".join([*(line for group in self.groups for line in _lines(group)), *self.last_lines()])

    def last_lines(self) -> list[str]:
        """The line that sums up, and what was not looked at."""
        errors = sum(group.count for group in self.groups if group.severity == "error")
        warnings = sum(group.count for group in self.groups if group.severity == "warning")
        summary = f"{_counted(self.files, 'prediction file')}: {_counted(errors, 'error')}"
        lines = [f"{summary}, {_counted(warnings, 'warning')}."]
        if skipped := left_out(self.skipped):
            lines.append(skipped)
        if self.unchecked:
            tasks = ", ".join(f"'{task}'" for task in self.unchecked)
            lines.append(f"Not checked: the prediction files of {tasks}, whose schema must be mended first.")
        return lines


def make_report(
    files: int,
    findings: Findings,
    unchecked: Iterable[str] = (),
    skipped: Mapping[str, int] | None = None,
) -> Report:
    """The findings in their order."""
    order = {rule: index for index, rule in enumerate(ordered_rules())}
    groups = sorted(
        findings.groups.values(),
        key=lambda group: (group.severity != "error", order[group.rule], group.task),
    )
    return Report(files, groups, tuple(unchecked), skipped or {})


def _rest(group: Group) -> list[Finding]:
    kept = len(group.examples)
    if group.files <= kept:
        return []
    count = group.count - sum(found.count for found in group.examples)
    message = f"The same in {group.files - kept:,} more files."
    return [Finding(group.severity, group.rule, group.task, "", message, count)]


def _lines(group: Group) -> Iterator[str]:
    """One line, or one for each finding where they are about inputs, which have no file of their own."""
    if all(found.file for found in group.examples) or len(group.examples) == 1:
        yield _line(group)
        return
    for found in group.examples[:_MOST_LINES]:
        yield f"{group.severity:7} {group.rule}: {found.message}"
    if (more := group.files - _MOST_LINES) > 0:
        yield f"{group.severity:7} {group.rule}: … and {more:,} more."


def _line(group: Group) -> str:
    first, where = group.examples[0], group.where()
    times = f" ×{group.count:,}" if group.count > 1 else ""
    return f"{group.severity:7} {group.rule}{times}: {first.message}" + (f" [{where}]" if where else "")


def _place(found: Finding) -> str:
    return f"{found.file}#{found.pointer}" if found.pointer else found.file


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _printable(found: Finding) -> Finding:
    """File names on disk are bytes; those that are no UTF-8 are shown with escapes."""
    try:
        f"{found.file}{found.message}{found.pointer}".encode()
    except UnicodeEncodeError:
        return replace(
            found,
            file=_escaped(found.file),
            pointer=_escaped(found.pointer),
            message=_escaped(found.message),
        )
    return found


def _escaped(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
