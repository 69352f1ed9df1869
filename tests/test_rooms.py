"""The house stays tidy: few modules in a folder, short files, short functions, every room on the map."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lightly_assets"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if "__pycache__" not in path.parts]


def test_no_folder_has_more_than_a_dozen_modules_of_its_own() -> None:
    counts: dict[str, int] = {}
    for path in MODULES:
        if path.name != "__init__.py":
            folder = str(path.parent.relative_to(ROOT))
            counts[folder] = counts.get(folder, 0) + 1
    assert len(counts) > 20
    assert {folder: count for folder, count in counts.items() if count > 12} == {}


def test_files_and_functions_are_short() -> None:
    long: dict[str, int] = {}
    for path in MODULES:
        text = path.read_text()
        lines = text.count("\n")
        if lines >= 480:
            long[str(path.relative_to(ROOT))] = lines
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # Without what it says about itself: a command's options take a line each.
                words = (ast.get_docstring(node) or "").count("\n")
                length = (node.end_lineno or 0) - node.body[0].lineno + 1 - words
                if length >= 60:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = length
    assert long == {}


def test_every_folder_says_what_it_is_for() -> None:
    folders = {path.parent for path in MODULES}
    silent = [folder for folder in sorted(folders) if ast.get_docstring(_init(folder)) is None]
    assert silent == []


def _init(folder: Path) -> ast.Module:
    return ast.parse((folder / "__init__.py").read_text())


def test_every_room_is_on_the_map() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    assert len(rooms) > 10
    assert [room for room in rooms if f"`{room}/`" not in page] == []
    floors = [path.name for path in (PACKAGE / "pipeline").iterdir() if (path / "__init__.py").exists()]
    assert [floor for floor in floors if f"`…/{floor}/`" not in page] == []


def test_every_room_has_its_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {name.strip() for layer in layers for name in layer.split("|")}
    names = {f"lightly_assets.{path.stem}" for path in PACKAGE.iterdir() if not path.name.startswith("_")}
    assert names - named == {"lightly_assets.demo", "lightly_assets.py"}, "demo has a contract of its own"
