"""Whether a task folder holds what the records say: files that are lost, and files that nobody knows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from lightly_assets.format.names.paths import file_keys, schema_key, task_folder
from lightly_assets.pipeline.state.index import Indexed
from lightly_assets.storage import Store


@dataclass
class Inspection:
    """A task folder compared with its records, by names alone."""

    lost: dict[str, list[str]] = field(default_factory=dict)
    """Published files that are missing: input → keys in the Lightly datasource."""
    unknown: list[str] = field(default_factory=list)
    """Prediction files of no recorded input, such as somebody else's."""
    files: int = 0


def inspect_folder(store: Store, task: str, rows: Callable[[], Iterator[Indexed]]) -> Inspection:
    """Compare the names in a task folder with its rows of the index, which are never held all at once.

    Folders with the right number of files are taken to be right; the others are looked at file by file, so
    that what is in order costs little more than the listing.
    """
    root = task_folder(task)
    expected: Counter[str] = Counter()
    for row in rows():
        if row.published_from:
            expected[_folder(root, row)] += row.files or _files(row)
    found: Counter[str] = Counter(name.rpartition("/")[0] for name in store.names(root))
    schema = store.stat(schema_key(task)) is not None
    found[root] -= schema
    odd = {folder for folder in found.keys() | expected.keys() if found[folder] != expected[folder]}
    inspection = Inspection(files=sum(found.values()))
    if odd:
        # Before the listing: what is published meanwhile is not lost.
        published = [row for row in rows() if row.published_from and _folder(root, row) in odd]
        _look(store, task, published, odd, inspection)
    return inspection


def _look(
    store: Store, task: str, rows: Collection[Indexed], odd: Collection[str], inspection: Inspection
) -> None:
    root = task_folder(task)
    there = {name for name in store.names(root) if name.rpartition("/")[0] in odd}
    there.discard(schema_key(task))
    lost: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for name in file_keys(task, row.input, row.frames):
            if name in there:
                there.discard(name)
            else:
                lost[row.input].append(name)
    inspection.lost = dict(lost)
    inspection.unknown = sorted(there)


def _folder(root: str, row: Indexed) -> str:
    return f"{root}/{row.input}".rpartition("/")[0]


def _files(row: Indexed) -> int:
    return 1 if row.frames is None else row.frames
