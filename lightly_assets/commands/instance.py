"""Dagster's instance of a project: ``DAGSTER_HOME``, else a folder below the state."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightly_assets.config import Project

SETTINGS = """\
# Written once by lightly-assets; change it as you like.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    # A run works on many inputs in one process and keeps the cores busy by itself.
    max_concurrent_runs: 1
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  cancel_timeout_seconds: 60
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
retention:
  sensor:
    purge_after_days: {skipped: 7, failure: 30, success: 30}
  schedule:
    purge_after_days: 30
"""


def use_instance(project: "Project") -> Path:
    """Set ``DAGSTER_HOME`` for this process and its children, unless it is set; the folder."""
    named = os.environ.get("DAGSTER_HOME")
    if named:
        return Path(named)
    home = project.local_state / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(SETTINGS)
    os.environ["DAGSTER_HOME"] = str(home)
    return home
