"""One streaming pass over the inputs of a plan."""
