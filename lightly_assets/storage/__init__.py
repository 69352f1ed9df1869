"""Roots on disk or in object storage: list, read and publish atomically."""
