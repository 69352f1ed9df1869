"""Results of a model to the bytes of a prediction file."""
