"""The command line."""

import typer

app = typer.Typer(name="lightly-assets", no_args_is_help=True, add_completion=False)


def main() -> None:
    app()
