"""Models: the protocol, what a model returns, the runtimes that load one."""
