"""These tests need packages that carry trained models (``make test-models``), and are left out without."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("nudenet") and find_spec("ddddocr") else ["test_*.py"]
