"""Decoding in a supervised child process."""
