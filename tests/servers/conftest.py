"""These tests need servers whose requirements exclude each other and ours: see ``make test-servers``."""

import os

collect_ignore_glob = (
    [] if "MLSERVER_PYTHON" in os.environ and "KSERVE_PYTHON" in os.environ else ["test_*.py"]
)
