"""The generated pages of the reference: ``python docs/generate.py`` writes them, a test compares them.

What ``lightly.yaml`` may say comes from the models that read it, the command line from the commands.
"""

import ast
import inspect
import json
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

HERE = Path(__file__).parent


def field_texts(model: type[BaseModel]) -> dict[str, str]:
    """The string under each field of a model, those of its bases included."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not (isinstance(base, type) and issubclass(base, BaseModel)) or base is BaseModel:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match text:
                    case ast.Expr(value=ast.Constant(value=str(words))):
                        texts[field.target.id] = inspect.cleandoc(words)
    return texts


def type_words(annotation: Any, bounds: list[Any] | None = None) -> str:
    """A type as a person would say it: ``number, at least 0``."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_words(args[0], list(args[1:]))
    limits = ", ".join(_bounds(bounds or []))
    if origin is Literal:
        words = " or ".join(f"`{value}`" for value in args)
    elif origin in (typing.Union, types.UnionType):
        words = " or ".join(type_words(one) for one in args if one is not type(None))
    elif origin in (tuple, list):
        words = f"list of {type_words(args[0])}" if args else "list"
    elif origin is dict:
        words = f"mapping of {type_words(args[0])} to {type_words(args[1])}" if args else "mapping"
    elif inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        words = f"[{_section_name(annotation)}](#{annotation.__name__.lower()})"
    else:
        names = {str: "text", int: "integer", float: "number", bool: "`true` or `false`", Any: "anything"}
        words = names.get(annotation) or _enum_words(annotation)
    return f"{words}, {limits}" if limits else words


def _section_name(model: type[BaseModel]) -> str:
    name = model.__name__
    return "settings" if name.endswith("Settings") else name


def _enum_words(annotation: Any) -> str:
    if inspect.isclass(annotation) and hasattr(annotation, "__members__"):
        return " or ".join(f"`{one.value}`" for one in annotation)
    return "path" if annotation is Path else getattr(annotation, "__name__", str(annotation))


def _bounds(marks: list[Any]) -> Iterator[str]:
    words = {
        "ge": "at least",
        "gt": "more than",
        "le": "at most",
        "lt": "less than",
        "min_length": "length at least",
    }
    for mark in marks:
        for one in [mark, *getattr(mark, "metadata", [])]:
            for name, text in words.items():
                value = getattr(one, name, None)
                if value is not None:
                    yield f"{text} {value:g}" if isinstance(value, float) else f"{text} {value}"


