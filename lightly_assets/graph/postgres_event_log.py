"""The event log of :mod:`~lightly_assets.graph.event_log` on PostgreSQL; needs the extra ``postgres``.

.. code-block:: yaml

    event_log_storage:
      module: lightly_assets.graph.postgres_event_log
      class: PostgresEventLog
      config: {postgres_url: {env: DAGSTER_POSTGRES_URL}}
"""

from collections.abc import Mapping
from typing import Any, Self

from dagster_postgres.event_log.event_log import PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from lightly_assets.graph.dagster_private import ConfigurableClassData
from lightly_assets.graph.event_log import ManyPartitions


class PostgresEventLog(ManyPartitions, PostgresEventLogStorage):
    """Dagster's PostgreSQL event log, quick with many partitions; its settings are those of Dagster's own."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Made by Dagster from ``dagster.yaml``."""
        return cls(
            pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )
