"""Prediction folders as arrays: what evaluation, reports and selection read."""