def model_table(model: type[BaseModel], hide: tuple[str, ...] = ()) -> str:
    """A model's fields as a Markdown table: key, type, default, meaning."""
    texts = field_texts(model)
    hints = typing.get_type_hints(model, include_extras=True)
    rows = ["| key | what it may be | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        if name in hide:
            continue
        words = type_words(hints[name], list(field.metadata)).replace("|", "\\|")
        meaning = " ".join(texts.get(name, "").split()).replace("``", "`").replace("|", "\\|")
        rows.append(f"| `{field.alias or name}` | {words} | {_default(field)} | {meaning} |")
    return "\n".join(rows)


def _default(field: Any) -> str:
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or isinstance(value, BaseModel) or value in ((), {}, []):
        return ""
    if isinstance(value, tuple | list):
        return "`[" + ", ".join(map(str, value)) + "]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`".replace("|", "\\|")


def nested_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside a type."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from nested_models(one)


def sections(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Where each nested model stands, and the model; depth first, each once."""
    seen: set[type[BaseModel]] = set()

    def walk(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
        for name, hint in typing.get_type_hints(model, include_extras=True).items():
            if name not in model.model_fields:
                continue
            for inner in nested_models(hint):
                if inner not in seen:
                    seen.add(inner)
                    where = f"{path}.{name}" if path else name
                    yield where, inner
                    yield from walk(where, inner)

    yield from walk("", model)


def model_kinds() -> list[tuple[str, type[BaseModel]]]:
    """Every kind of model, by name."""
    from lightly_assets.models.config import KINDS

    return sorted(KINDS.items())


def settings_page() -> str:
    """``reference/settings.md``: every key of ``lightly.yaml``."""
    from lightly_assets.config import Project

    parts = [
        "# Every key of lightly.yaml",
        "Made from the code that reads the file. Paths are relative to it; other keys are refused.",
        "## Top level",
        model_table(Project, hide=("base_dir", "file_name", "inline")),
    ]
    for where, model in sections(Project):
        parts += [f"({model.__name__.lower()})=", f"## {where}", _intro(model), model_table(model)]
    parts += ["## model", "Under `tasks[].model`. `kind` says which of these it is."]
    done: set[type[BaseModel]] = set()
    for kind, model in model_kinds():
        parts += [f"### kind: {kind}", _intro(model), model_table(model, hide=("kind", "options"))]
        for where, inner in sections(model):
            # What layouts can be told depends on the layout; models.md lists it.
            if inner not in done and where != "options":
                done.add(inner)
                parts += [f"({inner.__name__.lower()})=", f"#### {where}", _intro(inner), model_table(inner)]
    parts += _vector_kinds(done)
    return "\n\n".join(part for part in parts if part) + "\n"


def _vector_kinds(done: set[type[BaseModel]]) -> list[str]:
    """The kinds of ``embeddings.model``; sections that stand above already are left out."""
    from lightly_assets.models.vectors.settings import VECTOR_KINDS

    parts = ["## embeddings.model", "`kind` says which of these it is."]
    for kind, model in sorted(VECTOR_KINDS.items()):
        parts += [f"### embeddings: {kind}", _intro(model)]
        if set(model.model_fields) != {"kind"}:
            parts.append(model_table(model, hide=("kind",)))
        assert all(inner in done for _, inner in sections(model))
    return parts


def _intro(model: type[BaseModel]) -> str:
    return " ".join((inspect.getdoc(model) or "").replace("``", "`").split())


def commands_page() -> str:
    """``reference/commands.md``: every command with its options."""
    from lightly_assets.cli import app
    from lightly_assets.commands.examples import EXAMPLES

    group = typer.main.get_command(app)
    parts = [
        "# Every command",
        "Exit code 0: fine, warnings included; 1: errors found, or work failed; 2: wrong use. With `--json`, "
        "standard output is exactly one JSON document.",
    ]
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        if command.hidden:
            continue
        rows = ["| | | default |", "|---|---|---|"]
        for one in command.params:
            if one.name == "help":
                continue
            option = one.param_type_name == "option"
            texts = (*one.opts, *one.secondary_opts) if option else (str(one.name).upper(),)
            names = ", ".join(f"`{text}`" for text in texts)
            default = "**needed**" if one.required else _shown(one)
            text = " ".join((getattr(one, "help", None) or "").split()).replace("|", "\\|")
            rows.append(f"| {names} | {text} | {default} |")
        help_text = inspect.cleandoc(command.help or "").replace("\b", "").replace("``", "`")
        known = EXAMPLES.get(name, ())
        examples = "\n".join(
            f"lightly-assets {line}" + (f"   # {what}" if what else "") for line, what in known
        )
        parts += [f"## {name}", help_text, f"```\n{examples}\n```", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def schema_text(command: str) -> str:
    """The JSON Schema of a command's document, as ``lightly_assets/documents/schemas`` ships it."""
    from lightly_assets.documents import DOCUMENTS

    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= DOCUMENTS[command].model_json_schema(mode="serialization")
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def project_schema_text() -> str:
    """The JSON Schema of ``lightly.yaml``, for editors. What only Python can tell is left open."""
    from lightly_assets.config import Project
    from lightly_assets.models.vectors.settings import VECTOR_KINDS

    definitions: dict[str, Any] = {}
    root = _model_schema(Project, definitions, hide=("base_dir", "file_name", "inline"))
    for name, kinds in (("Task", dict(model_kinds())), ("EmbeddingSettings", VECTOR_KINDS)):
        definitions[name]["properties"]["model"] = {
            "type": "object",
            "required": ["kind"],
            "anyOf": [_model_schema(model, definitions) for _, model in sorted(kinds.items())],
        }
    # A model's file may name them; the old name of another key; one number in place of a list of equal ones.
    definitions["Task"]["required"].remove("categories")
    sensor = definitions["SensorSettings"]["properties"]
    sensor["stable_seconds"] = sensor["trusted_age_seconds"] | {
        "deprecated": True, "description": "The old name of trusted_age_seconds."
    }  # fmt: skip
    for key in ("size", "mean", "std"):
        definitions["Preprocess"]["properties"][key]["anyOf"].append({"type": "number"})
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "lightly.yaml"}
    return json.dumps(head | root | {"$defs": definitions}, indent=1, ensure_ascii=False) + "\n"


def _model_schema(
    model: type[BaseModel], definitions: dict[str, Any], hide: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The schema of a section, with the texts of its fields; those inside of it go to ``definitions``."""
    from lightly_assets.models.layouts.base import LAYOUTS

    schema = model.model_json_schema()
    inner = schema.pop("$defs", {})
    for one in [model, *(found for _, found in sections(model))]:
        place = schema if one is model else inner[one.__name__]
        place.pop("title", None)
        for name, text in field_texts(one).items():
            if name in place["properties"]:
                place["properties"][name]["description"] = " ".join(text.replace("``", "`").split())
        for value in place["properties"].values():
            value.pop("title", None)
    properties = schema["properties"]
    for name in hide:
        del properties[name]
    if "options" in properties:
        # The keys of layouts stand beside the others; which of them a layout has is told when it is read.
        del properties["options"], inner["LayoutOptions"]
        properties["layout"]["enum"] = sorted(LAYOUTS)
        for _, layout in sorted(LAYOUTS.items()):
            properties |= {name: {} for name in layout.Options.model_fields if name not in properties}
    definitions |= inner
    return schema


def documents_page() -> str:
    """``reference/documents.md``: every JSON document, key by key."""
    from lightly_assets.documents import DOCUMENTS

    parts = [
        "# Every JSON document",
        "What commands print with `--json`: exactly one document on standard output. Each has a JSON Schema "
        "in the package (`lightly_assets/documents/schemas/`), which `lightly-assets schema COMMAND` prints. "
        "Keys may be added in later versions; none is taken away or means something else before the next "
        "major one.",
        "In Python, `lightly_assets.documents.DOCUMENTS[COMMAND].model_validate_json(text)` reads one.",
    ]
    done: set[type[BaseModel]] = set()
    for command, root in DOCUMENTS.items():
        parts += [f"## {command}", _intro(root)]
        for model in nested_models(root.model_fields["root"].annotation):
            for one in [model, *(inner for _, inner in sections(model))]:
                if one in done:
                    parts.append(f"[{one.__name__}](#json-{one.__name__.lower()}), as above.")
                    continue
                done.add(one)
                parts += [f"(json-{one.__name__.lower()})=", f"### {one.__name__}", _intro(one)]
                parts.append(document_table(one))
    return "\n\n".join(part for part in parts if part) + "\n"


def document_table(model: type[BaseModel]) -> str:
    """The keys of an object in a document: what they are, and what they mean."""
    texts, hints = field_texts(model), typing.get_type_hints(model, include_extras=True)
    rows = ["| key | what it is | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        words = type_words(hints[name]).replace("](#", "](#json-").replace("|", "\\|")
        if type(None) in get_args(hints[name]) and field.is_required():
            words += " or null"
        key = f"`{name}`" if field.is_required() else f"`{name}`, not always"
        rows.append(f"| {key} | {words} | {' '.join(texts.get(name, '').split()).replace('``', '`')} |")
    return "\n".join(rows)


def _shown(option: Any) -> str:
    value = option.default
    if value is None or value is False or value == () or callable(value):
        return ""
    return f"`{value}`"


def pages_in_order() -> list[str]:
    """Names of all pages, as the contents of the site list them."""
    text = (HERE / "index.md").read_text("utf-8")
    trees = re.findall(r"^```{toctree}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    return ["index", *names]


def one_text() -> str:
    """Everything as one plain text: what agents must know first, then all pages in their order."""
    parts = [(HERE.parent / "AGENTS.md").read_text("utf-8")]
    for name in pages_in_order():
        text = (HERE / f"{name}.md").read_text("utf-8")
        text = re.sub(r"^```{toctree}\n.*?^```\n?", "", text, flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r"^\([\w-]+\)=\n+", "", text, flags=re.MULTILINE)
        parts.append(f"<!-- docs/{name}.md -->\n\n{text.strip()}\n")
    return "\n\n".join(parts)


def overview() -> str:
    """What there is, a line for each page."""
    lines = ["# Lightly Assets", "", "> All of it as one text: llms-full.txt", ""]
    for name in pages_in_order():
        title = (HERE / f"{name}.md").read_text("utf-8").split("\n", 1)[0].removeprefix("# ")
        lines.append(f"- [{title}]({name}.html)")
    return "\n".join(lines) + "\n"


PAGES = {
    "reference/settings.md": settings_page,
    "reference/commands.md": commands_page,
    "reference/documents.md": documents_page,
}
SCHEMAS = HERE.parent / "lightly_assets" / "documents" / "schemas"


def main() -> None:
    """Write the generated pages."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
    from lightly_assets.documents import DOCUMENTS

    SCHEMAS.mkdir(exist_ok=True)
    for command in DOCUMENTS:
        (SCHEMAS / f"{command}.json").write_text(schema_text(command), encoding="utf-8")
    (SCHEMAS / "lightly.yaml.json").write_text(project_schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
