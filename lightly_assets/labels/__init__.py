"""Label files of other tools: their names, their categories and their objects, as the format has them.

Pure: what lies in the input, and how large it is, is handed in.
"""
