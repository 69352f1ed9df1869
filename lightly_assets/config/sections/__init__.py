"""Sections of ``lightly.yaml`` that others need the names of."""
