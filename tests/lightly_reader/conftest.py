"""These tests need Lightly's own reader and torch, which are no development requirements."""

from importlib.util import find_spec

collect_ignore_glob = (
    [] if find_spec("torch") and find_spec("torchvision") and find_spec("lightly") else ["test_*.py"]
)
