"""What lies in the datasource, and its pixels."""
