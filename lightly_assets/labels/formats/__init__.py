"""One file for each format of labels: whatever it declares is known to the command line and to YAML."""
