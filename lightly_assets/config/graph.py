"""``dagster:`` in ``lightly.yaml``: what assets say of themselves, and what Dagster keeps of runs.

Nothing becomes stale by it.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from lightly_assets.config.section import Section
from lightly_assets.errors import BadValue

# As Dagster has them.
_OWNER = re.compile(r"team:[A-Za-z0-9_.-]+|[^@\s]+@[^@\s]+\.[^@\s]+")
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")
_URL = re.compile(r"https?://\S+")
_POOL = re.compile(r"[A-Za-z0-9_]+")

# Dagster takes no less than a minute; of more than ten years nobody means the number.
_Hours = Annotated[float, Field(ge=0.02, le=87_600)]


class FreshnessSettings(Section):
    """How old the latest look at the predictions may be."""

    fail_hours: _Hours
    """So long without a run, and Dagster shows the asset as failing its freshness policy."""
    warn_hours: _Hours | None = None
    """So long, and it warns."""

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        if self.warn_hours is not None and self.warn_hours >= self.fail_hours:
            raise BadValue(
                f"dagster.freshness.warn_hours ({self.warn_hours:g}) must be less than fail_hours "
                f"({self.fail_hours:g})"
            )
        return self


class GraphSettings(Section):
    """What the assets say of themselves in Dagster; read when the graph is loaded."""

    owners: tuple[str, ...] = ()
    """Of all assets: email addresses, and teams such as ``team:perception``."""
    tags: dict[str, str] = Field(default_factory=dict)
    """Of all assets."""
    freshness: FreshnessSettings | None = None
    """Of each task's ``task_folder`` and of ``tasks_json``."""
    code_url: str | None = None
    """The folder of ``lightly.yaml`` as a web page of its repository; without it, links open local files."""
    report_url: str | None = None
    """Where ``lightly-assets report`` is published; without it, ``report.html`` beside ``lightly.yaml``."""
    pool: str | None = None
    """A concurrency pool of Dagster's, such as ``gpu_0``, of which each run takes a slot while it works."""
    logs: Literal["state", "local"] = "state"
    """Where logs of runs go: beside a state in S3, so that all machines read them, or this machine's disk."""
    keep_days: Annotated[float, Field(ge=1, le=36_500)] | None = None
    """``gc`` deletes events of runs that ended earlier, but for the latest of each partition; None: none."""

    @field_validator("owners")
    @classmethod
    def _known_owners(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        for owner in owners:
            if not _OWNER.fullmatch(owner):
                raise BadValue(
                    f"dagster.owners has {owner!r}; an owner is an email address, or a team: team:perception"
                )
        return owners

    @field_validator("tags")
    @classmethod
    def _plain_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        for key, value in tags.items():
            if not _TAG_KEY.fullmatch(key) or not _TAG_VALUE.fullmatch(value):
                raise BadValue(
                    f"dagster.tags has {key!r}: {value!r}; keys and values are up to 63 letters, digits, "
                    "'_', '-' and '.'"
                )
        return tags

    @field_validator("pool")
    @classmethod
    def _name_of_pool(cls, pool: str | None) -> str | None:
        if pool is not None and not _POOL.fullmatch(pool):
            raise BadValue(f"dagster.pool is '{pool}'; it must be letters, digits and '_', such as gpu_0")
        return pool

    @field_validator("code_url", "report_url")
    @classmethod
    def _web_pages(cls, url: str | None) -> str | None:
        if url is not None and not _URL.fullmatch(url):
            raise BadValue(
                f"dagster has {url!r} as the URL of a page; it must begin with https:// or http://"
            )
        return url
