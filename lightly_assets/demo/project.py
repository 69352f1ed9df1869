"""The demo's project: its input, its models and its ``lightly.yaml``, in one folder."""

from pathlib import Path

from lightly_assets.demo.input import write_demo_input

_HERE = Path(__file__).parent
MODELS = _HERE / "models"
"""The ONNX files that the demo runs."""
DEMO_FILE = _HERE / "lightly.yaml"
"""Its project file, as it is written into the demo's folder."""


def write_demo(folder: Path) -> Path:
    """Write everything that the demo needs into a folder; what is there already is left alone.

    Returns:
        The path of its ``lightly.yaml``.
    """
    write_demo_input(folder / "input")
    return write_demo_project(folder)


def write_demo_project(folder: Path) -> Path:
    """Write ``lightly.yaml`` and the models that it names.

    A ``lightly.yaml`` that is there already stays as it is, so that it can be edited. Models are replaced
    where they are not those of this version.

    Returns:
        The path of ``lightly.yaml``.
    """
    (folder / "models").mkdir(parents=True, exist_ok=True)
    for model in sorted(MODELS.glob("*.onnx")):
        _write(folder / "models" / model.name, model.read_bytes())
    project = folder / "lightly.yaml"
    if not project.exists():
        _write(project, DEMO_FILE.read_bytes())
    return project


def _write(path: Path, content: bytes) -> None:
    """In one step, and only where it is not there already."""
    if path.is_file() and path.read_bytes() == content:
        return
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
