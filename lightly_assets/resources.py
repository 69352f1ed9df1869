"""What assets need beside their inputs: the project."""

import os

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
    """The project file that ``dagster dev`` works with: ``LIGHTLY_ASSETS_CONFIG``, or that of the folder."""
    return os.environ.get(CONFIG_VARIABLE) or FILE_NAME
