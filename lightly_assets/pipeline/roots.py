"""The three roots of a project, opened when they are first needed."""

from functools import cached_property
from typing import Literal

from lightly_assets.config import Project
from lightly_assets.storage import Store, open_store


class Roots:
    """The input, the Lightly datasource, and our own state. All raise StorageError: a URL names no store."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @cached_property
    def input(self) -> Store:
        """Videos and images; never written."""
        return self._open("input")

    @cached_property
    def lightly(self) -> Store:
        """What the Worker reads, and what this project publishes."""
        return self._open("lightly")

    @cached_property
    def state(self) -> Store:
        """Records, tables, notes."""
        return self._open("state")

    def _open(self, name: Literal["input", "lightly", "state"]) -> Store:
        return open_store(self._project.root(name), options=self._project.storage_of(name))
