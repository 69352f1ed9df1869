"""These tests need torch, which is no development requirement; without it nothing is collected."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]
