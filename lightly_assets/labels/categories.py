"""Categories of a label file and those of a task: names decide, ids are only a file's own numbers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from lightly_assets.format.schema import Category
from lightly_assets.labels.errors import LabelsError

CategoryMap = Mapping[int | str, int | str]
"""From an id or a name of the labels to an id or a name of the task; what it does not name is left out."""

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Categories:
    """Which category of the task each id of a label file stands for."""

    ids: Mapping[int, int]
    """Id in the file → id of the task."""
    left_out: frozenset[int]
    """Ids of the file that a category map leaves out: their objects are not written, and counted."""
    unknown: Mapping[int, str]
    """Ids of the file whose name the task does not have, with their names: wrong only where one is used."""
    problem: str = ""
    """What to say where one of those is used."""


def match_categories(
    found: Sequence[tuple[int, str]],
    wanted: Sequence[Category],
    category_map: CategoryMap | None = None,
    *,
    file: str,
) -> Categories:
    """Lead each category of a file to the task's of the same name.

    Args:
        found: ids and names of the file's categories; names may repeat.
        wanted: the task's categories.
        category_map: settles what names do not: nothing else is written then.
        file: the file's name, for messages.

    Raises:
        LabelsError: the map names a category that the file or the task does not have, or a name stands for
            several categories.
    """
    if category_map is not None:
        return _mapped(found, wanted, category_map, file)
    by_name = _ids_by_name((one.id, one.name) for one in wanted)
    ids: dict[int, int] = {}
    unknown: dict[int, str] = {}
    for number, name in found:
        targets = by_name.get(name, [])
        if len(targets) > 1 and number not in targets:
            raise LabelsError(
                f"{file}: '{name}' could be the category {_either(targets)} of the task; say with "
                f"category_map which one, such as {{{number}: {targets[0]}}}."
            )
        if targets:
            ids[number] = number if number in targets else targets[0]
        else:
            unknown[number] = name
    return Categories(ids, frozenset(), unknown, _problem(found, wanted, unknown, file) if unknown else "")


def known_ids(found: Collection[int], wanted: Sequence[Category], *, file: str) -> Categories:
    """Without names in the file its ids are the task's; ids that look shifted are named as such.

    Raises:
        LabelsError: an id is none of the task's.
    """
    ids = {one.id for one in wanted}
    if wrong := sorted(number for number in found if number not in ids):
        raise LabelsError(
            f"{file} has no names of categories, and the category_id {wrong[0]}, which the task has not "
            f"({_listed(sorted(ids))}){shift_hint(found, sorted(ids))}."
        )
    return Categories({number: number for number in found}, frozenset(), {})


def shift_hint(used: Collection[int], known: Sequence[int]) -> str:
    """What to say about ids that would all be known if they were one smaller or larger."""
    for offset, words in ((-1, "one more"), (1, "one less")):
        if used and all(number + offset in known for number in used):
            pairs = ", ".join(f"{number}: {number + offset}" for number in sorted(used)[:3])
            return (
                f"; its ids seem to be {words} than those of the categories: "
                f"category_map: {{{pairs}{', …' if len(used) > 3 else ''}}} would say so"
            )
    return "; say with category_map which is which"


def duplicated_names(found: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    """Names that several ids have, with these ids."""
    return {name: ids for name, ids in _ids_by_name(found).items() if len(ids) > 1}


def _mapped(
    found: Sequence[tuple[int, str]], wanted: Sequence[Category], given: CategoryMap, file: str
) -> Categories:
    file_ids, task_ids = [number for number, _ in found], [one.id for one in wanted]
    by_name, task_by_name = _ids_by_name(found), _ids_by_name((one.id, one.name) for one in wanted)
    ids: dict[int, int] = {}
    for source, target in given.items():
        to = [target] if target in task_ids else task_by_name.get(str(target), [])
        if len(to) != 1:
            what = "is the name of several" if to else "is none"
            raise LabelsError(
                f"category_map leads to {_quoted(target)}, which {what} of the task: "
                f"{_categories((one.id, one.name) for one in wanted)}."
            )
        # Where a file has no categories its ids are known only from its objects.
        numbers = [source] if source in file_ids or (not found and isinstance(source, int)) else []
        numbers = numbers or list(by_name.get(str(source), []))
        if not numbers:
            raise LabelsError(
                f"category_map has {_quoted(source)}, which is no category of {file}: {_categories(found)}."
            )
        for number in numbers:
            if ids.setdefault(int(number), int(to[0])) != to[0]:
                raise LabelsError(f"category_map says twice what the category {number} of {file} is.")
    return Categories(ids, frozenset(number for number in file_ids if number not in ids), {})


def _problem(
    found: Sequence[tuple[int, str]], wanted: Sequence[Category], unknown: Mapping[int, str], file: str
) -> str:
    name = next(iter(unknown.values()))
    names = [one.name for one in wanted]
    folded = {one.casefold(): one for one in names}
    close = folded.get(name.casefold()) or next(iter(get_close_matches(name, names, n=1)), None)
    example = f"{{{name}: {close or names[0]}}}"
    return (
        f"{file} has the categories {_categories(found)}, but the task has "
        f"{_categories((one.id, one.name) for one in wanted)}; names decide: rename them, or say with "
        f"category_map which is which, such as {example} (others are left out)."
    )


def _ids_by_name(pairs: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    grouped: defaultdict[str, list[int]] = defaultdict(list)
    for number, name in pairs:
        grouped[name].append(number)
    return dict(grouped)


def _categories(pairs: Iterable[tuple[int, str]]) -> str:
    return _listed([f"{number} '{name}'" for number, name in pairs]) or "none"


def _listed(values: Sequence[object]) -> str:
    more = f", … ({len(values)} in all)" if len(values) > _SHOWN else ""
    return ", ".join(map(str, values[:_SHOWN])) + more


def _either(values: Sequence[int]) -> str:
    return " or ".join(map(str, values))


def _quoted(value: int | str) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
