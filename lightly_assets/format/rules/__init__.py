"""The specification as rules: bytes in, findings out."""
