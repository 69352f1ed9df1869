"""The built-in demo: generated footage with known truth and small models trained on it."""

from lightly_assets.demo.input import write_demo_input
from lightly_assets.demo.project import write_demo, write_demo_project

__all__ = ["write_demo", "write_demo_input", "write_demo_project"]
