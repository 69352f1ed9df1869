"""Predictions handed on to LightlyStudio, a local program to look at data with."""
