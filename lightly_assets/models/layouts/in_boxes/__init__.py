"""Layouts of models that look into the boxes of another task."""
