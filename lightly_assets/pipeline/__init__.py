"""One streaming pass from input to published predictions, and what is stale. No Dagster."""
