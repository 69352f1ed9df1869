"""What assets need beside their inputs: the project."""

import os
from pathlib import Path

import dagster as dg

from lightly_assets.config import FILE_NAME, Project, load_project

CONFIG_VARIABLE = "LIGHTLY_ASSETS_CONFIG"


class ProjectResource(dg.ConfigurableResource[Project]):
    """The project file. Secrets are never part of it: stores find their keys in the environment."""

    path: str
    """Of ``lightly.yaml``."""

    def load(self) -> Project:
        """The project as the file says now. Raises ConfigError."""
        return load_project(self.path)


def config_path() -> str:
    """The project file that Dagster loads: ``LIGHTLY_ASSETS_CONFIG``, that of the folder, else the demo's."""
    named = os.environ.get(CONFIG_VARIABLE)
    demo = Path("demo") / FILE_NAME
    return named or str(demo if demo.is_file() and not Path(FILE_NAME).is_file() else FILE_NAME)
