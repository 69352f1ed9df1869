"""Lightly Assets as a component of a larger Dagster project."""

from pathlib import Path

import dagster as dg

from lightly_assets.definitions import build_definitions


class LightlyPredictionsComponent(dg.Component, dg.Model, dg.Resolvable):
    """The asset graph of a ``lightly.yaml``, for a ``defs.yaml`` of a project with components.

    .. code-block:: yaml

        type: lightly_assets.component.LightlyPredictionsComponent
        attributes:
          config: lightly.yaml

    >>> component = LightlyPredictionsComponent(config="lightly.yaml")
    >>> component.config
    'lightly.yaml'
    """

    config: str = "lightly.yaml"
    """Path of the project file, relative to the component's folder."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Raises ConfigError: the project file is wrong."""
        return build_definitions(Path(context.path) / self.config)
