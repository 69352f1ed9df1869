"""Roots in folders."""
