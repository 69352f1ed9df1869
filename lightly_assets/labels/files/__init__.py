"""Kinds of files that labels come in, read so that none of them can do harm."""
