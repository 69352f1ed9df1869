"""Findings: what a rule found in a file."""

from dataclasses import dataclass

from lightly_assets.format.rules.table import RULES, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found.

    ``file`` is relative to the predictions folder, ``pointer`` a JSON pointer into it ("" is the whole file),
    ``message`` says the value and what is allowed, ``count`` how often it was found in this file.
    """

    severity: Severity
    rule: str
    file: str
    pointer: str
    message: str
    count: int = 1


def finding(rule: str, file: str, pointer: str, message: str, count: int = 1) -> Finding:
    """A finding of a rule of the table, with the rule's severity."""
    return Finding(RULES[rule].severity, rule, file, pointer, message, count)
