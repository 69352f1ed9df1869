"""The commands of ``lightly-assets``, one file each."""
