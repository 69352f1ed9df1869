"""Names: which file belongs to which input, in both directions, and which inputs would share one."""
