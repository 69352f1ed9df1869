"""Commands of a project: run, status, gc, pause, resume, init, demo, ui."""
