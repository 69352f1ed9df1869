"""The documentation says what is so: generated pages, YAML snippets, command lines, names in Python."""

import ast
import json
import re
import runpy
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from lightly_assets.cli import app
from lightly_assets.config import ConfigError, Project, load_project
from lightly_assets.format.schema import TaskType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SCHEMAS = ROOT / "lightly_assets" / "documents" / "schemas"
PAGES = [ROOT / "README.md", ROOT / "AGENTS.md", *sorted(DOCS.rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> Iterator[Any]:
    for page in PAGES:
        for number, match in enumerate(_FENCE.finditer(page.read_text())):
            if match[1] == language:
                yield pytest.param(match[2], id=f"{page.relative_to(ROOT)}-{number}")


@pytest.mark.parametrize("name", ["reference/settings.md", "reference/commands.md", "reference/documents.md"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    pages = runpy.run_path(str(DOCS / "generate.py"))["PAGES"]
    assert (DOCS / name).read_text() == pages[name](), "run: python docs/generate.py"


def test_one_text_has_every_page() -> None:
    """What programs read: all pages, what agents must know first, no page twice."""
    made = runpy.run_path(str(DOCS / "generate.py"))
    text, names = made["one_text"](), made["pages_in_order"]()
    assert sorted(names) == sorted(str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md"))
    assert text.startswith((ROOT / "AGENTS.md").read_text())
    for page in DOCS.rglob("*.md"):
        title = page.read_text().split("\n", 1)[0]
        name = page.relative_to(DOCS)
        assert text.count(f"<!-- docs/{name} -->\n\n{title}\n") == 1, page
    assert "{toctree}" not in text and len(made["overview"]().splitlines()) == len(names) + 4


def test_agents_are_told_of_every_command_with_a_document() -> None:
    from lightly_assets.documents import DOCUMENTS

    text = (ROOT / "AGENTS.md").read_text()
    told = {name for name in DOCUMENTS if f"lightly-assets {name} " in text}
    assert set(DOCUMENTS) - told <= {"demo", "gc", "report", "extract", "import-coco", "export"}
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).is_file(), link


def _fragments() -> Iterator[Any]:
    """YAML snippets; one that shows a choice of models is one for each line."""
    for param in _blocks("yaml"):
        text = str(param.values[0])
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        choice = len(lines) > 1 and all(line.startswith("model: {") for line in lines)
        for number, one in enumerate(lines if choice else [text]):
            yield pytest.param(one, id=f"{param.id}.{number}")


def _projects(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a snippet may be: a part of ``lightly.yaml``, a task, a model, or some settings of a model."""
    if set(data) <= set(Project.model_fields):
        yield data
        return
    for task_type in TaskType:
        task = {"name": "some", "task_type": str(task_type), "categories": [{"id": 0, "name": "person"}]}
        model = data.get("model", {"kind": "onnx", "path": "a.onnx", "layout": "yolo"} | data)
        yield {"tasks": [task | {"model": model}]}


@cache
def _project_schema() -> jsonschema.protocols.Validator:
    """What editors go by."""
    schema = json.loads((SCHEMAS / "lightly.yaml.json").read_text())
    return jsonschema.validators.validator_for(schema)(schema)


@pytest.mark.parametrize("text", list(_fragments()))
def test_yaml_snippets_load(text: str, tmp_path: Path) -> None:
    """What a snippet leaves out is filled in. One of another file names that file in its first line."""
    data = yaml.safe_load(text)
    other = re.match(r"# ([\w.-]+\.ya?ml)", text)
    if other and other[1] != "lightly.yaml":
        assert isinstance(data, dict)
        return
    roots = {"input": "./videos", "lightly": "./lightly", "state": "./state"}
    path = tmp_path / "lightly.yaml"
    problems = []
    for project in _projects(data):
        project["datasource"] = roots | project.get("datasource", {})
        path.write_text(yaml.safe_dump(project))
        try:
            load_project(path)
            _project_schema().validate(project)
            return
        except ConfigError as error:
            problems.append(str(error))
    pytest.fail("\n".join(problems))


def _lines() -> Iterator[Any]:
    for param in _blocks(""):
        for line in str(param.values[0]).splitlines():
            if "lightly-assets " in line and not line.lstrip().startswith("#"):
                yield pytest.param(line, id=f"{param.id}: {line.strip()[:60]}")


@pytest.mark.parametrize("line", list(_lines()))
def test_command_lines_exist(line: str) -> None:
    words = shlex.split(line.split("lightly-assets ", 1)[1], comments=True)
    group = typer.main.get_command(app)
    commands = group.commands  # type: ignore[attr-defined]
    assert words[0] in commands or words[0].startswith("-"), f"no command {words[0]}"
    if words[0] in commands:
        known = {text for one in commands[words[0]].params for text in (*one.opts, *one.secondary_opts)}
        used = {word.split("=")[0] for word in words[1:] if word.startswith("-")}
        assert used <= known | {"--help", "-h"}, f"{words[0]} has no {sorted(used - known)}"


@pytest.mark.parametrize("text", list(_blocks("python")))
def test_python_snippets_name_what_exists(text: str) -> None:
    import lightly_assets

    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "lightly_assets":
            assert {one.name for one in node.names} <= set(lightly_assets.__all__)
