"""Small projects whose three roots lie in a bucket: what is in there, and runs that are disturbed.

Credentials and the server's address come from the environment; a run that shall meet a fault proxy gets the
proxy's address in its ``lightly.yaml``, so that everything else goes past it.
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from pytest import MonkeyPatch

from lightly_assets.checker.check import check
from lightly_assets.config import load_project
from lightly_assets.format.names.paths import PREDICTIONS, TASKS_JSON
from lightly_assets.format.schema import Schema
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.session import Session
from lightly_assets.storage import StorageError, Store, open_store
from lightly_assets.storage.bucket import claims
from tests.pipeline.test_kills import OTHERS, SCENARIOS, SCHEMA_CHANGES, squares
from tests.projects import SmallProject, positions, write_image, write_video
from tests.storage.proxy import Fault, FaultProxy, Script, no_faults, seeded
from tests.storage.servers import BUCKET, SECRET_KEY, Server

ROOTS = ("input", "lightly", "state")
Contents = dict[str, dict[str, bytes]]
"""Root → key → bytes."""

# Somebody else's: below the same roots, and none of our business.
FOREIGN = {
    f"{PREDICTIONS}/theirs/schema.json": (
        b'{"task_type": "classification", "categories": [{"id": 0, "name": "theirs"}]}'
    ),
    f"{PREDICTIONS}/theirs/notes.txt": b"theirs",
    ".lightly/metadata/theirs.json": b"{}",
}
# What a request may meet that is tried again; a stalled one takes its whole time.
_OUTAGES: tuple[Fault, ...] = ("429", "500", "503", "reset", "truncated reply", "stalled")


def use(server: Server, cache: Path, patch: MonkeyPatch) -> None:
    """Set the environment of this process, and of those that it starts, for a server."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        patch.delenv(name, raising=False)
    for name, value in {**server.environment(), "XDG_CACHE_HOME": str(cache)}.items():
        patch.setenv(name, value)


def use_short_claims(patch: MonkeyPatch) -> None:
    """On a server without conditional writes, do not wait a minute and a half for the locks of the dead."""
    patch.setattr(claims, "EXPIRY", timedelta(seconds=2))


def in_bucket(small: SmallProject) -> None:
    """Let the roots of a project lie in a bucket, where nothing is yet."""
    url = f"s3://{BUCKET}/{uuid4().hex}"
    small.write(datasource={name: f"{url}/{name}/" for name in ROOTS})


def root(small: SmallProject, name: str) -> Store:
    return open_store(small.settings["datasource"][name])


