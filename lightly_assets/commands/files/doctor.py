"""``lightly-assets doctor``: what is wrong with access to the roots, before a run finds out."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lightly_assets.commands.project.instance import has_instance, open_instance, use_instance
from lightly_assets.commands.shared import (
    DEFAULT_CONFIG,
    FAILED,
    OK,
    ConfigOption,
    JsonOption,
    errors_for_people,
    open_project,
    print_json,
    say,
)
from lightly_assets.commands.tables import for_terminal, show_table

if TYPE_CHECKING:
    from lightly_assets.config import Project
    from lightly_assets.storage import Diagnosis, StorageSettings


def doctor_command(
    roots: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ROOT…]", help="Folders or URLs.", show_default="those of the project"),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    read_only: Annotated[bool, typer.Option("--read-only", help="Do not try to write to a ROOT.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try everything that a run needs of its roots, and see that Dagster's daemon is there where a sensor or
    a queue needs it. Leaves nothing behind.
    """
    dagster: list[Diagnosis] = []
    with errors_for_people(as_json=as_json, document={"ok": False, "roots": [], "dagster": []}):
        from lightly_assets.storage import StorageSettings

        if roots:
            places = [(_without_keys(root), root, StorageSettings(), not read_only) for root in roots]
        else:
            project = open_project(config, as_json=as_json, document={"roots": [], "dagster": []})
            places = _project_roots(project)
            dagster = _dagster(project)
        results = [
            (name, writable, _diagnoses(url, options, writable)) for name, url, options, writable in places
        ]
    ok = all(one.ok for _, _, diagnoses in results for one in diagnoses) and all(one.ok for one in dagster)
    if as_json:
        found = [_document(*result) for result in results]
        print_json({"ok": ok, "roots": found, "dagster": _checks(dagster)})
    else:
        for name, _, diagnoses in results:
            _show(name, diagnoses)
        if dagster:
            _show("dagster", dagster)
    raise typer.Exit(OK if ok else FAILED)


def _without_keys(root: str) -> str:
    """The name of a root, without credentials that a URL may hold although none is allowed there."""
    return re.sub(r"//[^/]*@", "//", root)


def _project_roots(project: "Project") -> "list[tuple[str, str, StorageSettings, bool]]":
    names: tuple[Literal["input", "lightly", "state"], ...] = ("input", "lightly", "state")
    return [(name, project.root(name), project.storage_of(name), name != "input") for name in names]


def _dagster(project: "Project") -> "list[Diagnosis]":
    """Of the instance, where there is one."""
    if not has_instance(project):
        return []
    use_instance(project)

    from lightly_assets.graph.reporting.daemon import daemon_is_there
    from lightly_assets.storage import Diagnosis

    with open_instance() as instance:
        return [Diagnosis("daemon", *daemon_is_there(instance, sensor=project.sensor.running))]


def _diagnoses(url: str, options: "StorageSettings", writable: bool) -> "list[Diagnosis]":
    """Of one root: what is wrong with its settings does not keep the others from being tried."""
    from lightly_assets.storage import Diagnosis, StorageError, diagnose, open_store

    try:
        store = open_store(url, options=options)
    except StorageError as error:
        return [Diagnosis("settings", False, str(error))]
    return diagnose(store, writable=writable)


def _document(name: str, writable: bool, diagnoses: "list[Diagnosis]") -> dict[str, Any]:
    ok = all(one.ok for one in diagnoses)
    return {"root": name, "writable": writable, "ok": ok, "checks": _checks(diagnoses)}


def _checks(diagnoses: "list[Diagnosis]") -> list[dict[str, Any]]:
    return [{"name": one.name, "ok": one.ok, "message": one.message} for one in diagnoses]


def _show(name: str, diagnoses: "list[Diagnosis]") -> None:
    say(f"{name}:")
    if for_terminal():
        rows = [["ok" if one.ok else "ERROR", one.name, one.message] for one in diagnoses]
        show_table(("", "tried", "what came of it"), rows)
        return
    for one in diagnoses:
        say(f"  {'ok   ' if one.ok else 'ERROR'} {one.name}: {one.message}")
