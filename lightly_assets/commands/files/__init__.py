"""Commands that look at files and folders, without a project: check, probe, extract, import, doctor."""
