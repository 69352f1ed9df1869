"""A task whose schema changes: every file follows before the task is listed again.

Files of two schemas must never lie side by side in a listed task. So the inputs of the task are first encoded
anew, run by run, and nothing of that is published; the run that encodes the last one takes the task out of
``tasks.json``, publishes all of them, and lists it again. A kill on the way leaves either the old files or a
task that is not listed; the next run goes on.
"""

from collections import defaultdict
from collections.abc import Collection

from lightly_assets.format.names.paths import task_folder
from lightly_assets.pipeline.inputs.listing import Scan
from lightly_assets.pipeline.planning.plan import Plan, TaskWork, UnitWork
from lightly_assets.pipeline.planning.task_setup import TaskSetup, decode_version
from lightly_assets.pipeline.publishing.task_list import PublishError, TaskList
from lightly_assets.pipeline.state.index import Index, Indexed

_AT_ONCE = 256


def hold_back(index: Index, listing: TaskList, root: str, setup: TaskSetup, scan: Scan, plan: Plan) -> None:
    """Change a plan so that it publishes a task whose schema changes as a whole, or nothing of it yet.

    ``root`` is the URL of the Lightly datasource, for messages.
    """
    task = setup.name
    work = {key for unit in plan.units if task in unit.tasks for key in unit.tasks[task].publish}
    if not work:
        return
    wanted = setup.schema.hash()
    published, old = index.published(task, wanted)
    try:
        changes = listing.schema_difference(task, setup.schema)
    except PublishError as error:
        _refuse(plan, task, work, str(error))
        return
    if not changes and not old:
        return
    if not published:
        folder = f"{root}/{task_folder(task)}"
        text = (
            f"The folder of task '{task}' was written by somebody else, with another schema "
            f"({'; '.join(changes)}). Delete {folder} or rename the task."
        )
        _refuse(plan, task, work, text)
        return
    behind = [row for row in old if row.input not in work]
    missing = _not_encoded(index, setup, scan, behind)
    if not missing:
        _publish_too(plan, task, scan, [row.input for row in behind])
        for unit in plan.units:
            if task in unit.tasks:
                unit.tasks[task].held_back = True
        return
    gone = [key for key in missing if key not in scan.inputs]
    paused = [key for key in gone if key in scan.paused]
    hint = f"'{gone[0]}' is gone or cannot be read: 'lightly-assets gc', or put it right" if gone else ""
    if paused:
        hint = (
            f"'{paused[0]}' is paused ({scan.paused[paused[0]]}): 'lightly-assets resume' takes it up again"
        )
    reason = "; ".join(changes) or "back to an earlier one"
    plan.waiting[task] = (
        f"The schema of task '{task}' changed ({reason}). Nothing of it is published before all of its "
        f"inputs are encoded anew; {len(missing)} of {published} are not, such as '{missing[0]}'."
    ) + (f" {hint}." if hint else "")
    plan.stuck |= {task} if len(gone) == len(missing) else set()
    for unit in plan.units:
        if task in unit.tasks:
            unit.tasks[task].publish.clear()
            if unit.tasks[task].is_empty:
                del unit.tasks[task]
    plan.units = [unit for unit in plan.units if unit.tasks or unit.frames]


def _not_encoded(index: Index, setup: TaskSetup, scan: Scan, rows: Collection[Indexed]) -> list[str]:
    """Inputs whose singletons of today are not stored; those that are gone first."""
    here = [scan.inputs[row.input] for row in rows if row.input in scan.inputs]
    stated = [(one.key, one.entry.fingerprint, decode_version(setup.project, one.kind)) for one in here]
    stale = index.stale(setup.name, stated, setup.model_version, setup.settings_hash)
    gone = [row.input for row in rows if row.input not in scan.inputs]
    return gone + [key for key, stage in stale if stage != "task_folder"]


def _publish_too(plan: Plan, task: str, scan: Scan, keys: list[str]) -> None:
    """Add inputs whose files only have to be written."""
    by_unit: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_unit[scan.unit_of[key]].append(key)
    for unit, group in sorted(by_unit.items()):
        for start in range(0, len(group), _AT_ONCE):
            some = group[start : start + _AT_ONCE]
            inputs = {key: scan.inputs[key] for key in some}
            plan.units.append(UnitWork(unit, inputs, {task: TaskWork(publish=set(some))}))
    plan.unchanged = [key for key in plan.unchanged if key not in set(keys)]


def _refuse(plan: Plan, task: str, keys: Collection[str], problem: str) -> None:
    """Take a task out of a plan."""
    for unit in plan.units:
        unit.tasks.pop(task, None)
    plan.units = [unit for unit in plan.units if unit.tasks or unit.frames]
    for key in keys:
        plan.problems.setdefault(key, {})[task] = problem
