"""What assets need beside their inputs: the project."""

import json
import os
from pathlib import Path
from typing import Any, Self

import dagster as dg

from lightly_assets.config import FILE_NAME, Project, load_again

CONFIG_VARIABLE = "LIGHTLY_ASSETS_CONFIG"


class ProjectResource(dg.ConfigurableResource[Project]):
    """The project file. Secrets are never part of it: stores find their keys in the environment."""

    path: str
    """Of ``lightly.yaml``, or of the file that the sections stand in."""
    sections: str | None = None
    """What ``lightly.yaml`` would say, as JSON, where another file holds it."""

    @classmethod
    def of(cls, project: Project) -> Self:
        """The resource of a project."""
        return cls(path=str(project.path), sections=json.dumps(project.inline) if project.inline else None)

    def load(self) -> Project:
        """The project as its file says now. Raises ConfigError."""
        return load_again(self.path, self.sections)


def project_of(resources: Any, name: str) -> Project:
    """The project of a run or a check. Raises ConfigError."""
    resource: ProjectResource = getattr(resources, name)
    return resource.load()


def config_path() -> str:
    """The project file that Dagster loads: ``LIGHTLY_ASSETS_CONFIG``, that of the folder, else the demo's."""
    named = os.environ.get(CONFIG_VARIABLE)
    demo = Path("demo") / FILE_NAME
    return named or str(demo if demo.is_file() and not Path(FILE_NAME).is_file() else FILE_NAME)
