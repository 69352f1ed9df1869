"""The command line. Starting it imports no more than a command needs."""

import typer

from lightly_assets.commands.files import (
    check,
    doctor,
    evaluate,
    export,
    extract,
    import_coco,
    import_labels,
    probe,
    report,
)
from lightly_assets.commands.project import init, metrics, run, select, start, state

app = typer.Typer(
    name="lightly-assets",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Videos and models in, a Worker-ready .lightly/predictions folder out.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("init")(init.init_command)
app.command("demo")(start.demo_command)
app.command("run")(run.run_command)
app.command("status")(state.status_command)
app.command("select")(select.select_command)
app.command("gc")(state.gc_command)
app.command("pause")(state.pause_command)
app.command("resume")(state.resume_command)
app.command("metrics")(metrics.metrics_command)
app.command("check")(check.check_command)
app.command("evaluate")(evaluate.evaluate_command)
app.command("report")(report.report_command)
app.command("probe")(probe.probe_command)
app.command("extract")(extract.extract_command)
app.command("import-coco")(import_coco.import_coco_command)
app.command("import-labels")(import_labels.import_labels_command)
app.command("export")(export.export_command)
app.command("doctor")(doctor.doctor_command)
app.command("ui")(start.ui_command)


def main() -> None:
    """The entry point of ``lightly-assets``."""
    app()


if __name__ == "__main__":
    main()
