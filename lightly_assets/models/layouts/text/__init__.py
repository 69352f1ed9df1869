"""Detectors of text."""
