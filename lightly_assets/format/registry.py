"""One place per kind: things that are found by their name, each declared where it is written.

A new layout, kind of model, rule or label format is one new file in the folder of its registry: every module
there is imported before the registry is read, so nothing else needs to know of it.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from threading import RLock
from typing import Generic, TypeVar

T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


class Registry(Mapping[str, T], Generic[T]):
    """Things of one kind by their names, in the order in which they were declared.

    Args:
        what: what one of them is called in a sentence, such as "layout".
        package: the package whose modules declare them; all are imported before the first look. Modules must
            be cheap to import: heavy packages belong into their functions. Where a name that is asked for is
            that of a module, no other is imported.

    >>> layouts = Registry[type]("layout")
    >>> @layouts.register("boxes")
    ... class Boxes: ...
    >>> layouts["boxes"] is Boxes, layouts.names
    (True, ('boxes',))
    >>> layouts.refusal("model.layout", "boxs")
    "model.layout is 'boxs'; allowed are boxes (did you mean boxes?)."
    """

    def __init__(self, what: str, package: str | None = None) -> None:
        self.what = what
        self._package = package
        self._entries: dict[str, T] = {}
        self._lock = RLock()
        self._unread = package
        self._early = False
        """Whether a module was imported before the others."""

    def add(self, name: str, value: T) -> T:
        """Declares one.

        Raises:
            ValueError: our own mistake: the name is taken, or not made of a-z, 0-9, "-" and "_"..
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"The {self.what} {name!r} needs a name of a-z, 0-9, '-' and '_'.")
        if name in self._entries:
            raise ValueError(f"There already is a {self.what} named {name!r}: {self._entries[name]!r}.")
        self._entries[name] = value
        return value

    def register(self, name: str) -> Callable[[T], T]:
        """Declares the class or function below, as a decorator. Raises like :meth:`add`."""

        def declare(value: T) -> T:
            return self.add(name, value)

        return declare

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted: for error messages and documentation."""
        return tuple(sorted(self._all()))

    def refusal(self, field: str, value: object) -> str:
        """The sentence that refuses a value of a field which is none of the names."""
        close = get_close_matches(str(value), self.names, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        return f"{field} is {value!r}; allowed are {', '.join(self.names)}{hint}."

    def __getitem__(self, name: str) -> T:
        if self._unread and name not in self._entries:
            self._import_one(name)
        found = self._entries.get(name)
        return self._all()[name] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    @contextmanager
    def trial(self, folder: Path) -> Iterator[None]:
        """As if the modules of a folder lay in the package; forgotten afterwards. For tests."""
        if self._package is None:
            raise ValueError(f"Each {self.what} is declared by hand; there is no package to add modules to.")
        path = import_module(self._package).__path__
        before, modules = dict(self._all()), set(sys.modules)
        path.append(str(folder))
        self._unread = self._package
        try:
            yield
        finally:
            path.remove(str(folder))
            self._entries, self._unread = before, None
            for module in set(sys.modules) - modules:
                if module.startswith(f"{self._package}."):
                    del sys.modules[module]

    def _all(self) -> dict[str, T]:
        if self._unread:
            with self._lock:
                self._import_all()
        return self._entries

    def _import_one(self, name: str) -> None:
        package, module = import_module(self._unread or ""), name.replace("-", "_")
        files = (Path(folder, f"{module}.py") for folder in package.__path__)
        if _NAME.fullmatch(name) and any(file.is_file() for file in files):
            self._early = True
            import_module(f"{package.__name__}.{module}")

    def _import_all(self) -> None:
        # Another thread may have been here meanwhile.
        if self._unread is not None:
            _import_folder(self._unread)
            if self._early:
                self._entries = dict(sorted(self._entries.items(), key=lambda one: _module(one[1])))
            self._unread = None


def _module(value: object) -> str:
    return str(getattr(value, "__module__", ""))


def _import_folder(package: str) -> None:
    """Imports the modules of a package, and those of its folders."""
    for found in sorted(iter_modules(import_module(package).__path__), key=lambda one: one.name):
        if found.ispkg:
            _import_folder(f"{package}.{found.name}")
        else:
            import_module(f"{package}.{found.name}")