class BucketProject(SmallProject):
    """A small project with all three roots in a bucket; the local input is what :meth:`send` sends there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        in_bucket(self)

    def send(self) -> None:
        send_input(self)

    def files(self) -> dict[str, bytes]:
        store = root(self, "lightly")
        return {key.removeprefix(f"{PREDICTIONS}/"): store.read(key) for key in store.names(PREDICTIONS)}

    def read(self, path: str) -> Any:
        return json.loads(root(self, "lightly").read(f"{PREDICTIONS}/{path}"))


def contents(small: SmallProject) -> Contents:
    """Everything that lies in the roots."""
    stores = {name: root(small, name) for name in ROOTS}
    return {name: {key: store.read(key) for key in store.names()} for name, store in stores.items()}


def send_input(small: SmallProject) -> None:
    """Make the input in the bucket that of the local folder; what is the same is left alone."""
    store = root(small, "input")
    here = {path.relative_to(small.input).as_posix(): path for path in small.input.rglob("*.*")}
    there = set(store.names())
    for key, path in here.items():
        if key not in there or store.read(key) != path.read_bytes():
            store.write(key, path.read_bytes())
    store.delete_many(sorted(there - here.keys()))


@dataclass(frozen=True)
class Template:
    """A project right before a run, and what the run makes of it where nothing disturbs it."""

    scenario: str
    folder: Path
    contents: Contents
    healed: Contents

    @property
    def collects(self) -> bool:
        """Whether what is disturbed is ``gc`` instead of a run."""
        return self.scenario == "removed"

    def copy(self, folder: Path, *, elsewhere: bool = False) -> SmallProject:
        """Another project like this one; ``elsewhere``: on a machine that knows only what is in the state."""
        ignored = shutil.ignore_patterns(".lightly_assets") if elsewhere else None
        shutil.copytree(self.folder, folder, ignore=ignored)
        small = SmallProject.at(folder)
        in_bucket(small)
        for name, files in self.contents.items():
            root(small, name).write_many(files.items())
        return small


def template(folder: Path, scenario: str) -> Template:
    """A scenario of ``test_kills`` with all three roots in a bucket."""
    small = SmallProject(folder / "template")
    small.write(tasks=[squares("square", "ball"), OTHERS])
    in_bucket(small)
    write_video(small.input / "a.mp4", positions(8))
    write_image(small.input / "stills/x.png", 10)
    root(small, "lightly").write_many([*FOREIGN.items(), (TASKS_JSON, b'["theirs"]')])
    send_input(small)
    if scenario != "nothing":
        work(small)
    SCENARIOS[scenario](small)
    send_input(small)
    made = Template(scenario, small.folder, contents(small), {})
    undisturbed = made.copy(folder / "undisturbed")
    work(undisturbed)
    if made.collects:
        work(undisturbed, collects=True)
    return Template(scenario, small.folder, made.contents, contents(undisturbed))


def work(small: SmallProject, *, collects: bool = False) -> list[str]:
    """Bring a project up to date, or collect its garbage: what failed, one sentence each."""
    failed: list[str] = []
    with Session(load_project(small.config)) as session:
        if collects:
            collect(session)
            return []
        plan = session.plan()
        found = dict(plan.problems)
        for outcome in session.run(plan, sheets=False):
            found |= outcome.problems()
        failed += [text for by_task in found.values() for text in by_task.values()]
        failed += session.finish().values()
    return failed


def disturbed_work(small: SmallProject, proxy: FaultProxy, script: Script, **storage: Any) -> list[str]:
    """Work through a proxy that spoils requests; what it says about what failed."""
    collects = storage.pop("collects", False)
    small.write(storage={"endpoint": f"http://127.0.0.1:{proxy.port}"} | storage)
    proxy.reset()
    proxy.script = script
    try:
        return work(small, collects=collects)
    except StorageError as error:
        return [str(error)]
    finally:
        proxy.script = no_faults
        del small.settings["storage"]
        small.write()


def script_of(seed: int) -> tuple[Script, dict[str, Any]]:
    """A fault script, and settings under which it is met: four kinds in turn.

    A shaky network that the retries overcome, a bad one with hardly any retries, an outage that begins at
    some request and does not end, and rights that are taken away at some request.
    """
    source = random.Random(seed)
    start = source.randrange(1, 70)
    patient = {"stall_seconds": 2, "retry_seconds": 60}
    hasty = {"stall_seconds": 0.3, "retry_seconds": 5, "max_retries": 1}
    kind = seed // len(SCENARIOS) % 4
    if kind == 0:
        return seeded(seed, source.uniform(0.05, 0.25)), patient
    if kind == 1:
        return seeded(seed, source.uniform(0.2, 0.6)), hasty
    if kind == 2:
        return _from(start, source.choice(_OUTAGES)), hasty
    return _from(start, "403"), patient


def _from(start: int, fault: Fault) -> Script:
    """Everything works up to a request, and nothing from there on."""
    seen = iter(range(1, 1_000_000))
    return lambda method, path: fault if next(seen) >= start else None


def scenario_of(seed: int) -> str:
    return list(SCENARIOS)[seed % len(SCENARIOS)]


def survives_script(made: Template, folder: Path, seed: int, proxy: FaultProxy) -> tuple[bool, int]:
    """Run through a fault script, look, and run again.

    Whether the first run got through, and how many requests were spoiled.

    Raises:
        AssertionError: something is wrong that must not be.
    """
    small = made.copy(folder, elsewhere=bool(seed % 2))
    script, settings = script_of(seed)
    said = disturbed_work(small, proxy, script, collects=made.collects, **settings)
    spoiled = len(proxy.faults)
    for sentence in said:
        assert_is_a_sentence(sentence)
    if seed // len(SCENARIOS) % 4 == 0:
        assert said == [], f"a network that is only shaky is overcome, not {said}"
    assert_whole(made, small)
    heals(made, small)
    return not said, spoiled


def heals(made: Template, small: SmallProject) -> None:
    """The next undisturbed run makes of it what it would have been, and clears up."""
    assert work(small) == []
    if made.collects:
        work(small, collects=True)
    found = contents(small)
    assert found["input"] == made.healed["input"]
    assert without_locks(found["lightly"]) == made.healed["lightly"]
    left = without_locks(found["state"]).keys() - made.healed["state"].keys()
    with Session(load_project(small.config)) as session:
        assert sorted(left) == session.warehouse.garbage.unused_tables(), (
            "gc must know all that is not needed"
        )
        session.warehouse.state.delete_many(left)
    assert without_locks(contents(small)["state"]).keys() == made.healed["state"].keys()
    assert_no_secret(small, found)


def without_locks(files: dict[str, bytes]) -> dict[str, bytes]:
    return {key: data for key, data in files.items() if not key.startswith(f"{claims.LOCKS}/")}


def assert_is_a_sentence(text: str) -> None:
    assert "\n" not in text and "Traceback" not in text and text.strip() == text, text
    assert text.endswith(".") and len(text) < 400, text
    assert SECRET_KEY not in text and "injected" not in text, text


def assert_whole(made: Template, small: SmallProject) -> None:
    """What a Worker that starts right now would see: every file is whole, and every listed task is valid.

    Only of a video that was replaced by one with more digits may the names be those of both, until the next
    run: the format has no commit per video. The gate before the Worker is shut until then.
    """
    store = root(small, "lightly")
    files = {key: store.read(key) for key in store.names()}
    for key, data in files.items():
        if key.endswith(".json"):
            json.loads(data)
    listed = json.loads(files[TASKS_JSON])
    if "squares" in listed and SCENARIOS[made.scenario] in SCHEMA_CHANGES:
        before, after = _of_squares(made.contents["lightly"]), _of_squares(made.healed["lightly"])
        assert _of_squares(files) in (before, after), "its schema and files are not of the same time"
    for name in listed:
        Schema.parse(files[f"{PREDICTIONS}/{name}/schema.json"])
    assert {key: files.get(key) for key in FOREIGN} == FOREIGN
    report = check(store)
    errors = {finding.rule for finding in report.findings if finding.severity == "error"}
    assert errors <= ({"frame-padding"} if made.scenario == "longer" else set()), report.findings


def _of_squares(files: dict[str, bytes]) -> dict[str, bytes]:
    return {key: data for key, data in files.items() if key.startswith(f"{PREDICTIONS}/squares/")}


def assert_no_secret(small: SmallProject, found: Contents) -> None:
    everything = [data for files in found.values() for data in files.values()]
    everything += [path.read_bytes() for path in small.folder.rglob("*") if path.is_file()]
    assert not any(SECRET_KEY.encode() in data for data in everything)
