"""The prediction format, pure: names, schema, tasks, singletons, masks, scores, rules. No I/O, no Dagster."""
