"""Checks any predictions folder, whoever wrote it."""
