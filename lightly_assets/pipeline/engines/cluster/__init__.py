"""Workers on the hosts of a Ray cluster: actors, and the files that they need."""
