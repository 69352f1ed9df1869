"""The assets of a project: the input, the chain, the Worker run."""
