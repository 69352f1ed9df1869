"""Commands that hand on what a project has made to another program."""
