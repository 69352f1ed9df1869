"""Roots in object storage."""
