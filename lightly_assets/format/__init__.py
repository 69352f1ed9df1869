"""The prediction format, pure: names, schema, tasks, singletons, masks, scores and rules. No I/O, no Dagster."""
