"""The platform's selection, run here: which frames are worth a label."""
