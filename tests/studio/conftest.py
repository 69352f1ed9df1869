"""What is read back with LightlyStudio needs it installed; `make test-studio` does so."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("lightly_studio") else ["test_in_studio.py"]
