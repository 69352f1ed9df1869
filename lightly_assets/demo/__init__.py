"""The built-in demo: generated footage with known truth and small models trained on it."""
