"""``init``: looks at an input and a model's file, and proposes a ``lightly.yaml`` with its reasons."""
