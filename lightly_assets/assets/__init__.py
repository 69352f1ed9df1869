"""The Dagster assets: the inputs, the chain, ``tasks_json`` and ``worker_run``."""
