"""What :mod:`tests.processes` loads once: all that the program may need, and what tests run in processes."""
# ruff: noqa: F401

import pkgutil
from importlib import import_module

import alembic.script
import av
import boto3
import dagster._core.instance.factory
import dagster._core.secrets.env_file
import dagster._core.storage.legacy_storage
import dagster._core.storage.migration.utils
import dagster._core.storage.root
import numpy.ma
import PIL.WebPImagePlugin
import rich.console
import upath.core
import upath.implementations.local

import lightly_assets
import lightly_assets.cli
import lightly_assets.definitions
import lightly_assets.models.runtimes.python
import tests.pipeline.buckets

for _package in ("checker", "commands", "documents", "evaluation", "graph", "pipeline", "report"):
    _found = import_module(f"lightly_assets.{_package}")
    for _module in pkgutil.walk_packages(_found.__path__, f"{_found.__name__}."):
        if not _module.name.endswith("postgres_event_log"):  # of an extra
            import_module(_module.name)
