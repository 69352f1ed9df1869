"""Examples in the help of each command: what is typed, and what for."""

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "init": (
        ("init", "a commented lightly.yaml to start from"),
        ("init my_project --model people.onnx --input ./videos", "one that fits a model and an input"),
    ),
    "demo": (("demo --out demo", "footage, models, predictions and a report, into ./demo"),),
    "run": (
        ("run", "bring everything up to date"),
        ("run --select 'front/**' --task people", "only some inputs, only one task"),
        ("run --dry-run", "what would be done"),
        ("run --watch", "again whenever the input changes; Ctrl-C ends it"),
    ),
    "status": (
        ("status", "of ./lightly.yaml"),
        ("status -c my_project --json", "for programs"),
    ),
    "select": (("select --n 500", "the 500 frames that are worth a label most"),),
    "embeddings": (("embeddings --out embeddings.csv", "as Lightly's own functions read them"),),
    "studio": (
        ("studio", "of ./lightly.yaml, into ./studio"),
        ("studio --python studio-env/bin/python", "by LightlyStudio in an environment of its own"),
    ),
    "gc": (
        ("gc --dry-run", "which files are of no input"),
        ("gc", "delete them"),
    ),
    "pause": (("pause front/broken.mp4 --reason 'is being cut again'", "leave it alone"),),
    "resume": (("resume front/broken.mp4", "take it up again"),),
    "metrics": (("metrics > /var/lib/node_exporter/lightly.prom", "for Prometheus"),),
    "check": (
        ("check", "the project of this folder"),
        ("check ./lightly --input ./videos", "any folder, whoever wrote it"),
        ("check s3://bucket/lightly/ --json", "for programs"),
    ),
    "evaluate": (
        ("evaluate ./lightly --task people --labels labels.json", "by a COCO file"),
        ("evaluate ./lightly --task people --labels truth", "by another task"),
    ),
    "report": (
        ("report ./lightly --input ./videos", "report.html, to open in a browser"),
        ("report ./lightly --input ./videos --labels labels.json --serve", "frames in full size"),
    ),
    "probe": (("probe front/*.mp4", "how many frames there are, by decoding"),),
    "extract": (("extract front/*.mp4 --out frames --input .", "every frame as a PNG"),),
    "import-coco": (("import-coco labels.json --task truth --lightly ./lightly --input ./images", ""),),
    "import-labels": (
        (
            "import-labels export.xml --task truth --lightly ./lightly --input ./videos --dry-run",
            "show what would be written",
        ),
    ),
    "export": (
        ("export ./lightly --task people --format coco --out people.json", "all of a task"),
        (
            "export ./lightly --input ./videos --task people --format yolo --out chosen "
            "--selected selection/selected.txt --frames chosen/images",
            "what was selected, with its frames",
        ),
    ),
    "doctor": (
        ("doctor", "the roots of the project"),
        ("doctor s3://bucket/prefix/ --read-only", "any root"),
    ),
    "ui": (("ui --port 3001", "Dagster's web UI on 127.0.0.1:3001"),),
    "schema": (
        ("schema", "which documents there are"),
        ("schema run", "what run --json prints"),
    ),
}
"""By command. Each is tried by the tests as far as its options."""

ROOMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Begin", ("demo", "init", "doctor", "ui")),
    ("A project", ("run", "status", "select", "embeddings", "studio", "gc", "pause", "resume", "metrics")),
    ("Predictions", ("check", "report", "evaluate", "export", "import-labels", "import-coco")),
    ("Videos", ("probe", "extract")),
    ("Programs", ("schema",)),
)
"""Commands as ``--help`` lists them."""
