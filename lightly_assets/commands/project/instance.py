"""Dagster's instance of a project: ``DAGSTER_HOME``, else a folder below the state."""

import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightly_assets.errors import BadValue

if TYPE_CHECKING:
    import dagster as dg
    from alembic.config import Config

    from lightly_assets.config import Project
    from lightly_assets.pipeline.session import Session

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
run_queue:
  dequeue_interval_seconds: 1  # how long a run waits for its turn at most where nothing else runs
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

# With many partitions Dagster's own takes minutes for a page.
EVENT_LOG = """\
event_log_storage:
  module: lightly_assets.graph.event_log
  class: SqliteEventLog
  config: {base_dir: FOLDER}
"""
# With logs on one machine's disk, no other one can show them.
LOGS = """\
# Logs of runs lie beside the state; dagster.logs in lightly.yaml says otherwise. Written by lightly-assets.
compute_logs:
  module: dagster_aws.s3.compute_log_manager
  class: S3ComputeLogManager
  config: SETTINGS
"""
# Of what Dagster says, which may be pages.
_MOST_SAID = 300
_LOGS = re.compile(rf"^{re.escape(LOGS[: LOGS.index('SETTINGS')])}.*\n", re.MULTILINE)
_FOLDER = re.compile(r"(?<=class: SqliteEventLog\n  config: \{base_dir: ).*(?=\}$)", re.MULTILINE)


def use_instance(project: "Project") -> Path:
    """Set ``DAGSTER_HOME`` for this process and its children, unless it is set; the folder.

    Raises:
        BadValue: it is set, and no folder.
    """
    named = os.environ.get("DAGSTER_HOME")
    if named:
        home = Path(named).expanduser()
        if not (home.is_absolute() and home.is_dir()):
            raise BadValue(
                f"DAGSTER_HOME is '{named}', which must be the absolute path of a folder that exists; make "
                "it, or unset DAGSTER_HOME, and the project has an instance of its own."
            )
        return Path(named)
    home = project.local_state / "dagster"
    read_migrations_once()
    if not home.exists():
        _create(home)
    _say_where_events_are(home, home / "dagster.yaml")
    _say_where_logs_go(home / "dagster.yaml", project)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def open_instance() -> "Iterator[dg.DagsterInstance]":
    """Dagster's instance, after :func:`use_instance`.

    Raises:
        BadValue: its settings make no instance.
    """
    import dagster as dg

    from lightly_assets.commands.shared import about_outside

    try:
        instance = dg.DagsterInstance.get()
    except Exception as error:
        if about_outside(error) is not None:
            raise
        why = " ".join(str(error).split())[:_MOST_SAID].rstrip(".")
        settings = Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml"
        raise BadValue(f"{settings} makes no instance of Dagster: {why}; correct that file.") from error
    with instance:
        yield instance


def read_migrations_once() -> None:
    """Have this process read the migrations of Dagster's databases once.

    Dagster has a hundred of them read a dozen times, to know the newest, when an instance is made and opened.
    """
    from alembic.script import ScriptDirectory

    theirs = ScriptDirectory.from_config
    if getattr(theirs, "reads_once", False):
        return
    known: dict[tuple[str | None, ...], ScriptDirectory] = {}

    def from_config(config: "Config") -> ScriptDirectory:
        where = tuple(config.get_main_option(name) for name in ("script_location", "version_locations"))
        if where not in known:
            known[where] = theirs(config)
        return known[where]

    from_config.reads_once = True  # type: ignore[attr-defined]
    ScriptDirectory.from_config = from_config  # type: ignore[method-assign]


def _create(home: Path) -> None:
    """Make an instance that appears as a whole.

    Dagster fails where two processes make the same databases, and where one was killed while it made them.
    """
    import dagster as dg

    from lightly_assets.storage import StorageError
    from lightly_assets.storage.disk.temporary import temporary_name

    unfinished = home.parent / "tmp" / temporary_name()
    unfinished.mkdir(parents=True)
    try:
        (unfinished / "dagster.yaml").write_text(SETTINGS)
        with dg.DagsterInstance.from_config(str(unfinished)) as instance:
            instance.get_runs(limit=1)
            instance.all_asset_keys()
            instance.all_instigator_state()
        (unfinished / "dagster.yaml").write_text(SETTINGS + EVENT_LOG)
        _say_where_events_are(home, unfinished / "dagster.yaml")
        with suppress(OSError):  # another process was first
            unfinished.rename(home)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    if not home.is_dir():
        raise StorageError(f"Dagster's instance {home} cannot be made; can its folder be written?")


