"""Predictions judged against labels: the figures of COCO's evaluation, and those of the other task types."""
