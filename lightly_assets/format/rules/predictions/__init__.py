"""Rules about single predictions, one module each: a new rule is a new file here and nothing else."""
