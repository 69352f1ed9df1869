"""Prediction files, schema.json and tasks.json, in the order that keeps a reader safe."""
