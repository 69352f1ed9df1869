"""Who does the work of a run: this process, processes of this machine, or the hosts of a Ray cluster."""
