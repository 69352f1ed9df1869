"""What came of a run, as events of Dagster."""
