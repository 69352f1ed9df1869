"""One file for each format that predictions can be exported to."""
