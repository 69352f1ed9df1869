"""Exact frames: probe, decode and extract videos, read images."""
