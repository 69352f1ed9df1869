"""Lightly Assets as a component of a larger Dagster project."""

import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import Field, WithJsonSchema

from lightly_assets.config import ConfigError, load_project, project_of_sections
from lightly_assets.definitions import build_definitions

_TEMPLATE = re.compile(r"\{[{%#]")
_EXAMPLE: dict[str, Any] = {
    "datasource": {"input": "./input", "lightly": "./lightly", "state": "./state"},
    "tasks": [
        {
            "name": "people",
            "task_type": "object-detection",
            "categories": [{"id": 0, "name": "person"}],
            "model": {"kind": "onnx", "path": "people.onnx", "layout": "yolo"},
        }
    ],
}


class _Environment:
    """``env`` in templates; a variable that is not set is refused, where Dagster's own would write "None"."""

    def __call__(self, name: str, default: Any = ...) -> Any:
        value = os.environ.get(name, default)
        if value is ...:
            raise ConfigError(
                f"The environment variable {name} is not set; set it, or give what holds without it: "
                f"{{{{ env('{name}', 'value') }}}}."
            )
        return value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("jinja"):  # asked for by the template engine of what it does not know
            raise AttributeError(name)
        return self(name)


def _resolve(context: dg.ResolutionContext, value: Any) -> Any:
    """Text without a template stays as it is: Dagster would make a number of a category named '1'."""
    if isinstance(value, dict):
        return {key: _resolve(context.at_path(key), one) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolve(context.at_path(index), one) for index, one in enumerate(value)]
    if isinstance(value, str) and _TEMPLATE.search(value):
        return context.with_scope(env=_Environment()).resolve_value(value)
    return value


def _schema_of_sections() -> dict[str, Any]:
    """The JSON Schema of ``lightly.yaml`` as a part of another one, with templates in place of values."""
    text = files("lightly_assets").joinpath("documents", "schemas", "lightly.yaml.json").read_text("utf-8")
    root: dict[str, Any] = json.loads(text)
    definitions, template = root.pop("$defs"), {"type": "string", "pattern": r"\{[{%#]"}

    def inlined(schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            said = {key: one for key, one in schema.items() if key != "$ref"}
            schema = definitions[schema["$ref"].rpartition("/")[2]] | said
        found = dict(schema)
        for key in ("anyOf", "prefixItems"):
            if key in schema:
                found[key] = [inlined(one) for one in schema[key]]
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                found[key] = or_template(schema[key])
        if "properties" in schema:
            found["properties"] = {name: or_template(one) for name, one in schema["properties"].items()}
        return found

    def or_template(schema: dict[str, Any]) -> dict[str, Any]:
        found = inlined(schema)
        if not found or (found.get("type") == "string" and not {"enum", "const", "pattern"} & set(found)):
            return found
        about: dict[str, Any] = {key: found.pop(key) for key in ("description", "default") if key in found}
        others = found.pop("anyOf") if set(found) == {"anyOf"} else [found]
        return {**about, "anyOf": [*others, template]}

    return {key: one for key, one in inlined(root).items() if key not in ("$schema", "title")}


_Config = Annotated[
    str | None,
    dg.Resolver(
        _resolve,
        inject_before_resolve=False,
        description="The project file, relative to the component's folder.",
    ),
]
_Sections = Annotated[
    dict[str, Any] | None,
    dg.Resolver(
        _resolve,
        model_field_type=Annotated[dict[str, Any], WithJsonSchema(_schema_of_sections())],
        inject_before_resolve=False,
        description="What a lightly.yaml would say, in place of a file.",
    ),
]
_Prefix = Annotated[
    str, Field(pattern=r"^([A-Za-z][A-Za-z0-9_]*)?$", description="A word that all names begin with.")
]

_Upstream = Annotated[
    tuple[str, ...], Field(description="Keys of the assets that write the input, such as raw/clips.")
]


class _Scaffolder(dg.Scaffolder[Any]):
    """``dg scaffold defs``: a component with a project in it that says what may be changed."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        dg.scaffold_component(request, {"project": _EXAMPLE})


@dg.scaffold_with(_Scaffolder)
class LightlyPredictionsComponent(dg.Component, dg.Model, dg.Resolvable):
    """The asset graph of a ``lightly.yaml``, for a ``defs.yaml`` of a project with components.

    .. code-block:: yaml

        type: lightly_assets.LightlyPredictionsComponent
        attributes:
          config: lightly.yaml

    or with what that file would say. Several components live side by side where each has a prefix of its own:

    .. code-block:: yaml

        type: lightly_assets.LightlyPredictionsComponent
        attributes:
          prefix: front
          project:
            datasource: {input: "{{ env.BUCKET }}/front", lightly: ./lightly, state: ./state}
            tasks: []

    >>> component = LightlyPredictionsComponent(config="lightly.yaml")
    >>> component.config
    'lightly.yaml'
    """

    config: _Config = None
    """Path of the project file, relative to the component's folder; ``lightly.yaml`` if nothing is given."""
    project: _Sections = None
    """Sections of a project in place of a file. Paths are relative to the component's folder."""
    prefix: _Prefix = ""
    """A word that all names begin with, so that several components live side by side.

    Two with the same one, or without, are refused where Dagster loads all of them. What a component or Python
    code of the project builds by itself is not seen there: Dagster says of it that resources, such as
    ``lightly_project``, or assets are there twice.
    """
    upstream: _Upstream = ()
    """Keys of assets that write the input; ``videos`` is shown behind them."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Raises ConfigError: the project is wrong, or another component has the same prefix."""
        folder = Path(context.path)
        folder = folder if folder.is_dir() else folder.parent
        self._require_own_prefix(context, folder)
        if self.project is None:
            project = load_project(folder / (self.config or "lightly.yaml"))
        elif self.config is None:
            project = project_of_sections(self.project, folder / "defs.yaml")
        else:
            raise ConfigError(f"{folder}: a component has 'config' or 'project', not both; leave one out.")
        return build_definitions(project, prefix=self.prefix, upstream=self.upstream)

    def _require_own_prefix(self, context: dg.ComponentLoadContext, folder: Path) -> None:
        tree = context.component_tree
        if not tree.is_fully_loaded():
            return  # this one alone is built, perhaps in a test, and those beside it are not looked for
        others = tree.get_all_components(LightlyPredictionsComponent)
        same = sum(one.prefix == self.prefix for one in others)
        if same > 1:
            prefix = f"the prefix '{self.prefix}'" if self.prefix else "no prefix"
            raise ConfigError(
                f"{folder}: {same} components of this kind have {prefix}, so their assets and jobs would "
                "have the same names; give each a prefix of its own, such as 'prefix: front'."
            )
