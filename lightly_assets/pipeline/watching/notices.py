"""What people should know of a project that stops nothing: told once, and again when it has changed.

What was told is remembered in the state, so it holds for everybody and every machine. It costs nothing to
lose: then it is told once more.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from lightly_assets.config import Task
from lightly_assets.config.categories import is_placeholder
from lightly_assets.format.names.suffixes import EXCLUDED, NO_SUFFIX, PAUSED, left_out
from lightly_assets.storage import NotFound, Store

KEY = "told.json"
# Containers that the Worker does not read, of frames that may stand in one that it does.
_CONTAINERS = ("mkv", "ts", "mts", "m2ts", "3gp", "flv", "wmv", "ogv")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is told once."""

    about: str
    """What it is about: one notice of that is remembered."""
    says: str
    """What may change; then it is told again."""
    text: str
    """For people, with the command that settles it."""


def notices(
    renamed: Mapping[str, str],
    skipped: Mapping[str, int],
    paused: Sequence[str],
    taken_over: str = "",
    tasks: Sequence[Task] = (),
) -> list[Notice]:
    """What there is to tell of a project.

    Args:
        renamed: keys of its file that are called otherwise now, and what is to be said of each.
        skipped: files that are no inputs: how many by suffix, as in a scan.
        paused: keys of inputs that are left alone on purpose.
        taken_over: the state's URL, where a version wrote it that did not say its format.
        tasks: of the project; of those whose categories have no names yet it is told.
    """
    found = [Notice(key, key, text) for key, text in renamed.items()]
    for task in tasks:
        if names := [one.name for one in task.categories if is_placeholder(one.name)]:
            few = f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0]
            said = (
                f"The task '{task.name}' publishes categories that are still called {few}, as init calls "
                "classes that the model's file does not name; write their names under categories in "
                "lightly.yaml, in the model's order."
            )
            found.append(Notice(f"names of {task.name}", json.dumps(names), said))
    if taken_over:
        what = f"The state {taken_over} is of an earlier version and is taken over"
        found.append(Notice("state", taken_over, f"{what}: what is up to date stays so."))
    by_suffix = {name: count for name, count in skipped.items() if name not in (EXCLUDED, PAUSED)}
    if text := left_out(by_suffix):
        found.append(Notice("left out", text, f"{text} {' '.join(_what_settles(by_suffix))}"))
    if paused:
        some = ", ".join(paused[:3]) + (", …" if len(paused) > 3 else "")
        text = f"Paused: {some}; this takes one up again: lightly-assets resume {shlex.quote(paused[0])}"
        found.append(Notice("paused", json.dumps(sorted(paused)), text))
    return found


def _what_settles(by_suffix: Mapping[str, int]) -> Iterator[str]:
    usual = [name for name in by_suffix if name != NO_SUFFIX and name.isalnum()]
    patterns = [f"**/*.{name}" for name in usual]
    if len(usual) < len(by_suffix):
        patterns.append("some/folder/**")
    listed = ", ".join(f"'{one}'" for one in patterns)
    yield f"If that is meant, say so in lightly.yaml, and no run tells it again: exclude: [{listed}]."
    for name in usual:
        if name in _CONTAINERS:
            yield f"The same frames in a file that is read: ffmpeg -i clip.{name} -c copy clip.mp4."
            return


def untold(state: Store, there_are: Sequence[Notice]) -> list[Notice]:
    """Those that were not told before, or have changed since."""
    told = _told(state)
    return [one for one in there_are if told.get(one.about) != _mark(one)]


def remember(state: Store, there_are: Sequence[Notice]) -> None:
    """All of these are told now; what is not there any more would be told anew."""
    marks = {one.about: _mark(one) for one in there_are}
    if marks != _told(state):
        state.write(KEY, json.dumps(marks, indent=2).encode() + b"\n")


def _mark(notice: Notice) -> str:
    return sha256(notice.says.encode()).hexdigest()[:16]


def _told(state: Store) -> dict[str, str]:
    try:
        found = json.loads(state.read(KEY))
    except (NotFound, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