def _say_where_events_are(home: Path, settings: Path) -> None:
    """Name the folder of events in an instance's settings: it is another one once the project has moved."""
    if not settings.is_file():
        return
    text = settings.read_text()
    _rewrite(settings, _FOLDER.sub(lambda _: json.dumps(str(home.absolute() / "history" / "runs")), text))


def _say_where_logs_go(settings: Path, project: "Project") -> None:
    """Logs of runs lie beside a state in S3, unless somebody has said in the file where they go."""
    if not settings.is_file():
        return
    others = _LOGS.sub("", settings.read_text())
    wanted = _logs_in_s3(project, settings.parent)
    if wanted is not None and not re.search(r"^compute_logs:", others, re.MULTILINE):
        others = others.rstrip("\n") + "\n" + LOGS.replace("SETTINGS", json.dumps(wanted))
        os.environ.setdefault("AWS_DEFAULT_REGION", wanted["region"])  # boto3 reads no AWS_REGION
    _rewrite(settings, others)


def _logs_in_s3(project: "Project", home: Path) -> dict[str, Any] | None:
    """Settings for Dagster; None where logs are not to lie there, or it cannot reach the bucket as we do."""
    options, root = project.storage_of("state"), project.root("state")
    cannot = options.anonymous or options.requester_pays or options.path_style is False
    if project.dagster.logs != "state" or not root.startswith("s3://") or cannot:
        return None
    if options.profile and options.profile != os.environ.get("AWS_PROFILE"):
        return None
    from lightly_assets.storage.connect import ca_file_of, endpoint_of, region_of

    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    ca_file = ca_file_of(options)
    encrypted = {
        "ServerSideEncryption": options.server_side_encryption,
        "SSEKMSKeyId": options.kms_key_id,
    }
    found: dict[str, Any] = {
        "bucket": bucket,
        "prefix": f"{prefix.rstrip('/')}/dagster".lstrip("/"),
        "local_dir": str(home.absolute() / "storage"),
        "region": region_of(options) or "us-east-1",
        "skip_empty_files": True,
        "upload_interval": 30,
        "endpoint_url": endpoint_of(options),
        "verify_cert_path": str(ca_file) if ca_file else None,
        "upload_extra_args": {name: value for name, value in encrypted.items() if value} or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _rewrite(settings: Path, wanted: str) -> None:
    if wanted == settings.read_text():
        return
    from lightly_assets.storage.disk.temporary import temporary_name

    new = settings.with_name(temporary_name())
    new.write_text(wanted)
    new.replace(settings)


def has_instance(project: "Project") -> bool:
    """Whether there is an instance of Dagster that anybody could look at."""
    return bool(os.environ.get("DAGSTER_HOME")) or (project.local_state / "dagster").exists()


def runs_broke_off(session: "Session") -> bool:
    """Whether runs of this project's instance broke off; those of other instances are left alone."""
    from lightly_assets.pipeline.watching.untold import untold_runs

    state = session.warehouse.state
    if not untold_runs(state):
        return False
    use_instance(session.project)
    from lightly_assets.graph.dead_runs import instance_mark
    from lightly_assets.graph.keys import PLAIN

    with open_instance() as instance:
        return bool(untold_runs(state, instance_mark(instance, PLAIN)))


def forget_gone_partitions(
    session: "Session", gone: Collection[str], waiting: Mapping[str, str] | None = None
) -> None:
    """Take the partitions of inputs that are gone out of Dagster, with their verdicts.

    Those that other inputs share are reported on anew, unless a run follows: without ``waiting``, the tasks
    that wait for something, and why.

    In an instance of its own a project also forgets what earlier versions have left behind. Nothing goes
    where the input holds nothing at all: a disk that is not mounted looks just like that.
    """
    scan = session.scan
    if not has_instance(session.project) or not (scan.inputs or scan.blocked or scan.paused):
        return
    own = use_instance(session.project) == session.project.local_state / "dagster"
    from lightly_assets.graph.partitions import remove_partitions
    from lightly_assets.graph.reporting.left_partitions import report_left
    from lightly_assets.pipeline.inputs.days import known_days

    with open_instance() as instance:
        recorded = session.recorded()
        days = known_days(session.warehouse.state, session.project, {*recorded, *gone})
        remove_partitions(instance, scan, recorded, None if own else gone, days)
        if waiting is not None:
            report_left(instance, session, gone, waiting)
