"""The Dagster asset graph: the only package, beside definitions and component, that imports Dagster."""
