"""Which class each pixel of an image has, from scores of a model's coarser pixels."""
