"""What a model's file says of itself, and what lies beside it says of it: classes, size, pixels, task."""
