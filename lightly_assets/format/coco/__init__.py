"""COCO annotations, as far as the format follows them."""
