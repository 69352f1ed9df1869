"""What runs in LightlyStudio's own environment: it knows LightlyStudio, NumPy and nothing of ours.

So imports are relative here, and a folder of files is all that it is given.
"""
