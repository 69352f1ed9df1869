"""The commands of ``lightly-assets``, one file each. Dagster and other large packages are imported late."""
