"""``lightly.yaml``: a module for each of its sections, the project, and how the file is read."""

from lightly_assets.config.load import ConfigError as ConfigError
from lightly_assets.config.load import load_again as load_again
from lightly_assets.config.load import load_project as load_project
from lightly_assets.config.load import parse_project as parse_project
from lightly_assets.config.load import project_of_sections as project_of_sections
from lightly_assets.config.project import FILE_NAME as FILE_NAME
from lightly_assets.config.project import Project as Project
from lightly_assets.config.task import Task as Task
