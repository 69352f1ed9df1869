"""Detectors of faces, with five points each."""
